// Compiled alone: Tensor is this project's here, libtorch's in other files of the folder.
#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "train/augment.h"
#include "train/average.h"
#include "train/checkpoint.h"
#include "train/device.h"
#include "train/module.h"
#include "train/optimizer.h"
#include "train/picture_store.h"
#include "train/run_rules.h"
#include "train/teacher.h"

namespace syncopate::train {
namespace {

using Clock = std::chrono::steady_clock;
using torch::indexing::Slice;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

torch::ScalarType type_of(Precision precision) {
  return precision == Precision::bf16 ? torch::kBFloat16 : torch::kFloat;
}

/// libtorch's exceptions carry a stack trace; people get the first line.
template <class Work>
auto guarded(const std::string& source, const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    fail("{}: libtorch: {}", source, text.substr(0, text.find('\n')));
  }
}

/// What a network of one input gives for a picture.
std::int64_t scores_of(const ir::Graph& graph) {
  const Shape& pictures = graph.value(graph.inputs.at(0)).shape;
  const Shape& scores = graph.value(graph.outputs.at(0)).shape;
  return element_count(scores) / std::max<std::int64_t>(pictures.empty() ? 1 : pictures[0], 1);
}

void check_fit(const ir::Graph& graph, const data::DataSet& set) {
  if (set.count() == 0) return;
  const Shape picture{set.channels, set.height, set.width};
  const Shape shape = graph.inputs.size() == 1 ? graph.value(graph.inputs[0]).shape : Shape{};
  if (shape.size() != 4 || Shape(shape.begin() + 1, shape.end()) != picture) {
    fail("{}: pictures of '{}' are {}; expected a network with that one input", graph.source,
         set.name, to_string(picture));
  }
  const std::int32_t most = *std::ranges::max_element(set.labels);
  const std::int64_t classes = scores_of(graph);
  if (most >= classes || *std::ranges::min_element(set.labels) < 0) {
    fail("{}: '{}' has labels up to {}, but the network gives {} scores", graph.source, set.name,
         most, classes);
  }
}

}  // namespace

struct Session::Impl {
  Impl(const ir::Graph& graph, const data::DataSet& train_set, const data::DataSet& test_set,
       const data::Normalization& how, const Platform& wanted)
      : platform(wanted),
        device(device_of(wanted.device)),
        normalization(how),
        train(train_set),
        test_identity(identity_of(test_set)),
        module(graph, {device, torch::kFloat, type_of(wanted.precision)}),
        test_store(test_set, how, device),
        source(graph.source),
        scores(scores_of(graph)) {}

  Score score(const PictureStore& store, std::int64_t limit, torch::ScalarType type);
  /// Pictures of a step, changed and on the host.
  struct Batch {
    std::vector<std::int64_t> picked;
    std::vector<bool> flips;
    torch::Tensor pictures, labels;
  };
  Batch prepare(std::int64_t which);
  torch::Tensor loss_of(const torch::Tensor& logits, const torch::Tensor& x,
                        const torch::Tensor& labels, const Batch& now);
  const PictureStore& stored_train();
  void run(const Callback& callback, Outcome& outcome);
  void train_step();
  void average();
  void measure_statistics();
  bool end_epoch(Outcome& outcome, const Callback& callback);
  bool report(const Callback& callback, const EpochLog* finished);
  void check_loss();
  void save(const Outcome& outcome);
  void restore(const Checkpoint& checkpoint, Outcome& outcome);
  void set_up(const Options& wanted, const Constraints& constraints, Outcome& outcome);
  bool prepare_teacher(const Callback& callback);
  std::map<std::string, torch::Tensor> state();

  Platform platform;
  torch::Device device;
  data::Normalization normalization;
  data::DataSet train;
  std::string test_identity;
  Module module;
  PictureStore test_store;
  std::optional<PictureStore> train_store;  ///< Made when it is scored.
  std::string source;
  std::int64_t scores;

  // The run in progress, or the last one.
  Options options;
  std::optional<Optimizer> optimizer;
  std::optional<Average> mean;
  std::optional<Teacher> teacher;  ///< Kept for the next run when it is the same.
  std::string teacher_identity;
  std::map<std::string, std::string> identity;
  std::vector<std::uint8_t> fill;
  std::vector<std::int64_t> order;  ///< Of the epoch that was prepared for last.
  std::int64_t order_epoch = -1;
  std::int64_t batch = 0, batches = 0;  ///< Pictures of a step, steps of an epoch.
  std::int64_t step = 0, first_step = 0;
  torch::Tensor sums;  ///< Loss and right answers over the pictures of the epoch, f64.
  double loss_sum = 0, correct_sum = 0;  ///< The same, as of the last look.
  double epoch_seconds = 0;
  double save_seconds = 0;  ///< What the last checkpoint took.
  bool resumed = false;
  Clock::time_point mark, saved, begun;
  /// What the next step trains on, where it is prepared beside this one. Last, so that it is waited
  /// for before what it reads goes.
  std::future<Batch> next;
};

torch::Tensor Session::Impl::loss_of(const torch::Tensor& logits, const torch::Tensor& x,
                                     const torch::Tensor& labels, const Batch& now) {
  torch::Tensor loss = torch::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, -100,
                                                 options.label_smoothing);
  if (!teacher) return loss;
  const Distillation& how = options.distillation;
  const torch::Tensor answers =
      how.once ? teacher->remembered(now.picked, now.flips) : teacher->logits(x);
  const torch::Tensor wanted = torch::log_softmax(answers / how.temperature, 1);
  const torch::Tensor given = torch::log_softmax(logits / how.temperature, 1);
  const torch::Tensor divergence = (wanted.exp() * (wanted - given)).sum(1).mean();
  return loss * (1 - how.weight) + divergence * (how.weight * how.temperature * how.temperature);
}

const PictureStore& Session::Impl::stored_train() {
  if (!train_store) train_store.emplace(train, normalization, device);
  return *train_store;
}

Session::Impl::Batch Session::Impl::prepare(std::int64_t which) {
  const std::int64_t epoch = which / batches, position = which % batches;
  if (order_epoch != epoch) {
    order = epoch_order(train.count(), options.seed, epoch);
    order_epoch = epoch;
  }
  // Pinned, they follow to the device while it computes.
  const torch::TensorOptions here = torch::TensorOptions().pinned_memory(device.is_cuda());
  const auto first = order.begin() + position * batch;
  Batch result{
      {first, first + batch},
      {},
      torch::empty({batch, train.channels, train.height, train.width}, here.dtype(torch::kByte)),
      torch::empty({batch}, here.dtype(torch::kLong))};
  result.flips = augment(train, result.picked, options.augmentation, fill, options.seed, epoch,
                         {result.pictures.data_ptr<std::uint8_t>(),
                          static_cast<std::size_t>(result.pictures.numel())});
  std::ranges::transform(
      result.picked, result.labels.data_ptr<std::int64_t>(), [&](std::int64_t i) {
        return static_cast<std::int64_t>(train.labels[static_cast<std::size_t>(i)]);
      });
  return result;
}

void Session::Impl::train_step() {
  const Batch now = next.valid() ? next.get() : prepare(step);
  // A GPU is left waiting by one thread that does everything.
  if (device.is_cuda() && step + 1 < options.epochs * batches) {
    next = std::async(std::launch::async, [this, which = step + 1] { return prepare(which); });
  }
  const torch::Tensor labels = now.labels.to(device, /*non_blocking=*/true);
  const torch::Tensor x = test_store.normalized(now.pictures);
  optimizer->clear_gradients();
  const torch::Tensor logits = module.logits(x, true, options.statistics_momentum);
  const torch::Tensor loss = loss_of(logits, x, labels, now);
  loss.backward();
  optimizer->step(rate_at(options, step, batches), step);
  const torch::NoGradGuard guard;
  const torch::Tensor correct = logits.argmax(1).eq(labels).sum().to(torch::kDouble);
  sums.add_(torch::stack({loss.detach().to(torch::kDouble) * static_cast<double>(batch), correct}));
  ++step;
  if (mean) average();
}

/// Behind the last step weights become their mean.
void Session::Impl::average() {
  const std::int64_t all = options.epochs * batches, averaged = averaged_steps(options, all);
  if (step > all - averaged) mean->add(step - (all - averaged));
  if (step < all) return;
  mean->apply();
  optimizer->restored();
  measure_statistics();
}

/// Running means and variances of present weights, over as many pictures as make them certain.
void Session::Impl::measure_statistics() {
  constexpr std::int64_t kPictures = 10000;
  if (module.statistics().empty()) return;
  const torch::NoGradGuard guard;
  const std::int64_t count = std::min(batches, (kPictures + batch - 1) / batch);
  for (std::int64_t i = 0; i < count; ++i) {
    module.logits(test_store.normalized(prepare(i).pictures), true,
                  1.0 / static_cast<double>(i + 1));
  }
}

/// Waits for the device and looks at the sums.
void Session::Impl::check_loss() {
  const torch::Tensor host = sums.to(torch::kCPU);
  loss_sum = host[0].item<double>();
  correct_sum = host[1].item<double>();
  if (std::isfinite(loss_sum)) return;
  fail(
      "{}: the loss is no longer a number in epoch {}, at a rate of {:.3g}; try a lower rate, "
      "more warm-up or clipped gradients",
      source, (step - 1) / batches + 1, rate_at(options, step - 1, batches));
}

bool Session::Impl::report(const Callback& callback, const EpochLog* finished) {
  if (!callback) return true;
  const double spent = seconds_since(begun);
  const std::int64_t done = step - first_step, all = options.epochs * batches;
  Progress progress;
  progress.epochs = options.epochs;
  progress.batches = batches;
  progress.epoch = finished ? finished->epoch : step / batches + 1;
  progress.batch = finished ? batches : step % batches;
  const double seen = static_cast<double>(std::max<std::int64_t>(progress.batch, 1) * batch);
  progress.loss = finished ? finished->loss : loss_sum / seen;
  progress.train_accuracy = finished ? finished->train_accuracy : correct_sum / seen;
  progress.rate = rate_at(options, std::max<std::int64_t>(step - 1, 0), batches);
  if (done > 0) {
    progress.pictures_per_second = static_cast<double>(done * batch) / spent;
    progress.seconds_left = spent / static_cast<double>(done) * static_cast<double>(all - step);
  }
  progress.finished = finished;
  progress.resumed = resumed && done == 0;
  return callback(progress);
}

std::map<std::string, torch::Tensor> Session::Impl::state() {
  std::map<std::string, torch::Tensor> all = optimizer->state();
  for (Variable& variable : module.parameters()) all["weights " + variable.name] = variable.tensor;
  for (Variable& variable : module.statistics()) all["weights " + variable.name] = variable.tensor;
  if (mean) all.merge(mean->state());
  return all;
}

void Session::Impl::save(const Outcome& outcome) {
  const Clock::time_point before = saved = Clock::now();
  if (options.checkpoints.path.empty()) return;
  Checkpoint checkpoint{identity, step, loss_sum, correct_sum, epoch_seconds, outcome.log, {}};
  for (const auto& [name, tensor] : state()) checkpoint.tensors[name] = to_host(tensor);
  save_checkpoint(checkpoint, options.checkpoints.path);
  saved = Clock::now();
  save_seconds = seconds_since(before);
}

void Session::Impl::restore(const Checkpoint& checkpoint, Outcome& outcome) {
  for (const auto& [name, tensor] : state()) {
    const auto found = checkpoint.tensors.find(name);
    const Shape shape(tensor.sizes().begin(), tensor.sizes().end());
    if (found == checkpoint.tensors.end() || found->second.shape() != shape) {
      fail("{}: lacks '{}' of this network; remove it to start again", options.checkpoints.path,
           name);
    }
    from_host(found->second, tensor);
  }
  optimizer->restored();
  step = checkpoint.step;
  loss_sum = checkpoint.loss_sum;
  correct_sum = checkpoint.correct_sum;
  epoch_seconds = checkpoint.epoch_seconds;
  outcome.log = checkpoint.log;
  outcome.resumed = resumed = true;
}

void Session::Impl::set_up(const Options& wanted, const Constraints& constraints,
                           Outcome& outcome) {
  next = {};
  options = wanted;
  check_options(options, train.count());
  identity = identity_of({module.graph(), train, test_identity, normalization, platform.precision},
                         options, constraints);
  batch = std::min(options.batch, train.count());
  batches = train.count() / batch;
  optimizer.emplace(module, options, constraints,
                    choosing_steps(options, options.epochs * batches));
  mean.reset();
  if (options.average > 0) {
    if (!constraints.clusters.empty()) fail("weights that are clustered are not averaged");
    mean.emplace(optimizer->parameters());
  }
  fill = mean_color(train);
  step = 0;
  order_epoch = -1;
  loss_sum = correct_sum = epoch_seconds = 0;
  resumed = false;
  const std::string& path = options.checkpoints.path;
  if (!path.empty() && std::filesystem::exists(path)) {
    restore(load_checkpoint(path, identity), outcome);
  }
  sums = torch::tensor({loss_sum, correct_sum}, torch::kDouble).to(device);
  first_step = step;
}

/// False when the callback stops it.
bool Session::Impl::prepare_teacher(const Callback& callback) {
  const std::string whose = identity["teacher"] + ", " + identity["augmentation"];
  const Distillation& how = options.distillation;
  if (how.teachers.empty()) teacher.reset();
  if (how.teachers.empty() || (teacher && teacher_identity == whose)) return true;
  teacher.emplace(how.teachers, ModuleOptions{device, torch::kFloat, type_of(platform.precision)},
                  how.temperature);
  const auto watch = [&](std::int64_t done, std::int64_t all) {
    Progress progress;
    progress.looked_at = done;
    progress.to_look_at = all;
    return !callback || callback(progress);
  };
  teacher_identity.clear();
  if (how.once && !teacher->look(stored_train(), options.augmentation.flip, watch)) return false;
  teacher_identity = whose;
  return true;
}

bool Session::Impl::end_epoch(Outcome& outcome, const Callback& callback) {
  const double pictures = static_cast<double>(batches * batch);
  EpochLog log;
  log.epoch = step / batches;
  log.loss = loss_sum / pictures;
  log.train_accuracy = correct_sum / pictures;
  log.rate = rate_at(options, step - 1, batches);
  log.seconds = epoch_seconds;
  const bool last = log.epoch == options.epochs;
  if (last || log.epoch % options.test_every == 0) {
    log.test_accuracy = score(test_store, 0, type_of(platform.precision)).accuracy;
  }
  outcome.log.push_back(log);
  sums.zero_();
  loss_sum = correct_sum = epoch_seconds = 0;
  const bool due =
      options.checkpoints.every_epochs > 0 && log.epoch % options.checkpoints.every_epochs == 0;
  // Where epochs take a second, keeping each would take as long as training.
  if (last || (due && seconds_since(saved) >= 9 * save_seconds)) save(outcome);
  mark = Clock::now();
  return report(callback, &outcome.log.back());
}

void Session::Impl::run(const Callback& callback, Outcome& outcome) {
  begun = mark = saved = Clock::now();
  bool go_on = report(callback, nullptr);
  Clock::time_point told = Clock::now();
  const std::int64_t end = options.epochs * batches;
  while (go_on && step < end) {
    train_step();
    const bool ends = step % batches == 0;
    if (!ends && (step % batches) % options.report_every != 0 && seconds_since(told) < 1) continue;
    check_loss();
    epoch_seconds += seconds_since(mark);
    mark = told = Clock::now();
    if (ends) {
      go_on = end_epoch(outcome, callback);
      continue;
    }
    if (seconds_since(saved) > 60 * options.checkpoints.every_minutes) save(outcome);
    go_on = report(callback, nullptr);
  }
  outcome.complete = step == end;
  if (!outcome.complete && step > first_step) save(outcome);
}

Score Session::Impl::score(const PictureStore& store, std::int64_t limit, torch::ScalarType type) {
  constexpr std::int64_t kBatch = 500;
  const torch::NoGradGuard guard;
  const torch::ScalarType usual = module.compute();
  module.set_compute(type);
  const std::int64_t count = limit > 0 ? std::min(limit, store.count()) : store.count();
  torch::Tensor total = torch::zeros({2}, torch::TensorOptions(torch::kDouble).device(device));
  for (std::int64_t begin = 0; begin < count; begin += kBatch) {
    const std::int64_t end = std::min(begin + kBatch, count);
    const torch::Tensor labels = store.labels(begin, end);
    const torch::Tensor logits = module.logits(store.inputs(begin, end), false);
    const torch::Tensor loss =
        torch::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, -100, 0);
    total.add_(torch::stack(
        {logits.argmax(1).eq(labels).sum().to(torch::kDouble), loss.to(torch::kDouble)}));
  }
  module.set_compute(usual);
  const torch::Tensor host =
      total.to(torch::kCPU) / static_cast<double>(std::max<std::int64_t>(count, 1));
  return {host[0].item<double>(), host[1].item<double>()};
}

Session::Session(const ir::Graph& graph, const data::DataSet& train, const data::DataSet& test,
                 const data::Normalization& normalization, const Platform& platform) {
  check_fit(graph, train);
  check_fit(graph, test);
  set_up_torch(platform);
  impl_ = guarded(graph.source, [&] {
    return std::make_unique<Impl>(graph, train, test, normalization, platform);
  });
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

Outcome Session::train(const Options& options, const Constraints& constraints,
                       const Callback& callback) {
  for (const ir::Graph* teacher : options.distillation.teachers) {
    check_fit(*teacher, impl_->train);
    if (scores_of(*teacher) != impl_->scores) {
      fail("{}: the teacher gives {} scores, but {} gives {}; expected as many", teacher->source,
           scores_of(*teacher), impl_->source, impl_->scores);
    }
  }
  return guarded(impl_->source, [&] {
    Outcome outcome;
    impl_->set_up(options, constraints, outcome);
    if (!impl_->prepare_teacher(callback)) return outcome;
    impl_->run(callback, outcome);
    for (const EpochLog& log : outcome.log) {
      if (log.test_accuracy < 0) continue;
      outcome.test_accuracy = log.test_accuracy;
      if (log.test_accuracy <= outcome.best_accuracy) continue;
      outcome.best_accuracy = log.test_accuracy;
      outcome.best_epoch = log.epoch;
    }
    return outcome;
  });
}

Score Session::score(Pictures pictures, std::int64_t limit) {
  return score(pictures, limit, impl_->platform.precision);
}

Score Session::score(Pictures pictures, std::int64_t limit, Precision precision) {
  return guarded(impl_->source, [&] {
    if (pictures == Pictures::test)
      return impl_->score(impl_->test_store, limit, type_of(precision));
    return impl_->score(impl_->stored_train(), limit, type_of(precision));
  });
}

ir::Graph Session::graph() const { return impl_->module.graph(); }

void Session::set_weights(const ir::Graph& graph) { impl_->module.load(graph); }

void Session::set_weight(const std::string& name, const Tensor& weight) {
  torch::Tensor& target = impl_->module.find(name).tensor;
  const Shape shape(target.sizes().begin(), target.sizes().end());
  if (weight.shape() != shape || weight.dtype() != DType::f32) {
    fail("'{}' is {}; expected {} of f32", name, to_string(weight.shape()), to_string(shape));
  }
  from_host(weight, target);
}

Tensor Session::weight(const std::string& name) const {
  return to_host(impl_->module.find(name).tensor);
}

std::map<std::string, codec::Codebooks> Session::codebooks() const {
  if (!impl_->optimizer) return {};
  return impl_->optimizer->codebooks();
}

std::string Session::platform() const {
  const char* precision = impl_->platform.precision == Precision::bf16 ? "bf16" : "f32";
  if (impl_->device.is_cuda()) return fmt::format("cuda, {}", precision);
  return fmt::format("cpu, {} threads, {}", at::get_num_threads(), precision);
}

}  // namespace syncopate::train

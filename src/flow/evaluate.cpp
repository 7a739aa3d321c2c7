#include "flow/evaluate.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <thread>

#include "base/error.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "ref/calibrate.h"
#include "ref/fixed_net.h"
#include "ref/float_net.h"
#include "ref/one_thread.h"

namespace syncopate::flow {
namespace {

/// Picture `index` of the set as the network's input [1,C,H,W].
Tensor input_of(const data::DataSet& set, std::int64_t index, const data::Normalization& how) {
  Tensor tensor = Tensor::uninitialized(DType::f32, {1, set.channels, set.height, set.width});
  const auto size = static_cast<std::size_t>(set.picture_size());
  data::normalize(std::span(set.pixels).subspan(static_cast<std::size_t>(index) * size, size),
                  set.channels, how, tensor.mutable_data<float>());
  return tensor;
}

/// How many scores beat that of `label` (ties count for the earlier index).
std::int64_t rank_of(std::span<const float> scores, std::size_t label) {
  std::int64_t better = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    better += scores[i] > scores[label] || (scores[i] == scores[label] && i < label);
  }
  return better;
}

void check_fit(const ir::Graph& graph, const data::DataSet& set) {
  const Shape wanted{1, set.channels, set.height, set.width};
  if (graph.inputs.size() != 1 || graph.value(graph.inputs[0]).shape != wanted) {
    fail("{}: pictures of '{}' are {}; expected a network with that one input", graph.source,
         set.name, to_string(wanted));
  }
  if (set.count() == 0) fail("data set '{}' holds no pictures", set.name);
}

gconv::Chain fixed_chain(const ir::Graph& graph, const data::DataSet& set,
                         const EvaluateOptions& options) {
  std::vector<std::vector<Tensor>> inputs;
  const std::int64_t count = std::min(options.calibration_pictures, set.count());
  for (std::int64_t i = 0; i < count; ++i) {
    inputs.push_back({input_of(set, i, options.normalization)});
  }
  const gconv::Chain chain = gconv::lower(graph);
  const ref::Calibration calibration = ref::calibrate(graph, chain, inputs);
  return gconv::optimize(gconv::quantize(chain, calibration.ranges, options.quantize));
}

/// What one picture adds to an evaluation.
struct Score {
  std::int64_t float_rank = 0, fixed_rank = 0;
  bool agree = false;
  double signal = 0, noise = 0;
};

/// Both networks, ready to score pictures one after another.
class Scorer {
 public:
  Scorer(const ir::Graph& graph, const gconv::Chain& chain)
      : source_(graph.source), float_net_(graph), fixed_net_(chain) {}

  Score score(const data::DataSet& set, std::int64_t index, const EvaluateOptions& options) const {
    const std::vector<Tensor> input{input_of(set, index, options.normalization)};
    const Tensor expected = float_net_.run(input)[0];
    const Tensor actual = fixed_net_.dequantize(fixed_net_.run(input))[0];
    const auto f = expected.data<float>();
    const auto q = actual.data<float>();
    const auto label = static_cast<std::size_t>(set.labels[static_cast<std::size_t>(index)] +
                                                options.label_offset);
    if (label >= f.size()) {
      fail("{}: label {} has no output; the network gives {} scores", source_, label, f.size());
    }
    Score score{rank_of(f, label), rank_of(q, label)};
    score.agree = std::max_element(f.begin(), f.end()) - f.begin() ==
                  std::max_element(q.begin(), q.end()) - q.begin();
    for (std::size_t k = 0; k < f.size(); ++k) {
      score.signal += static_cast<double>(f[k]) * f[k];
      score.noise += std::pow(static_cast<double>(q[k]) - f[k], 2);
    }
    return score;
  }

 private:
  std::string source_;
  ref::FloatNet float_net_;
  ref::FixedNet fixed_net_;
};

/// How many pictures are scored beside each other, each thread with networks of its own: all
/// threads, while their weights stay within memory. Small networks gain most: their layers are too
/// short to be shared out.
int scorers(const ir::Graph& graph) {
  constexpr std::int64_t kMemory = std::int64_t{2} << 30;
  std::int64_t weights = 1;
  for (const ir::Value& value : graph.values) {
    if (value.constant) weights += value.constant->size();
  }
  constexpr std::int64_t kBytes = 8;  // of a weight: packed for float and for fixed point
  return static_cast<int>(std::clamp<std::int64_t>(kMemory / (kBytes * weights), 1,
                                                   tbb::this_task_arena::max_concurrency()));
}

/// Scores of all pictures, `width` at a time. Progress is told by the calling thread.
std::vector<Score> score_all(const data::DataSet& set, const EvaluateOptions& options,
                             const std::function<Scorer()>& make, int width,
                             const Progress& progress) {
  std::vector<Score> scores(set.labels.size());
  std::atomic<std::int64_t> done = 0;
  const std::thread::id caller = std::this_thread::get_id();
  const auto step = [&](const Scorer& scorer, std::size_t i) {
    scores[i] = scorer.score(set, static_cast<std::int64_t>(i), options);
  };
  const auto tell = [&] {
    const std::int64_t now = ++done;
    if (progress && std::this_thread::get_id() == caller) progress(now, set.count());
  };
  if (width == 1) {
    const Scorer scorer = make();
    for (std::size_t i = 0; i < scores.size(); ++i, tell()) step(scorer, i);
    return scores;
  }
  tbb::enumerable_thread_specific<std::optional<Scorer>> own;
  tbb::task_arena(width).execute([&] {
    tbb::parallel_for(std::size_t{0}, scores.size(), [&](std::size_t i) {
      std::optional<Scorer>& scorer = own.local();
      ref::on_one_thread([&] {
        if (!scorer) scorer.emplace(make());
        step(*scorer, i);
      });
      tell();
    });
  });
  if (progress) progress(set.count(), set.count());
  return scores;
}

}  // namespace

data::PictureShape picture_shape(const ir::Graph& graph) {
  const Shape shape = graph.inputs.size() == 1 ? graph.value(graph.inputs[0]).shape : Shape{};
  if (shape.size() != 4 || shape[0] != 1) {
    fail("{}: expected one input [1,C,H,W] for pictures", graph.source);
  }
  return {shape[1], shape[2], shape[3]};
}

Evaluation evaluate(const ir::Graph& graph, const data::DataSet& set,
                    const EvaluateOptions& options, const Progress& progress) {
  check_fit(graph, set);
  const gconv::Chain chain = fixed_chain(graph, set, options);
  const std::vector<Score> scores =
      score_all(set, options, [&] { return Scorer(graph, chain); }, scorers(graph), progress);
  Evaluation result;
  double signal = 0, noise = 0;
  for (const Score& score : scores) {
    result.float_top1 += score.float_rank == 0;
    result.fixed_top1 += score.fixed_rank == 0;
    result.float_top5 += score.float_rank < 5;
    result.fixed_top5 += score.fixed_rank < 5;
    result.agree += score.agree;
    ++result.pictures;
    signal += score.signal;
    noise += score.noise;
  }
  result.snr_db = noise > 0 ? 10 * std::log10(signal / noise) : INFINITY;
  return result;
}

}  // namespace syncopate::flow

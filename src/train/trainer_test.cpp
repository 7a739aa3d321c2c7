#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "base/random.h"
#include "train/checkpoint.h"
#include "train/parameters.h"
#include "zoo/builder.h"

namespace syncopate::train {
namespace {

namespace fs = std::filesystem;

/// Four classes of 8x8 pictures: a bright bar, horizontal or vertical, in one half or the other, in
/// noise.
data::DataSet bars(std::int64_t count, std::uint64_t seed) {
  data::DataSet set;
  set.name = "bars";
  set.channels = 1;
  set.height = set.width = 8;
  set.classes = 4;
  Random random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int32_t>(random.integer(0, 3));
    const std::int64_t at = random.integer(1, 2) + (label % 2) * 4;
    for (std::int64_t y = 0; y < 8; ++y) {
      for (std::int64_t x = 0; x < 8; ++x) {
        const bool bar = (label < 2 ? y : x) == at;
        set.pixels.push_back(static_cast<std::uint8_t>(random.integer(0, 120) + (bar ? 100 : 0)));
      }
    }
    set.labels.push_back(label);
  }
  return set;
}

/// Convolution, batch normalization, pooling and two dense layers.
ir::Graph small_network(std::uint64_t seed = 1, std::int64_t classes = 4) {
  zoo::Builder net("small", seed, {1, 1, 8, 8});
  ir::ValueId x = net.conv("conv", net.input(), 8, {3, 1, 1}, 1, false);
  x = net.relu("relu", net.batch_norm("bn", x));
  x = net.pool("pool", x, ir::PoolKind::max, {2, 2, 0});
  x = net.relu("relu1", net.dense("ip1", net.flatten("flatten", x, 8 * 4 * 4), 16));
  ir::Graph graph = std::move(net).finish(net.dense("ip2", x, classes));
  initialize(graph, seed);
  return graph;
}

Options quick() {
  Options options;
  options.epochs = 4;
  options.batch = 32;
  options.rate = 0.05;
  options.warmup_epochs = 0.5;
  options.nesterov = true;
  options.augmentation = {false, 1, 2};
  options.report_every = 2;
  return options;
}

struct Sets {
  data::DataSet train = bars(512, 1), test = bars(200, 2);
  data::Normalization normalization{1.0 / 255, {0.4}, {0.25}, false};
};

Session session(const Sets& sets, const ir::Graph& graph, Precision precision = Precision::f32) {
  return Session(graph, sets.train, sets.test, sets.normalization, {Device::cpu, precision, 1});
}

/// All floats of the constants.
std::vector<float> weights_of(const ir::Graph& graph) {
  std::vector<float> all;
  for (const ir::Value& value : graph.values) {
    if (!value.constant || value.dtype != DType::f32) continue;
    const auto values = value.constant->data<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::string temporary(const std::string& name) {
  const std::string path = testing::TempDir() + "train_" + name;
  fs::remove(path);
  return path;
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Session, LearnsAndTheGraphHoldsWhatItLearned) {
  const Sets sets;
  Session trained = session(sets, small_network());
  EXPECT_LT(trained.score().accuracy, 0.6);
  Options options = quick();
  options.epochs = 8;
  const Outcome outcome = trained.train(options);
  EXPECT_TRUE(outcome.complete);
  EXPECT_GT(outcome.test_accuracy, 0.9);
  EXPECT_EQ(outcome.log.size(), 8U);
  EXPECT_LT(outcome.log.back().loss, outcome.log.front().loss);
  const ir::Graph graph = trained.graph();
  EXPECT_FALSE(graph.synthetic);
  EXPECT_EQ(session(sets, graph).score().accuracy, outcome.test_accuracy);
  // Running statistics were trained, too.
  EXPECT_NE(*graph.value(graph.find("bn.variance")).constant,
            *small_network().value(small_network().find("bn.variance")).constant);
}

TEST(Session, LearnsInBfloat16) {
  const Sets sets;
  Session trained = session(sets, small_network(), Precision::bf16);
  Options options = quick();
  options.epochs = 8;
  const double accuracy = trained.train(options).test_accuracy;
  EXPECT_GT(accuracy, 0.9);
  EXPECT_NEAR(trained.score(Pictures::test, 0, Precision::f32).accuracy, accuracy, 0.03);
}

TEST(Session, SameSeedSameWeights) {
  const Sets sets;
  std::vector<std::vector<float>> results;
  for (const std::uint64_t seed : {1U, 1U, 2U}) {
    Session trained = session(sets, small_network());
    Options options = quick();
    options.seed = seed;
    trained.train(options);
    results.push_back(weights_of(trained.graph()));
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_NE(results[0], results[2]);
}

TEST(Session, AStoppedRunContinuesToTheSameWeights) {
  const Sets sets;
  Options options = quick();
  Session whole = session(sets, small_network());
  const Outcome expected = whole.train(options);
  options.checkpoints.path = temporary("resume");
  // Stopped again and again: within the second epoch, and at the end of the third.
  int stops = 0;
  Outcome outcome;
  for (const std::int64_t stop : {20, 48, 1000}) {
    Session part = session(sets, small_network());
    outcome = part.train(options, {}, [&](const Progress& progress) {
      EXPECT_EQ(progress.resumed && progress.batch + progress.epoch > 1, progress.resumed);
      const std::int64_t step = (progress.epoch - 1) * progress.batches + progress.batch;
      return step < stop;
    });
    stops += outcome.complete ? 0 : 1;
    if (outcome.complete) {
      EXPECT_EQ(weights_of(part.graph()), weights_of(whole.graph()));
    }
  }
  EXPECT_EQ(stops, 2);
  EXPECT_TRUE(outcome.complete);
  EXPECT_TRUE(outcome.resumed);
  ASSERT_EQ(outcome.log.size(), expected.log.size());
  for (std::size_t i = 0; i < outcome.log.size(); ++i) {
    EXPECT_EQ(outcome.log[i].loss, expected.log[i].loss);
    EXPECT_EQ(outcome.log[i].train_accuracy, expected.log[i].train_accuracy);
    EXPECT_EQ(outcome.log[i].test_accuracy, expected.log[i].test_accuracy);
  }
}

TEST(Session, RefusesACheckpointOfAnotherRun) {
  const Sets sets;
  Options options = quick();
  options.epochs = 1;
  options.checkpoints.path = temporary("other");
  session(sets, small_network()).train(options);
  const auto fails_with = [&](const Options& other, const ir::Graph& graph) {
    return error_of([&] { session(sets, graph).train(other); });
  };
  Options other = options;
  other.rate = 0.07;
  EXPECT_EQ(fails_with(other, small_network()),
            options.checkpoints.path +
                ": belongs to another run (rate: 0.05 there, 0.07 here); remove it to start again, "
                "or name another file");
  EXPECT_NE(fails_with(options, small_network(5)).find("network and its initial weights"),
            std::string::npos);
  // Damage, at every tenth of the file.
  const std::vector<std::byte> bytes = base::read_file(options.checkpoints.path);
  for (std::size_t i = 0; i < 10; ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i * bytes.size() / 10] ^= std::byte{0x40};
    base::write_file_atomically(options.checkpoints.path, damaged);
    EXPECT_NE(fails_with(options, small_network()).find("cannot continue from it"),
              std::string::npos);
    base::write_file_atomically(options.checkpoints.path,
                                std::span(bytes).first(i * bytes.size() / 10));
    EXPECT_NE(fails_with(options, small_network()).find("cannot continue from it"),
              std::string::npos);
  }
}

TEST(Session, MasksHoldExactly) {
  const Sets sets;
  for (const bool nesterov : {false, true}) {
    Constraints constraints;
    Random random(3);
    for (const auto& [name, size] : {std::pair{"conv.weight", 72}, {"ip1.weight", 16 * 128}}) {
      std::vector<std::uint8_t>& mask = constraints.masks[name];
      for (int i = 0; i < size; ++i) mask.push_back(random.chance(0.4) ? 1 : 0);
    }
    Session trained = session(sets, small_network());
    Options options = quick();
    options.nesterov = nesterov;
    const auto check = [&] {
      const ir::Graph graph = trained.graph();
      for (const auto& [name, mask] : constraints.masks) {
        const auto values = graph.value(graph.find(name)).constant->data<float>();
        std::size_t alive = 0;
        for (std::size_t i = 0; i < mask.size(); ++i) {
          ASSERT_TRUE(mask[i] != 0 || values[i] == 0) << name << " " << i;
          alive += values[i] != 0;
        }
        EXPECT_EQ(alive, static_cast<std::size_t>(std::ranges::count(mask, 1)));
      }
    };
    const Outcome outcome = trained.train(options, constraints, [&](const Progress&) {
      check();
      return true;
    });
    check();
    EXPECT_GT(outcome.test_accuracy, 0.6);
  }
}

TEST(Session, CodebookMembersStayEqualAndAreTrained) {
  const Sets sets;
  Session trained = session(sets, small_network());
  Options options = quick();
  options.epochs = 8;
  trained.train(options);
  Constraints constraints;
  Tensor weights = trained.weight("ip1.weight");
  auto values = weights.mutable_data<float>();
  for (float& value : values) value = std::abs(value) < 0.05F ? 0 : value;
  constraints.codebooks["ip1.weight"] = codec::cluster(weights, {.bits = 2, .rows_per_book = 8});
  constraints.codebooks["conv.weight"] = codec::cluster(trained.weight("conv.weight"), {.bits = 2});
  for (const auto& [name, book] : constraints.codebooks) {
    trained.set_weight(name, codec::expand(book));
  }
  const double before_tuning = trained.score().loss;
  options.codebook_rate = 2;
  trained.train(options, constraints);
  EXPECT_LT(trained.score().loss, 0.8 * before_tuning);
  const ir::Graph graph = trained.graph();
  const auto books = trained.codebooks();
  ASSERT_EQ(books.size(), 2U);
  for (const auto& [name, book] : books) {
    const Tensor& constant = *graph.value(graph.find(name)).constant;
    EXPECT_EQ(codec::expand(book), constant);
    EXPECT_NE(book.books, constraints.codebooks[name].books);
    for (const auto& entries : book.books) EXPECT_TRUE(std::ranges::is_sorted(entries));
    // The same weights as at the start share an entry.
    const Tensor before = codec::expand(constraints.codebooks[name]);
    std::map<std::pair<std::size_t, float>, float> became;
    for (std::size_t i = 0; i < book.assignment.size(); ++i) {
      const float old = before.data<float>()[i], now = constant.data<float>()[i];
      const auto [at, fresh] = became.try_emplace({book.book_of(i), old}, now);
      ASSERT_EQ(at->second, now);
      ASSERT_TRUE(old != 0 || now == 0);
    }
  }
}

/// Clusters of one bit for the small network's matrices, the first one half zeros.
struct Clustered {
  const Sets sets;
  ir::Graph start;
  Constraints constraints;
  Options options = quick();

  Clustered() {
    Session dense = session(sets, small_network());
    options.epochs = 8;
    dense.train(options);
    start = dense.graph();
    auto& mask = constraints.masks["ip1.weight"];
    for (std::size_t i = 0; i < 16 * 128; ++i) mask.push_back(i % 2);
    constraints.clusters["ip1.weight"] = {.bits = 1, .rows_per_book = 8};
    constraints.clusters["ip2.weight"] = {.bits = 1};
    options.cluster_every = 3;
  }
};

TEST(Session, ClusteredWeightsShowEntriesAndFindBetterOnes) {
  Clustered test;
  // What clustering costs, and what training the entries alone, assignments fixed, gives back.
  Session tied = session(test.sets, test.start);
  Constraints fixed;
  for (const auto& [name, how] : test.constraints.clusters) {
    Tensor weights = tied.weight(name);
    if (const auto mask = test.constraints.masks.find(name); mask != test.constraints.masks.end()) {
      const std::span<float> values = weights.mutable_data<float>();
      for (std::size_t i = 0; i < values.size(); ++i) values[i] *= mask->second[i];
    }
    fixed.codebooks[name] = codec::cluster(weights, how);
  }
  tied.train(test.options, fixed);
  Session free = session(test.sets, test.start);
  free.train(test.options, test.constraints);
  EXPECT_LT(free.score().loss, tied.score().loss);
  const auto books = free.codebooks();
  ASSERT_EQ(books.size(), 2U);
  EXPECT_EQ(books.at("ip1.weight").books.size(), 2U);
  for (const auto& [name, book] : books) {
    EXPECT_EQ(codec::expand(book), free.weight(name));
    for (const auto& entries : book.books) EXPECT_LE(entries.size(), 3U) << name;
    // Weights changed their entries, too.
    EXPECT_NE(book.assignment, tied.codebooks().at(name).assignment);
  }
  const Tensor masked = free.weight("ip1.weight");
  for (std::size_t i = 0; i < 16 * 128; i += 2) ASSERT_EQ(masked.data<float>()[i], 0);
}

TEST(Session, ClusteredTrainingResumesToTheSameResult) {
  Clustered test;
  Session whole = session(test.sets, test.start);
  whole.train(test.options, test.constraints);
  test.options.checkpoints.path = temporary("clustered");
  int calls = 0;
  Session first = session(test.sets, test.start);
  EXPECT_FALSE(
      first.train(test.options, test.constraints, [&](const Progress&) { return ++calls < 15; })
          .complete);
  Session second = session(test.sets, test.start);
  const Outcome rest = second.train(test.options, test.constraints);
  EXPECT_TRUE(rest.resumed);
  EXPECT_EQ(weights_of(second.graph()), weights_of(whole.graph()));
  // Other clusters are another run.
  test.constraints.clusters["ip2.weight"].rate = 0.1;
  EXPECT_NE(error_of([&] { second.train(test.options, test.constraints); }), "");
}

/// One step of plain gradient descent moves an entry by rate times the mean gradient of its
/// members.
TEST(Session, AnEntryMovesByTheMeanGradientOfItsMembers) {
  const Sets sets;
  ir::Graph start = small_network();
  const ir::ValueId id = start.find("ip2.weight");
  Constraints constraints;
  codec::Codebooks books = codec::cluster(*start.value(id).constant, {.bits = 2});
  start.value(id).constant = codec::expand(books);
  constraints.codebooks["ip2.weight"] = books;
  Options options;
  options.momentum = options.weight_decay = 0;
  options.schedule = Schedule::constant;
  options.batch = 512;
  options.rate = 0.1;
  Session free = session(sets, start), tied = session(sets, start);
  free.train(options);
  tied.train(options, constraints);
  const Tensor freed = free.weight("ip2.weight"), shared = tied.weight("ip2.weight");
  const Tensor& before = *start.value(id).constant;
  std::map<float, std::pair<double, int>> moves;
  for (std::size_t i = 0; i < before.data<float>().size(); ++i) {
    auto& [sum, count] = moves[before.data<float>()[i]];
    sum += static_cast<double>(freed.data<float>()[i] - before.data<float>()[i]);
    ++count;
  }
  for (std::size_t i = 0; i < before.data<float>().size(); ++i) {
    const float old = before.data<float>()[i];
    const auto [sum, count] = moves[old];
    EXPECT_NEAR(static_cast<double>(shared.data<float>()[i] - old), sum / count, 1e-6);
  }
}

class Teaching : public ::testing::TestWithParam<bool> {};

TEST_P(Teaching, ATeacherIsImitated) {
  const Sets sets;
  Session teacher = session(sets, small_network(3));
  Options options = quick();
  options.epochs = 8;
  teacher.train(options);
  const ir::Graph dense = teacher.graph();
  // Labels count for nothing; they are all wrong.
  Sets wrong = sets;
  for (std::int32_t& label : wrong.train.labels) label = 3 - label;
  Session student = session(wrong, small_network(4));
  options.distillation = {&dense, 1.0, 3.0, GetParam()};
  EXPECT_GT(student.train(options).test_accuracy, 0.85);
}

INSTANTIATE_TEST_SUITE_P(SeesEachOrOnce, Teaching, ::testing::Bool());

/// Unchanged pictures have the same answers whenever they are given.
TEST(Session, RememberedAnswersAreThoseOfTheTeacher) {
  const Sets sets;
  const ir::Graph dense = small_network(3);
  Options options = quick();
  options.augmentation = {};
  options.augmentation.flip = true;
  std::vector<std::vector<float>> students;
  for (const bool once : {false, true}) {
    Session student = session(sets, small_network(4));
    options.distillation = {&dense, 1.0, 3.0, once};
    for (int run = 0; run < 2; ++run) student.train(options);  // The second remembers the first's.
    students.push_back(weights_of(student.graph()));
  }
  ASSERT_EQ(students[0].size(), students[1].size());
  for (std::size_t i = 0; i < students[0].size(); ++i) {
    EXPECT_NEAR(students[0][i], students[1][i], 1e-3) << i;
  }
}

TEST(Session, ATeacherThatLooksOnceReportsAndCanBeStopped) {
  const Sets sets;
  const ir::Graph dense = small_network(3);
  Options options = quick();
  options.distillation = {&dense, 1.0, 3.0, true};
  Session student = session(sets, small_network(4));
  std::int64_t looked_at = -1, to_look_at = 0;
  const Outcome stopped = student.train(options, {}, [&](const Progress& progress) {
    looked_at = progress.looked_at;
    to_look_at = progress.to_look_at;
    return false;
  });
  EXPECT_FALSE(stopped.complete);
  EXPECT_TRUE(stopped.log.empty());
  EXPECT_EQ(looked_at, 0);
  EXPECT_EQ(to_look_at, sets.train.count() * (options.augmentation.flip ? 2 : 1));
  EXPECT_TRUE(student.train(options).complete);
}

TEST(Session, ALossThatIsNoNumberIsAnError) {
  const Sets sets;
  Options options = quick();
  options.rate = 1e30;
  options.warmup_epochs = 0;
  const std::string error = error_of([&] { session(sets, small_network()).train(options); });
  EXPECT_NE(error.find("the loss is no longer a number in epoch 1"), std::string::npos) << error;
}

TEST(Session, RefusesWhatDoesNotFit) {
  const Sets sets;
  Sets larger = sets;
  larger.train.width = 4;
  larger.train.height = 16;
  EXPECT_NE(
      error_of([&] { session(larger, small_network()); }).find("pictures of 'bars' are 1x16x4"),
      std::string::npos);
  Sets many = sets;
  many.train.labels[5] = 4;
  EXPECT_NE(error_of([&] { session(many, small_network()); }).find("labels up to 4"),
            std::string::npos);
  Constraints unknown, small;
  unknown.masks["nothing"] = {};
  small.masks["conv.weight"] = {1, 0};
  EXPECT_EQ(error_of([&] { session(sets, small_network()).train(quick(), unknown); }),
            "mask for 'nothing': the network trains no constant of that name");
  EXPECT_EQ(error_of([&] { session(sets, small_network()).train(quick(), small); }),
            "mask for 'conv.weight': 2 entries for 72 weights");
  Options options = quick();
  options.momentum = 1;
  EXPECT_EQ(error_of([&] { session(sets, small_network()).train(options); }),
            "training: momentum must be in [0, 1)");
  options = quick();
  const ir::Graph five = small_network(1, 5);
  options.distillation.teacher = &five;
  EXPECT_NE(error_of([&] {
              session(sets, small_network()).train(options);
            }).find("the teacher gives 5 scores, but"),
            std::string::npos);
  if (!cuda_available()) {
    EXPECT_NE(error_of([&] {
                Session(small_network(), sets.train, sets.test, sets.normalization,
                        {Device::cuda, Precision::f32, 2});
              }).find("device cuda"),
              std::string::npos);
  }
}

TEST(Session, ScoresChangedWeights) {
  const Sets sets;
  Session one = session(sets, small_network());
  one.train(quick());
  const Score trained = one.score();
  const Tensor kept = one.weight("ip2.weight");
  one.set_weight("ip2.weight", Tensor(DType::f32, kept.shape()));
  EXPECT_LT(one.score().accuracy, trained.accuracy);
  one.set_weight("ip2.weight", kept);
  EXPECT_EQ(one.score().accuracy, trained.accuracy);
  one.set_weights(small_network());
  EXPECT_EQ(weights_of(one.graph()), weights_of(small_network()));
  EXPECT_GT(one.score(Pictures::train).loss, trained.loss);
}

}  // namespace
}  // namespace syncopate::train

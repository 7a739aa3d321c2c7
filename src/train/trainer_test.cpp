#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "train/checkpoint.h"
#include "train/session_fixture.h"

namespace syncopate::train {
namespace {

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

TEST(Session, AveragedWeightsAreTheMeanOfTheLastSteps) {
  const Sets sets;
  Options options = quick();
  options.schedule = Schedule::constant;
  options.rate = 0.01;
  options.epochs = 1;  // 16 steps
  // The averaged steps one by one, then the mean.
  std::vector<double> sums;
  for (int left = 0; left < 3; ++left) {
    Options shorter = options;
    shorter.checkpoints.path = temporary("steps" + std::to_string(left));
    shorter.report_every = 1;
    Session part = session(sets, small_network());
    part.train(shorter, {}, [&](const Progress& now) { return now.batch < now.batches - left; });
    const Tensor weight = part.weight("ip1.weight");
    const std::span<const float> values = weight.data<float>();
    sums.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i] / 3;
  }
  options.average = 3.0 / 16;
  Session averaged = session(sets, small_network());
  averaged.train(options);
  const Tensor mean = averaged.weight("ip1.weight");
  for (std::size_t i = 0; i < sums.size(); ++i) {
    ASSERT_NEAR(mean.data<float>()[i], sums[i], 1e-6) << i;
  }
}

TEST(Session, AnAveragedRunContinuesToTheSameWeightsAndStatistics) {
  const Sets sets;
  Options options = quick();
  options.average = 0.6;
  Session whole = session(sets, small_network());
  const Outcome expected = whole.train(options);
  EXPECT_GT(expected.test_accuracy, 0.8) << "with statistics of the averaged weights";
  options.checkpoints.path = temporary("averaged");
  for (const std::int64_t stop : {10, 40, 1000}) {
    Session part = session(sets, small_network());
    const Outcome outcome = part.train(options, {}, [&](const Progress& progress) {
      return (progress.epoch - 1) * progress.batches + progress.batch < stop;
    });
    EXPECT_EQ(outcome.complete, stop == 1000);
    if (outcome.complete) {
      EXPECT_EQ(weights_of(part.graph()), weights_of(whole.graph()));
    }
  }
  Constraints clustered;
  clustered.clusters["ip1.weight"] = {};
  EXPECT_EQ(error_of([&] { session(sets, small_network()).train(quick(), clustered); }), "");
  options.checkpoints.path.clear();
  EXPECT_EQ(error_of([&] { session(sets, small_network()).train(options, clustered); }),
            "weights that are clustered are not averaged");
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
  options.distillation = {{&dense}, 1.0, 3.0, GetParam()};
  EXPECT_GT(student.train(options).test_accuracy, 0.85);
}

INSTANTIATE_TEST_SUITE_P(SeesEachOrOnce, Teaching, ::testing::Bool());

/// Probabilities are averaged, not scores: teachers that contradict each other with certainty leave
/// the pupil undecided between their answers, however much further apart one puts its scores.
TEST(Session, SeveralTeachersAnswerWithTheirMean) {
  Sets sets;
  for (std::int32_t& label : sets.test.labels) label = 1;
  const auto sure_of = [](std::size_t label, float score) {
    ir::Graph graph = small_network();
    for (float& weight : graph.value(graph.find("ip2.weight")).constant->mutable_data<float>()) {
      weight = 0;
    }
    graph.value(graph.find("ip2.bias")).constant->mutable_data<float>()[label] = score;
    return graph;
  };
  const ir::Graph first = sure_of(1, 60), second = sure_of(2, 600);
  Options options = quick();
  for (const bool once : {false, true}) {
    Session pupil = session(sets, small_network(4));
    options.distillation = {{&first, &second}, 1.0, 1.0, once};
    pupil.train(options);
    EXPECT_NEAR(pupil.score().loss, std::log(2.0), 0.1);
  }
}

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
    options.distillation = {{&dense}, 1.0, 3.0, once};
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
  options.distillation = {{&dense}, 1.0, 3.0, true};
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
  options.distillation.teachers = {&five};
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

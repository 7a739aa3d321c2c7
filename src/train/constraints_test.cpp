// What training keeps: masks, also such that are chosen again and again, codebooks, and weights
// that are clustered again and again.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "codec/codebook.h"
#include "train/session_fixture.h"

namespace syncopate::train {
namespace {

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

TEST(Session, AveragedEntriesAreStillShared) {
  const Sets sets;
  ir::Graph start = small_network();
  Constraints constraints;
  const codec::Codebooks books =
      codec::cluster(*start.value(start.find("ip1.weight")).constant, {.bits = 2});
  start.value(start.find("ip1.weight")).constant = codec::expand(books);
  constraints.codebooks["ip1.weight"] = books;
  Session plain = session(sets, start), averaged = session(sets, start);
  Options options = quick();
  options.schedule = Schedule::constant;
  plain.train(options, constraints);
  options.average = 0.5;
  averaged.train(options, constraints);
  const codec::Codebooks mean = averaged.codebooks().at("ip1.weight");
  EXPECT_EQ(codec::expand(mean), averaged.weight("ip1.weight"));
  EXPECT_NE(mean.books, plain.codebooks().at("ip1.weight").books);
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

/// A dynamic mask over the small network's larger matrix, of which an eighth stays.
struct Dynamic {
  const Sets sets;
  ir::Graph start = small_network();
  Constraints constraints;
  Options options = quick();

  Dynamic() {
    for (const prune::Layer& layer : prune::prunable_layers(start)) {
      if (layer.value != "ip1.weight") continue;
      prune::Options how;
      how.method = prune::Method::magnitude;
      constraints.dynamic[layer.value] = {layer, how, 1, 0.125, {}};
    }
    options.epochs = 8;  // Of 16 steps.
    options.choose_every = 3;
  }
  static std::size_t alive(const Session& session) {
    const Tensor weights = session.weight("ip1.weight");
    return weights.data<float>().size() -
           static_cast<std::size_t>(std::ranges::count(weights.data<float>(), 0.0F));
  }
};

TEST(Session, DynamicMasksFallToTheirDensityAndLetWeightsComeBack) {
  Dynamic test;
  Session trained = session(test.sets, test.start);
  std::vector<std::size_t> alive;
  std::vector<float> before;
  std::size_t back = 0, back_later = 0;
  const Outcome outcome =
      trained.train(test.options, test.constraints, [&](const Progress& progress) {
        const std::int64_t step = 16 * (progress.epoch - 1) + progress.batch;
        alive.push_back(Dynamic::alive(trained));
        const Tensor weights = trained.weight("ip1.weight");
        const std::span<const float> now = weights.data<float>();
        for (std::size_t i = 0; i < before.size(); ++i) {
          if (before[i] == 0 && now[i] != 0) ++(step <= 64 ? back : back_later);
        }
        before.assign(now.begin(), now.end());
        return true;
      });
  EXPECT_EQ(alive.front(), 16U * 128);
  EXPECT_TRUE(std::ranges::is_sorted(alive, std::greater<>()));
  EXPECT_EQ(alive.back(), 16U * 128 / 8);
  EXPECT_GT(back, 0U);
  EXPECT_EQ(back_later, 0U) << "masks stay after half of the steps";
  EXPECT_GT(outcome.test_accuracy, 0.6);
}

TEST(Session, DynamicMasksStayWithinOlderOnes) {
  Dynamic test;
  prune::DynamicMask& dynamic = test.constraints.dynamic.at("ip1.weight");
  for (std::size_t i = 0; i < 16 * 128; ++i) dynamic.older.push_back(i % 2);
  dynamic.first = 0.5;
  test.constraints.masks["ip1.weight"] = dynamic.older;
  Session trained = session(test.sets, test.start);
  trained.train(test.options, test.constraints, [&](const Progress&) {
    const Tensor weights = trained.weight("ip1.weight");
    for (std::size_t i = 0; i < 16 * 128; i += 2) EXPECT_EQ(weights.data<float>()[i], 0);
    return true;
  });
  EXPECT_EQ(Dynamic::alive(trained), 16U * 128 / 8);
}

/// In the middle of the choices and behind them, and with averages of what masks leave.
TEST(Session, DynamicTrainingResumesToTheSameResult) {
  Dynamic test;
  test.options.average = 0.3;
  Session whole = session(test.sets, test.start);
  whole.train(test.options, test.constraints);
  EXPECT_EQ(Dynamic::alive(whole), 16U * 128 / 8);
  test.options.checkpoints.path = temporary("dynamic");
  for (const int until : {20, 30}) {
    int calls = 0;
    Session part = session(test.sets, test.start);
    EXPECT_FALSE(
        part.train(test.options, test.constraints, [&](const Progress&) { return ++calls < until; })
            .complete);
  }
  Session last = session(test.sets, test.start);
  EXPECT_TRUE(last.train(test.options, test.constraints).resumed);
  EXPECT_EQ(weights_of(last.graph()), weights_of(whole.graph()));
  // Another density is another run.
  test.constraints.dynamic.at("ip1.weight").last = 0.1;
  EXPECT_NE(error_of([&] { last.train(test.options, test.constraints); }), "");
}

TEST(Session, DynamicMasksStayWhileWeightsAreAveraged) {
  Dynamic test;
  test.options.average = 0.9;  // well before the first half has passed
  Session averaged = session(test.sets, test.start);
  averaged.train(test.options, test.constraints);
  EXPECT_EQ(Dynamic::alive(averaged), 16U * 128 / 8);
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

}  // namespace
}  // namespace syncopate::train

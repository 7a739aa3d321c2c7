#include "train/statistics.h"

#include <cmath>

#include "ir/batch_norm.h"
#include "train/session_fixture.h"

namespace syncopate::train {
namespace {

TEST(RestoreBatchNorms, MergedNetworksTrainOnFromWhereTheyAre) {
  const Sets sets;
  Session trained = session(sets, small_network());
  Options options = quick();
  options.epochs = 6;
  trained.train(options);
  const ir::Graph whole = trained.graph();
  ir::Graph graph = whole;
  ASSERT_EQ(ir::merge_batch_norms(graph), 1);
  const ir::Graph merged = graph;
  const Platform platform{Device::cpu, Precision::f32, 1};
  EXPECT_EQ(restore_batch_norms(graph, sets.train, sets.normalization, platform), 1);
  EXPECT_EQ(restore_batch_norms(graph, sets.train, sets.normalization, platform), 0);
  // The same function in inference,
  Session restored = session(sets, graph);
  EXPECT_EQ(restored.score().accuracy, trained.score().accuracy);
  EXPECT_NEAR(restored.score().loss, trained.score().loss, 1e-5);
  // about the statistics it was trained with,
  const Tensor mean = restored.weight("bn.mean"), variance = restored.weight("bn.variance");
  const Tensor running = trained.weight("bn.mean");
  for (std::size_t c = 0; c < 8; ++c) {
    EXPECT_NEAR(mean.data<float>()[c], running.data<float>()[c],
                0.2 * std::sqrt(variance.data<float>()[c]));
  }
  // and nearly the same in training, where that is another one without them.
  options.epochs = 1;
  options.rate = 1e-6;
  const double loss = trained.train(options).log.at(0).loss;
  EXPECT_NEAR(restored.train(options).log.at(0).loss, loss, 0.5 * loss);
  EXPECT_GT(session(sets, merged).train(options).log.at(0).loss, 2 * loss);
}

}  // namespace
}  // namespace syncopate::train

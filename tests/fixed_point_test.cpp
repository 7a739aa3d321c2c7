// Whole networks: float, chain before and after fusion, interpreter and fast executor.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.h"
#include "base/test_scale_for_tests.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "gconv/quantize.h"
#include "gconv/rearrange.h"
#include "ref/calibrate.h"
#include "ref/compare.h"
#include "ref/fixed_net.h"
#include "ref/interpret.h"
#include "ref/storage.h"
#include "zoo/networks.h"

namespace syncopate {
namespace {

/// A network with its chain, unfused and fused.
struct Prepared {
  ir::Graph graph;
  std::vector<Tensor> inputs;
  ref::Calibration calibration;
  gconv::Chain unfused, fused;
};

Prepared prepare(const std::string& name, int bits) {
  Prepared result;
  result.graph = zoo::network(name);
  Tensor picture(DType::f32, result.graph.value(result.graph.inputs[0]).shape);
  Random random(2);
  for (float& value : picture.mutable_data<float>()) value = static_cast<float>(random.normal());
  result.inputs = {picture};
  const gconv::Chain lowered = gconv::lower(result.graph);
  result.calibration = ref::calibrate(result.graph, lowered, std::span(&result.inputs, 1));
  result.unfused = gconv::quantize(lowered, result.calibration.ranges, {bits, bits});
  gconv::verify(result.unfused);
  result.fused = gconv::optimize(result.unfused);
  gconv::verify(result.fused);
  return result;
}

class Networks : public testing::TestWithParam<std::tuple<const char*, int>> {};

TEST_P(Networks, FusionChangesNoBitAndFixedPointStaysNearFloat) {
  const auto& [name, bits] = GetParam();
  const Prepared net = prepare(name, bits);
  const ref::FixedNet unfused(net.unfused);
  const ref::FixedNet fused(net.fused);
  const std::vector<Tensor> outputs = fused.run(net.inputs);
  EXPECT_EQ(outputs, unfused.run(net.inputs));
  const ref::Error error =
      ref::error_of(fused.dequantize(outputs)[0], net.calibration.outputs[0][0]);
  EXPECT_GT(error.snr_db, bits == 16 ? 55 : 15) << "max error " << error.max_abs;
}

/// The first two of them under sanitizers.
template <class T>
std::vector<T> some(std::vector<T> of) {
  of.resize(std::min(of.size(), static_cast<std::size_t>(scaled(10))));
  return of;
}

INSTANTIATE_TEST_SUITE_P(Zoo, Networks,
                         testing::Combine(testing::ValuesIn(some<const char*>(
                                              {"resnet20", "squeezenet", "alexnet", "resnet50"})),
                                          testing::Values(16, 8)));

// Residual sums, concatenations, and groups of inputs, which stay where they are.
class Rearranged : public testing::TestWithParam<std::tuple<const char*, double>> {};

TEST_P(Rearranged, ChannelsChangePlacesAndNoBit) {
  const auto& [name, share] = GetParam();
  const Prepared net = prepare(name, 16);
  const std::vector<gconv::ChannelClass> classes = gconv::free_channels(net.fused);
  std::vector<std::vector<std::int32_t>> orders;
  std::int64_t moved = 0, summed = 0;
  Random random(3);
  std::set<std::pair<std::string, std::int64_t>> places;
  for (const gconv::ChannelClass& one : classes) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(one.channels));
    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t i = one.channels; --i > 0;) {
      std::swap(order[static_cast<std::size_t>(i)],
                order[static_cast<std::size_t>(random.integer(0, i))]);
    }
    orders.push_back(std::move(order));
    for (const gconv::ChannelPart& part : one.parts) {
      for (std::int64_t c = 0; c < part.channels; ++c) places.insert({part.tensor, part.first + c});
    }
  }
  for (const gconv::GConv& g : net.fused.gconvs) {
    for (const gconv::ChannelPart& part : gconv::summed_channels(net.fused, g)) {
      for (std::int64_t c = part.first; c < part.first + part.channels; ++c) {
        ++summed;
        moved += places.contains({part.tensor, c});
      }
    }
  }
  EXPECT_GT(static_cast<double>(moved), share * static_cast<double>(summed));
  const gconv::Chain other = gconv::rearrange(net.fused, classes, orders);
  gconv::verify(other);
  EXPECT_EQ(ref::FixedNet(other).run(net.inputs), ref::FixedNet(net.fused).run(net.inputs));
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, Rearranged,
    testing::ValuesIn(some<std::tuple<const char*, double>>(
        {{"resnet20", 0.9}, {"squeezenet", 0.9}, {"googlenet", 0.9}, {"alexnet", 0.6}})));

TEST(FixedPoint, EveryLayerOfResNet20IsAsTheDefinitionSays) {
  for (const int bits : {16, 8}) {
    const Prepared net = prepare("resnet20", bits);
    const auto expected = ref::interpret(net.fused, net.inputs);
    const ref::FixedNet fixed(net.fused);
    std::size_t seen = 0;
    fixed.run(net.inputs, [&](std::size_t index, const ref::FixedNet::Reader& read) {
      const gconv::GConv& gconv = net.fused.gconvs[index];
      EXPECT_EQ(read(gconv.output.tensor), expected.at(gconv.output.tensor)) << gconv.name;
      EXPECT_EQ(read(gconv.input.tensor), expected.at(gconv.input.tensor)) << gconv.name;
      ++seen;
    });
    EXPECT_EQ(seen, net.fused.gconvs.size());
  }
}

TEST(FixedPoint, LayerErrorsAreReportedInOrder) {
  const Prepared net = prepare("resnet20", 16);
  const std::vector<ref::LayerError> errors = ref::compare_layers(net.graph, net.fused, net.inputs);
  ASSERT_GT(errors.size(), 15U);
  for (const ref::LayerError& error : errors) {
    EXPECT_GT(error.error.snr_db, 55) << error.value;
    EXPECT_GT(error.error.reference, 0) << error.value;
  }
  EXPECT_EQ(errors.back().value, "logits");
}

}  // namespace
}  // namespace syncopate

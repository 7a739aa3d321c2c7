// The chain's ladder of trust on random networks: graph = lowered chain (float), float = fixed
// point within its precision, and every pass and the text form keep every bit.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "gconv/lower.h"
#include "gconv/passes.h"
#include "gconv/quantize.h"
#include "gconv/rearrange.h"
#include "random_network.h"
#include "ref/float_net.h"
#include "ref/interpret.h"
#include "ref/storage.h"

namespace syncopate {
namespace {

using gconv::Chain;

constexpr std::uint64_t kNetworks = 400;

double largest(const std::vector<double>& values) {
  double result = 0;
  for (const double value : values) {
    result = std::max(result, std::abs(value));
  }
  return result;
}

/// Outputs of a float chain in logical order.
std::vector<Tensor> outputs_of(const Chain& chain,
                               const std::map<std::string, std::vector<double>>& values) {
  std::vector<Tensor> result;
  for (const std::string& name : chain.outputs) {
    const std::vector<double>& stored = values.at(name);
    const std::vector<float> narrow(stored.begin(), stored.end());
    result.push_back(
        ref::to_logical(Tensor::from<float>({static_cast<std::int64_t>(narrow.size())}, narrow),
                        chain.tensor(name)));
  }
  return result;
}

gconv::Ranges ranges_of(const std::map<std::string, std::vector<double>>& values) {
  gconv::Ranges ranges;
  for (const auto& [name, elements] : values) {
    ranges[name] = largest(elements);
  }
  return ranges;
}

std::map<std::string, Tensor> constants_of(const Chain& chain) {
  std::map<std::string, Tensor> constants;
  for (const auto& [name, info] : chain.tensors) {
    if (info.constant) {
      constants[name] = *info.constant;
    }
  }
  return constants;
}

void expect_same_outputs(const Chain& chain, const Chain& changed,
                         const std::vector<Tensor>& inputs, const char* pass) {
  ASSERT_NO_THROW(gconv::verify(changed)) << pass;
  const auto before = ref::interpret(chain, inputs), after = ref::interpret(changed, inputs);
  for (const std::string& output : chain.outputs) {
    EXPECT_EQ(before.at(output), after.at(output)) << pass << " changed " << output;
  }
}

TEST(RandomChains, LoweredChainComputesTheGraph) {
  testing::RandomNetworkOptions options;
  options.quantize_nodes = false;  // lowered as clamps, without the rounding of the graph
  for (std::uint64_t seed = 0; seed < kNetworks; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph graph = testing::random_network(seed, options);
    const std::vector<Tensor> inputs = testing::random_inputs(graph, seed);
    const std::vector<Tensor> expected = ref::FloatNet(graph).run(inputs);
    const Chain chain = gconv::lower(graph);
    const std::vector<Tensor> actual = outputs_of(chain, ref::interpret_float(chain, inputs));
    ASSERT_EQ(expected.size(), actual.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(expected[i].shape(), actual[i].shape()) << ir::to_text(graph);
      const auto a = expected[i].data<float>(), b = actual[i].data<float>();
      double scale = 1e-3;
      for (const float value : a) {
        scale = std::max(scale, static_cast<double>(std::abs(value)));
      }
      for (std::size_t k = 0; k < a.size(); ++k) {
        ASSERT_NEAR(a[k], b[k], 2e-4 * scale) << ir::to_text(graph) << gconv::to_text(chain);
      }
    }
  }
}

TEST(RandomChains, FixedPointIsCloseToFloat) {
  for (const int bits : {16, 8}) {
    double worst = 0;
    for (std::uint64_t seed = 0; seed < kNetworks; ++seed) {
      SCOPED_TRACE(seed);
      testing::RandomNetworkOptions options;
      options.quantize_nodes = false;
      const ir::Graph graph = testing::random_network(seed, options);
      const std::vector<Tensor> inputs = testing::random_inputs(graph, seed);
      const Chain chain = gconv::lower(graph);
      const auto real = ref::interpret_float(chain, inputs);
      const Chain fixed = gconv::quantize(chain, ranges_of(real), {bits, bits});
      ASSERT_NO_THROW(gconv::verify(fixed)) << gconv::to_text(chain);
      const auto integers = ref::interpret(fixed, inputs);
      for (const std::string& output : chain.outputs) {
        const std::vector<double>& expected = real.at(output);
        const auto actual = ref::to_doubles(integers.at(output));
        const double step = fixed.tensor(output).scale;
        double error = 0;
        for (std::size_t k = 0; k < expected.size(); ++k) {
          error = std::max(error, std::abs(expected[k] - actual[k] * step));
        }
        const double relative = error / std::max(largest(expected), 1e-3);
        worst = std::max(worst, relative);
        EXPECT_LT(relative, bits == 16 ? 4e-3 : 0.6) << ir::to_text(graph);
      }
    }
    RecordProperty(bits == 16 ? "worst16" : "worst8", std::to_string(worst));
  }
}

TEST(RandomChains, PassesKeepEveryBit) {
  for (std::uint64_t seed = 0; seed < kNetworks; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph graph = testing::random_network(seed);
    const std::vector<Tensor> inputs = testing::random_inputs(graph, seed);
    const Chain chain = gconv::lower(graph);
    const int bits = seed % 2 == 0 ? 16 : 8;
    const Chain fixed =
        gconv::quantize(chain, ranges_of(ref::interpret_float(chain, inputs)), {bits, bits});
    expect_same_outputs(fixed, gconv::fuse_post(fixed), inputs, "fuse_post");
    expect_same_outputs(fixed, gconv::forward_views(fixed), inputs, "forward_views");
    expect_same_outputs(fixed, gconv::remove_dead(fixed), inputs, "remove_dead");
    expect_same_outputs(fixed, gconv::optimize(fixed), inputs, "optimize");
    const Chain optimized = gconv::optimize(chain);  // float chains, too
    ASSERT_NO_THROW(gconv::verify(optimized));
    const auto before = ref::interpret_float(chain, inputs);
    const auto after = ref::interpret_float(optimized, inputs);
    for (const std::string& output : chain.outputs) {
      EXPECT_EQ(before.at(output), after.at(output)) << output;
    }
  }
}

TEST(RandomChains, TextFormIsComplete) {
  for (std::uint64_t seed = 0; seed < kNetworks / 4; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph graph = testing::random_network(seed);
    const std::vector<Tensor> inputs = testing::random_inputs(graph, seed);
    const Chain chain = gconv::lower(graph);
    const Chain fixed = gconv::quantize(chain, ranges_of(ref::interpret_float(chain, inputs)), {});
    for (const Chain& one : {chain, fixed}) {
      const std::string text = gconv::to_text(one);
      EXPECT_EQ(text, gconv::to_text(gconv::parse_text(text, constants_of(one))));
    }
  }
}

// Channels in another order: residual sums, concatenations, groups and all else that random
// networks have. Nothing may change but the order inside.
TEST(RandomChains, RearrangedChannelsKeepEveryBit) {
  std::int64_t moved = 0;
  for (std::uint64_t seed = 0; seed < kNetworks; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph graph = testing::random_network(seed);
    const std::vector<Tensor> inputs = testing::random_inputs(graph, seed);
    const Chain floating = gconv::lower(graph);
    const Chain chain =
        gconv::quantize(floating, ranges_of(ref::interpret_float(floating, inputs)), {});
    for (const Chain& before : {chain, gconv::optimize(chain)}) {
      const std::vector<gconv::ChannelClass> classes = gconv::free_channels(before);
      Random random(seed);
      std::vector<std::vector<std::int32_t>> orders;
      for (const gconv::ChannelClass& one : classes) {
        std::vector<std::int32_t> order(static_cast<std::size_t>(one.channels));
        std::iota(order.begin(), order.end(), 0);
        for (std::size_t i = order.size(); i-- > 1;) {
          std::swap(order[i],
                    order[static_cast<std::size_t>(random.integer(0, static_cast<int>(i)))]);
        }
        orders.push_back(std::move(order));
        moved += one.channels;
      }
      expect_same_outputs(before, gconv::rearrange(before, classes, orders), inputs, "rearrange");
    }
  }
  EXPECT_GT(moved, 100);
}

}  // namespace
}  // namespace syncopate

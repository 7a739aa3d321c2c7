// Compiled alone: other files of the folder have names of their own that are the same.
#include "ref/fixed_net.h"

#include <gtest/gtest.h>

#include "ref/fixed_step.h"
#include "ref/interpret.h"
#include "ref/random_gconv.h"
#include "ref/storage.h"

namespace syncopate::ref {
namespace {

using gconv::Chain;

std::string describe(const Chain& chain) {
  const gconv::GConv& g = chain.gconvs.front();
  std::string text = fmt::format("main {} reduce {} pre {} channel '{}'\n", int(g.main),
                                 int(g.reduce), int(g.pre), g.channel);
  for (std::size_t d = 0; d < g.dims.size(); ++d) {
    const gconv::Dim& dim = g.dims[d];
    text += fmt::format(
        "{} ng {} nop {} nopc {} nks {} stride {} dil {} pad {} nips {} strides {} {} {}\n",
        dim.name, dim.ng, dim.nop, dim.nopc, dim.nks, dim.stride, dim.dilation, dim.pad, dim.nips,
        g.input.strides[d], g.kernel ? g.kernel->strides[d] : 0, g.output.strides[d]);
  }
  for (const auto& [name, info] : chain.tensors) {
    text += fmt::format("{} {} x {}\n", name, name_of(info.dtype), info.elements);
  }
  return text;
}

Tensor expected(const Chain& chain, const std::vector<Tensor>& inputs) {
  return interpret(chain, inputs).at("y");
}

/// What one step makes of the chain's only GCONV.
Tensor run_step(const FixedStep& step, const Chain& chain, const std::vector<Tensor>& inputs) {
  const gconv::TensorInfo& info = chain.tensors.at("y");
  Tensor output(info.dtype, {info.elements});
  StepScratch scratch;
  const auto k = chain.tensors.find("k");
  const Tensor* kernel = k == chain.tensors.end() ? nullptr
                         : k->second.constant     ? &*k->second.constant
                                                  : &inputs.at(1);
  step.run({inputs[0], kernel, output, scratch});
  return output;
}

class RandomChains : public testing::TestWithParam<Flavor> {};

TEST_P(RandomChains, RunAsTheDefinitionSays) {
  RandomGConv generator(1000 + static_cast<std::uint64_t>(GetParam()));
  for (int i = 0; i < 250; ++i) {
    const Chain chain = generator.make(GetParam());
    const std::vector<Tensor> inputs = generator.inputs();
    const FixedNet net(chain);
    const std::vector<Tensor> outputs = net.run(inputs);
    ASSERT_EQ(outputs.at(0), expected(chain, inputs)) << "case " << i << "\n" << describe(chain);
    ASSERT_EQ(net.run(inputs).at(0), outputs.at(0)) << "a second run differs, case " << i;
    const FixedNet once(chain, Runs::once);
    ASSERT_EQ(once.run(inputs).at(0), outputs.at(0)) << "a net for one run differs, case " << i;
    ASSERT_EQ(once.run(inputs).at(0), outputs.at(0)) << "its second run differs, case " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Flavors, RandomChains,
                         testing::Values(Flavor::any, Flavor::convolution, Flavor::dense,
                                         Flavor::depthwise, Flavor::pool, Flavor::elementwise));

TEST(ConvStep, EveryInstructionSetComputesTheSame) {
  RandomGConv generator(7);
  int convolutions = 0;
  for (int i = 0; i < 150; ++i) {
    const Chain chain = generator.make(Flavor::convolution);
    const std::vector<Tensor> inputs = generator.inputs();
    for (const TileKernel& kernel : tile_kernels()) {
      const auto step = make_conv_step(chain, chain.gconvs[0], {.kernel = &kernel});
      if (!step) continue;
      ++convolutions;
      ASSERT_EQ(run_step(*step, chain, inputs), expected(chain, inputs))
          << kernel.name << " case " << i << "\n"
          << describe(chain);
    }
  }
  EXPECT_GT(convolutions, 100);
}

/// 40 kernels over 1500 channels of 9 pixels, all weights one number; exact sums.
Chain constant_convolution(std::int16_t weight) {
  constexpr std::int64_t kChannels = 1500;
  constexpr std::int64_t kKernels = 40;
  constexpr std::int64_t kPixels = 9;
  Chain chain;
  chain.quantized = true;
  gconv::GConv gconv;
  gconv.name = "g";
  gconv.dims = {{.name = "W", .nopc = kPixels, .nips = kPixels},
                {.name = "C", .nop = kKernels, .nks = kChannels, .nips = kChannels}};
  gconv.main = gconv::Main::mul;
  gconv.reduce = gconv::Reduce::add;
  gconv.input = {"x", 0, {kChannels, 1}};
  gconv.kernel = gconv::View{"k", 0, {0, 1}};
  gconv.output = {"y", 0, {kKernels, 1}};
  chain.gconvs = {gconv};
  const std::vector<std::int16_t> weights(static_cast<std::size_t>(kKernels * kChannels), weight);
  chain.tensors["x"] = {.elements = kPixels * kChannels, .dtype = DType::i16, .scale = 1};
  chain.tensors["k"] = {.elements = kKernels * kChannels, .dtype = DType::i16, .scale = 1};
  chain.tensors["k"].constant = Tensor::from<std::int16_t>({kKernels * kChannels}, weights);
  chain.tensors["y"] = {.elements = kPixels * kKernels, .dtype = DType::i64, .scale = 1};
  chain.inputs = {"x"};
  chain.outputs = {"y"};
  return chain;
}

TEST(ConvStep, SumsOfExtremesAreExact) {
  // The ends of 16 bits, and of what a byte holds after rounding and after flooring.
  for (const int weight : {32639, -32639, 32767, -32768, 32512, 384, 128, 127, -128, -129}) {
    const Chain chain = constant_convolution(static_cast<std::int16_t>(weight));
    for (const int activation : {32767, -32768, 32512, 255, 256, -1, -256}) {
      const std::vector<std::int16_t> values(9 * 1500, static_cast<std::int16_t>(activation));
      const std::vector<Tensor> inputs{Tensor::from<std::int16_t>({9 * 1500}, values)};
      for (const TileKernel& kernel : tile_kernels()) {
        const auto step = make_conv_step(chain, chain.gconvs[0], {.kernel = &kernel});
        ASSERT_NE(step, nullptr);
        const Tensor sums = run_step(*step, chain, inputs);
        for (const std::int64_t sum : sums.data<std::int64_t>()) {
          ASSERT_EQ(sum, std::int64_t{1500} * weight * activation)
              << kernel.name << ": " << weight << " by " << activation;
        }
      }
    }
  }
}

TEST(Steps, TakeTheCasesTheyAreMadeFor) {
  RandomGConv generator(3);
  int dense = 0;
  int rows = 0;
  for (int i = 0; i < 100; ++i) {
    const Chain chain = generator.make(Flavor::dense);
    if (make_dense_step(chain, chain.gconvs[0])) ++dense;
    const Chain pool = generator.make(Flavor::pool);
    if (make_row_step(pool, pool.gconvs[0])) ++rows;
  }
  EXPECT_GT(dense, 20);
  EXPECT_EQ(rows, 100);
}

}  // namespace
}  // namespace syncopate::ref

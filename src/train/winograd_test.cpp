// Convolutions by minimal filtering against direct sums in double precision: outputs, and the
// gradients of inputs and filters.

#include "train/winograd.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <vector>

#include "base/random.h"
#include "train/conv_fixture.h"
#include "train/module.h"
#include "train/operators.h"
#include "train/threads_fixture.h"

namespace syncopate::train {
namespace {

struct Case {
  std::int64_t pictures, in, out, height, width;
};

TEST(Winograd, EqualsDirectConvolution) {
  Random random(11);
  // Whole tiles and cut ones, both tile sizes, channels beside multiples of a vector, many blocks.
  for (const Case& c : {Case{2, 16, 24, 8, 8}, Case{3, 16, 17, 2, 2}, Case{2, 19, 16, 7, 5},
                        Case{1, 3, 5, 1, 1}, Case{4, 1, 1, 9, 3}, Case{2, 32, 16, 4, 12},
                        Case{40, 40, 48, 24, 20}, Case{3, 272, 256, 4, 4}}) {
    const torch::Tensor x = random_tensor(random, {c.pictures, c.in, c.height, c.width}, 1);
    const torch::Tensor w = random_tensor(random, {c.out, c.in, 3, 3}, 1);
    const torch::Tensor weights = random_tensor(random, {c.pictures, c.out, c.height, c.width}, 1);
    const auto got = everything(x, w, weights, rules::winograd_conv);
    const auto wanted = direct_in_double(x, w, weights);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(got[i].sizes(), wanted[i].sizes());
      const double largest = wanted[i].abs().max().item<double>();
      const double error = (got[i].to(torch::kDouble) - wanted[i]).abs().max().item<double>();
      EXPECT_LT(error, 2e-5 * largest) << "result " << i << " of " << c.in << " to " << c.out
                                       << " channels, " << c.height << "x" << c.width;
    }
  }
}

/// Sixteen blocks of tiles: three threads share these out, nine share the work in each.
TEST(Winograd, DoesNotDependOnThreads) {
  Random random(12);
  const torch::Tensor x = random_tensor(random, {180, 48, 16, 16}, 1);
  const torch::Tensor w = random_tensor(random, {32, 48, 3, 3}, 1);
  const torch::Tensor weights = random_tensor(random, {180, 32, 16, 16}, 1);
  const auto results =
      on_threads({1, 3, 9}, [&] { return everything(x, w, weights, rules::winograd_conv); });
  for (const auto& result : results) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      EXPECT_TRUE(torch::equal(result[i], results[0][i])) << i;
    }
  }
}

TEST(Winograd, TakesNoPictures) {
  const torch::Tensor x = torch::zeros({0, 16, 4, 4}), w = torch::ones({16, 16, 3, 3});
  const auto got = everything(x, w, torch::zeros({0, 16, 4, 4}), rules::winograd_conv);
  EXPECT_EQ(got[0].numel(), 0);
  EXPECT_EQ(got[1].numel(), 0);
  EXPECT_EQ(got[2].abs().max().item<float>(), 0);
}

/// A convolution with bias, as a network runs it, where one of inputs and filters is trained.
TEST(Winograd, RunsInNetworks) {
  Random random(13);
  ir::Graph graph;
  graph.inputs = {graph.add_value({"x", DType::f32, {2, 32, 6, 6}, {}})};
  const auto constant = [&](const char* name, const Shape& shape) {
    std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
    for (float& value : values) value = static_cast<float>(random.normal());
    return graph.add_constant(name, Tensor::from<float>(shape, values));
  };
  const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  graph.outputs = {
      graph.add_node("conv", ir::Conv{window, 1},
                     {graph.inputs[0], constant("w", {40, 32, 3, 3}), constant("b", {40})}, "y")};
  ir::infer_shapes(graph);
  const torch::Tensor x = random_tensor(random, {2, 32, 6, 6}, 1);
  Module narrow(graph, {}), wide(graph, {torch::kCPU, torch::kDouble, torch::kDouble});
  for (const bool input_trained : {false, true}) {
    std::vector<std::vector<torch::Tensor>> results;
    for (Module* module : {&narrow, &wide}) {
      for (Variable& parameter : module->parameters()) {
        parameter.tensor.mutable_grad().reset();
        parameter.tensor.set_requires_grad(!input_trained);
      }
      const torch::Tensor leaf = x.to(module == &wide ? torch::kDouble : torch::kFloat)
                                     .clone()
                                     .set_requires_grad(input_trained);
      const torch::Tensor y = module->forward({leaf}, true)[0];
      (y * y).sum().backward();
      results.push_back({y.detach()});
      if (input_trained) results.back().push_back(leaf.grad());
      for (const Variable& parameter : module->parameters()) {
        if (!input_trained) results.back().push_back(parameter.tensor.grad());
      }
    }
    ASSERT_EQ(results[0].size(), results[1].size());
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      const torch::Tensor wanted = results[1][i];
      const torch::Tensor difference = (results[0][i].to(torch::kDouble) - wanted).abs().max();
      EXPECT_LT(difference.item<double>(), 2e-5 * wanted.abs().max().item<double>()) << i;
    }
  }
}

TEST(Winograd, TakesWhatItCanCompute) {
  const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const torch::Tensor x = torch::zeros({1, 32, 4, 4}), w = torch::zeros({32, 32, 3, 3});
  EXPECT_TRUE(rules::suits_winograd({window, 1}, x, w));
  EXPECT_FALSE(rules::suits_winograd({window, 2}, x, torch::zeros({64, 32, 3, 3})));
  EXPECT_FALSE(rules::suits_winograd({window, 1}, x.to(torch::kDouble), w.to(torch::kDouble)));
  EXPECT_FALSE(rules::suits_winograd({window, 1}, x, torch::zeros({16, 32, 3, 3})));
  for (ir::Ints ir::Window::* member :
       {&ir::Window::strides, &ir::Window::dilations, &ir::Window::pads_begin,
        &ir::Window::pads_end, &ir::Window::kernel}) {
    ir::Window other = window;
    (other.*member)[1] = 2;
    EXPECT_FALSE(rules::suits_winograd({other, 1}, x, w));
  }
}

}  // namespace
}  // namespace syncopate::train

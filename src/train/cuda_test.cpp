// What the CPU's tests show must hold on a GPU, too. Skipped where there is none.

#include <gtest/gtest.h>
#include <torch/types.h>

#include "base/random.h"
#include "train/module.h"
#include "train/random_operators.h"
#include "train/session_fixture.h"

namespace syncopate::train {
namespace {

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda_available()) GTEST_SKIP() << "no CUDA device";
  }
};

Session on(Device device, const Sets& sets, Precision precision = Precision::f32) {
  return session(sets, small_network(), precision, device);
}

/// Masks, codebooks and clusters, each on a layer.
Constraints constraints() {
  Constraints all;
  const ir::Graph graph = small_network();
  all.codebooks["conv.weight"] =
      codec::cluster(*graph.value(graph.find("conv.weight")).constant, {.bits = 3});
  auto& mask = all.masks["ip1.weight"];
  for (std::size_t i = 0; i < 16 * 128; ++i) mask.push_back(i % 3 == 0);
  all.clusters["ip1.weight"] = {.bits = 4, .rate = 0.02};
  return all;
}

/// Outputs, and gradients with respect to inputs and parameters, of a sum of squares.
std::vector<torch::Tensor> derivatives(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                                       torch::Device device, bool training) {
  Module module(graph, {device, torch::kDouble, torch::kDouble});
  std::vector<torch::Tensor> leaves;
  for (const Tensor& input : inputs) {
    torch::Tensor leaf = torch::empty(input.shape(), torch::kFloat);
    from_host(input, leaf);
    leaves.push_back(leaf.to(device, torch::kDouble).set_requires_grad(true));
  }
  std::vector<torch::Tensor> results = module.forward(leaves, training);
  torch::Tensor sum = torch::zeros({}, leaves.at(0).options().requires_grad(false));
  for (const torch::Tensor& y : results) sum = sum + (y * y).sum();
  sum.backward();
  for (const torch::Tensor& leaf : leaves) {
    if (leaf.grad().defined()) results.push_back(leaf.grad());
  }
  for (const Variable& parameter : module.parameters()) results.push_back(parameter.tensor.grad());
  for (torch::Tensor& result : results) result = result.detach().to(torch::kCPU);
  return results;
}

TEST_F(Cuda, EveryOperatorComputesWhatTheCpuDoes) {
  for (const OperatorCase& one : operator_cases()) {
    Random random(std::hash<std::string>{}(one.name));
    for (const bool training : {false, true}) {
      const ir::Graph graph = one.make(random);
      std::vector<Tensor> inputs;
      for (const ir::ValueId id : graph.inputs) {
        inputs.push_back(spread_values(random, graph.value(id).shape));
      }
      const auto cpu = derivatives(graph, inputs, torch::kCPU, training);
      const auto gpu = derivatives(graph, inputs, torch::kCUDA, training);
      ASSERT_EQ(cpu.size(), gpu.size());
      for (std::size_t i = 0; i < cpu.size(); ++i) {
        EXPECT_TRUE(torch::allclose(cpu[i], gpu[i], 1e-9, 1e-9)) << one.name << "\n"
                                                                 << ir::to_text(graph);
      }
    }
  }
}

TEST_F(Cuda, FirstStepsAreThoseOfTheCpu) {
  const Sets sets;
  Options options = quick();
  options.epochs = 1;
  std::vector<std::vector<float>> results;
  for (const Device device : {Device::cpu, Device::cuda}) {
    Session trained = on(device, sets);
    trained.train(options, constraints());
    results.push_back(weights_of(trained.graph()));
  }
  ASSERT_EQ(results[0].size(), results[1].size());
  // A weight near a border may find another entry.
  std::size_t apart = 0;
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    apart += std::abs(results[0][i] - results[1][i]) > 1e-3F ? 1 : 0;
  }
  EXPECT_LT(apart, results[0].size() / 100);
}

TEST_F(Cuda, LearnsInBfloat16) {
  const Sets sets;
  Session trained = on(Device::cuda, sets, Precision::bf16);
  Options options = quick();
  options.epochs = 8;
  const double accuracy = trained.train(options).test_accuracy;
  EXPECT_GT(accuracy, 0.9);
  EXPECT_NEAR(trained.score(Pictures::test, 0, Precision::f32).accuracy, accuracy, 0.03);
  EXPECT_EQ(trained.platform(), "cuda, bf16");
}

TEST_F(Cuda, SameSeedSameWeightsAlsoWhenStopped) {
  const Sets sets;
  Options options = quick();
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    std::vector<std::vector<float>> results;
    for (const bool stopped : {false, false, true}) {
      if (stopped) {
        options.checkpoints.path = temporary("cuda");
        int calls = 0;
        const auto few = [&](const Progress&) { return ++calls < 15; };
        EXPECT_FALSE(on(Device::cuda, sets, precision).train(options, constraints(), few).complete);
      }
      Session trained = on(Device::cuda, sets, precision);
      EXPECT_EQ(trained.train(options, constraints()).resumed, stopped);
      results.push_back(weights_of(trained.graph()));
    }
    options.checkpoints.path.clear();
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
}

TEST_F(Cuda, RemembersATeachersAnswers) {
  const Sets sets;
  Session teacher = on(Device::cuda, sets);
  Options options = quick();
  options.epochs = 6;
  teacher.train(options);
  const ir::Graph taught_by = teacher.graph();
  options.epochs = 1;
  options.augmentation = {true, 0, 0};
  options.distillation.teachers = {&taught_by};
  std::vector<double> losses;
  for (const bool once : {false, true}) {
    options.distillation.once = once;
    Session learner = on(Device::cuda, sets);
    losses.push_back(learner.train(options).log.at(0).loss);
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-3);
}

}  // namespace
}  // namespace syncopate::train

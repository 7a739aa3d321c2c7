#pragma once

#include <torch/types.h>

#include <vector>

#include "base/random.h"
#include "base/tensor.h"

// What the tests of convolutions by other sums compare.

namespace syncopate::train {

inline torch::Tensor random_tensor(Random& random, const Shape& shape, double scale) {
  torch::Tensor result = torch::empty(shape);
  float* values = result.data_ptr<float>();
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    values[i] = static_cast<float>(random.normal() * scale);
  }
  return result;
}

/// Outputs and both gradients of a random weighted sum of them.
template <class Convolve>
std::vector<torch::Tensor> everything(const torch::Tensor& x, const torch::Tensor& w,
                                      const torch::Tensor& weights, const Convolve& convolve) {
  const torch::Tensor x_leaf = x.detach().clone().set_requires_grad(true);
  const torch::Tensor w_leaf = w.detach().clone().set_requires_grad(true);
  const torch::Tensor y = convolve(x_leaf, w_leaf);
  (y * weights).sum().backward();
  return {y.detach(), x_leaf.grad(), w_leaf.grad()};
}

/// The same of torch::conv2d with padding 1, in double precision.
inline std::vector<torch::Tensor> direct_in_double(const torch::Tensor& x, const torch::Tensor& w,
                                                   const torch::Tensor& weights) {
  return everything(x.to(torch::kDouble), w.to(torch::kDouble), weights.to(torch::kDouble),
                    [](const torch::Tensor& a, const torch::Tensor& b) {
                      return torch::convolution(a, b, {}, {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1);
                    });
}

}  // namespace syncopate::train

#include "train/transfer.h"

#include <cstring>

namespace syncopate::train {

Tensor to_host(const torch::Tensor& tensor) {
  const torch::Tensor host = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  Tensor result =
      Tensor::uninitialized(DType::f32, Shape(host.sizes().begin(), host.sizes().end()));
  std::memcpy(result.mutable_raw().data(), host.data_ptr(), result.bytes());
  return result;
}

void from_host(const Tensor& source, torch::Tensor target) {
  const torch::NoGradGuard guard;
  torch::Tensor host = torch::empty(source.shape(), torch::kFloat);
  std::memcpy(host.data_ptr(), source.raw().data(), source.bytes());
  target.copy_(host);
}

}  // namespace syncopate::train

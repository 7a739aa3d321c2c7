#include "train/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/cuda.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/error.h"

namespace syncopate::train {

bool cuda_available() { return torch::cuda::is_available(); }

torch::Device device_of(Device wanted) {
  if (wanted == Device::cpu) return torch::kCPU;
  if (wanted == Device::automatic) return cuda_available() ? torch::kCUDA : torch::kCPU;
  if (!at::hasCUDA()) fail("device cuda: this libtorch was built without CUDA; use --device cpu");
  if (!cuda_available()) fail("device cuda: there is no CUDA device; use --device cpu");
  return torch::kCUDA;
}

void set_up_torch(const Platform& platform) {
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  at::set_num_threads(platform.threads > 0 ? platform.threads : cores);
  at::Context& context = at::globalContext();
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  context.setAllowTF32CuDNN(false);
  if (device_of(platform.device).is_cuda()) {
    // cuBLAS adds in a fixed order only with a workspace of fixed size. The switch below would warn
    // in every step that the maxima of pools pass on their gradients in any order; where windows
    // overlap they do. What else adds in any order, training does without.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);  // NOLINT(concurrency-mt-unsafe)
  } else {
    context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  }
}

}  // namespace syncopate::train

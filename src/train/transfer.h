#pragma once

#include <torch/types.h>

#include "base/tensor.h"

namespace syncopate::train {

/// A tensor of the training device as one of f32.
Tensor to_host(const torch::Tensor& tensor);

/// Overwrites a tensor of the training device with one of f32, of the same shape.
void from_host(const Tensor& source, torch::Tensor target);

}  // namespace syncopate::train

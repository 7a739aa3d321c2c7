#pragma once

#include <torch/types.h>

#include "train/trainer.h"

namespace syncopate::train {

/// Where that is here. InputError for CUDA where there is none.
torch::Device device_of(Device wanted);

/// Threads, and algorithms that repeat their results: libtorch starts with one thread and whatever
/// is fastest today.
void set_up_torch(const Platform& platform);

}  // namespace syncopate::train

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "train/trainer.h"

namespace syncopate::train {

/// A training run between two steps. The order of pictures and their changes follow from seed and
/// position, so that no generator has a state to keep.
struct Checkpoint {
  /// What the run was started with, by name: another run is told apart by it.
  std::map<std::string, std::string> identity;
  std::int64_t step = 0;                  ///< Steps done since the start.
  double loss_sum = 0, correct_sum = 0;   ///< Over the pictures of the epoch in progress.
  double epoch_seconds = 0;               ///< Spent on the epoch in progress.
  std::vector<EpochLog> log;              ///< Epochs done.
  std::map<std::string, Tensor> tensors;  ///< f32: parameters, momenta, statistics.
};

/// Replaces `path` in one step. InputError when it cannot be written.
void save_checkpoint(const Checkpoint& checkpoint, const std::string& path);

/// InputError, one line that starts with `path`, for a file that is damaged or no checkpoint, and
/// for one whose identity is not `expected`, naming what differs.
Checkpoint load_checkpoint(const std::string& path,
                           const std::map<std::string, std::string>& expected);

}  // namespace syncopate::train

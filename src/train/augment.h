#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "train/trainer.h"

namespace syncopate::train {

/// Order in which an epoch takes the pictures, a permutation.
std::vector<std::int64_t> epoch_order(std::int64_t pictures, std::uint64_t seed,
                                      std::int64_t epoch);

/// Color that stands for "nothing": each channel's mean in the set.
std::vector<std::uint8_t> mean_color(const data::DataSet& set);

/// Writes the pictures at `indices` to `out` [count][channels][height][width], changed at random:
/// the changes depend on seed, epoch and the picture's index alone. What a shift moves in from
/// outside, and the square of cutout, are of color `fill`. Returns which pictures are in the
/// mirror.
std::vector<bool> augment(const data::DataSet& set, std::span<const std::int64_t> indices,
                          const Augmentation& how, std::span<const std::uint8_t> fill,
                          std::uint64_t seed, std::int64_t epoch, std::span<std::uint8_t> out);

}  // namespace syncopate::train

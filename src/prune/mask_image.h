#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "prune/structure.h"

namespace syncopate::prune {

/// A layer's 0/1 mask as a bi-level picture [notes on Cambricon-S, 3.5]: a line for each input and
/// kernel position (inputs outermost), a column for each output, groups side by side; 363 lines of
/// 96 columns for AlexNet's first layer. Row-major, one byte per weight.
struct MaskImage {
  std::int64_t rows = 0, columns = 0;
  std::vector<std::uint8_t> pixels;
};

/// `mask` in storage order, as Mask.
MaskImage mask_image(const Weights& weights, const Mask& mask);
/// A picture of made-up contents: pixel(row, column) is 0 or not.
MaskImage make_image(std::int64_t rows, std::int64_t columns,
                     const std::function<bool(std::int64_t, std::int64_t)>& pixel);

/// Bytes of the picture as a JBIG (ITU-T T.82) file with its 20-byte header: one resolution, one
/// stripe, three-line template with its movable pixel [assumed: the paper names no settings].
/// `typical_prediction` codes lines equal to the one above in a bit; the experiment of the notes
/// has none, so neither has the default.
std::int64_t jbig_bytes(const MaskImage& image, bool typical_prediction = false);

}  // namespace syncopate::prune

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "prune/options.h"
#include "prune/weights.h"

// Structures: what is removed together, and the mask of one layer.

namespace syncopate::prune {

/// One byte per weight in the tensor's storage order: 1 stays, 0 goes.
using Mask = std::vector<std::uint8_t>;
/// By the name of the value that holds the weights.
using Masks = std::map<std::string, Mask>;

/// The windows over one group of a layer: they start every `stride`, and the last ones are cut at
/// the layer's edge.
struct Grid {
  Block window, stride;
  std::int64_t inputs = 1, outputs = 1, height = 1, width = 1;  ///< Windows along each dimension.

  std::int64_t count() const { return inputs * outputs * height * width; }
  bool overlaps() const { return !(window == stride); }
};

/// The windows a method judges by: single weights, blocks, m inputs, kernels or groups of inputs.
Grid grid_for(const Weights& weights, const Options& options);
/// Each weight a window of its own.
Grid single_weights(const Weights& weights);
/// Windows that do not overlap.
Grid side_by_side(const Weights& weights, const Block& window);

/// A window's place: its group, and where it begins and ends in each dimension.
struct Window {
  std::int64_t index = 0;  ///< Over all groups, in raster order.
  std::int64_t group = 0;
  std::int64_t output = 0, output_end = 0, input = 0, input_end = 0;
  std::int64_t y = 0, y_end = 0, x = 0, x_end = 0;

  std::int64_t size() const {
    return (output_end - output) * (input_end - input) * (y_end - y) * (x_end - x);
  }
};

/// Calls visit(window) for every window: outputs outermost, then inputs, then the kernel.
template <class Visit>
void for_each_window(const Weights& w, const Grid& grid, const Visit& visit) {
  const auto& [window, stride] = std::pair{grid.window, grid.stride};
  Window at;
  for (at.group = 0; at.group < w.groups; ++at.group) {
    for (std::int64_t o = 0; o < grid.outputs; ++o) {
      at.output = o * stride.outputs;
      at.output_end = std::min(at.output + window.outputs, w.outputs);
      for (std::int64_t i = 0; i < grid.inputs; ++i) {
        at.input = i * stride.inputs;
        at.input_end = std::min(at.input + window.inputs, w.inputs);
        for (std::int64_t y = 0; y < grid.height; ++y) {
          at.y = y * stride.height;
          at.y_end = std::min(at.y + window.height, w.height);
          for (std::int64_t x = 0; x < grid.width; ++x, ++at.index) {
            at.x = x * stride.width;
            at.x_end = std::min(at.x + window.width, w.width);
            visit(at);
          }
        }
      }
    }
  }
}

/// Calls visit(address) for every weight of a window.
template <class Visit>
void for_each_address(const Weights& w, const Window& at, const Visit& visit) {
  for (std::int64_t o = at.output; o < at.output_end; ++o) {
    for (std::int64_t i = at.input; i < at.input_end; ++i) {
      for (std::int64_t y = at.y; y < at.y_end; ++y) {
        for (std::int64_t x = at.x; x < at.x_end; ++x) {
          visit(static_cast<std::size_t>(w.address(at.group, o, i, y, x)));
        }
      }
    }
  }
}

/// A layer's values behind an older mask: |w|, and 0 for what is removed and for NaN.
struct Magnitudes {
  std::span<const float> values;
  const Mask* older = nullptr;

  bool alive(std::size_t address) const { return older == nullptr || (*older)[address] != 0; }
  float at(std::size_t address) const {
    const float magnitude = values[address] < 0 ? -values[address] : values[address];
    return alive(address) && magnitude > 0 ? magnitude : 0;
  }
};

/// One number for how much information a window holds; -1 when the older mask removed all of it.
float score(const Weights& w, const Window& window, Criterion criterion, const Magnitudes& values);

/// How n_of_m and balanced divide a density among the windows along the inputs of one output.
///
/// n_of_m keeps n of every window, and of a tail of t inputs ceil(n t / m). balanced with
/// QRounding::down keeps floor(density * size), at least 1. With alternate, a fixed pattern spreads
/// the larger count evenly over the windows along the inputs (5, 4, 5, 4 ... at half of 9); each
/// output begins one window later, so that all outputs keep the same number and no input loses all;
/// a tail keeps round(density * size), at least 1. A lower density asks for no more anywhere, so
/// masks can nest.
class Quotas {
 public:
  Quotas(const Weights& weights, const Grid& grid, const Options& options, double density);
  /// Weights that a window keeps.
  std::int64_t of(const Weights& weights, const Window& window) const;
  /// "2 of 4", "5/4 of 9".
  std::string text() const;

 private:
  std::int64_t size_ = 1, step_ = 1;  ///< Weights and inputs of a full window.
  std::int64_t low_ = 1, extras_ = 0;
  std::vector<std::int64_t>
      rank_;  ///< Full windows along the inputs: those below extras_ keep one more.
  std::vector<std::int64_t> tail_;  ///< What a window of so many weights keeps.
};

/// The mask of one layer at a density: in coarse the share of windows (at least one stays), in
/// n_of_m and balanced of each group or kernel. Ties go to the earlier weight. `older`: see
/// make_masks; windows that it removed stay removed.
Mask layer_mask(const ir::Graph& graph, const Layer& layer, double density, const Options& options,
                const Mask* older = nullptr);
/// The same for other weights of that layer, in the tensor's storage order.
Mask layer_mask(std::span<const float> weights, const Layer& layer, double density,
                const Options& options, const Mask* older = nullptr);

}  // namespace syncopate::prune

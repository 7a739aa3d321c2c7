#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "accel/flexflow/factors.h"
#include "array/plain.h"
#include "map/loops.h"
#include "map/tiling.h"
#include "sim/weights.h"

// Which PE holds which neuron and synapse, which row computes which output, and in what order
// (flexflow.md section 3.2).

namespace syncopate::accel::flexflow {

/// How one layer uses the array, as its instructions say.
struct LayerSetup {
  Factors factors;
  /// Inputs per pass in groups of Tn: what fits half of a local store. The partial sums of a pass
  /// go to the output buffer.
  std::int64_t pass_groups = 1;
  /// Output steps whose new neurons fill half of a local store.
  std::int64_t segment_steps = 1;
  bool packed = false;  ///< Windows are packed over the row; Ti = Tj = 1.
};

/// A layer on the array. Neurons with coordinates (r, c) lie in the columns of residues (r mod Ti,
/// c mod Tj); with dilation, coordinates count within the layer's sub-lattices. A window that
/// slides by less than (Ti, Tj) therefore finds its neurons in place and meets them with other
/// synapses: the kernel rotates.
class Mapping {
 public:
  Mapping(const map::Loops& loops, const LayerSetup& setup, std::int64_t array);

  const map::Loops& loops() const { return loops_; }
  const LayerSetup& setup() const { return setup_; }
  std::int64_t array() const { return array_; }
  std::int64_t pass_ins() const { return setup_.pass_groups * setup_.factors.in.maps; }

  /// Cycles that a PE needs for all pairs of one output over `ins` inputs of a pass:
  /// ceil(ins/Tn)ceil(K/Ti)ceil(K/Tj).
  std::int64_t slots(std::int64_t ins) const;
  /// Columns that hold a pair in a pass over `ins` inputs.
  std::int64_t columns(std::int64_t ins) const;
  /// Neuron words that enter a column when all windows of a step slide on; held ones stay.
  std::int64_t fresh_words(std::int64_t ins) const;

  /// Where the first input of an output's window falls among the residues: u*Tj + v.
  std::int64_t phases() const { return setup_.factors.in.rows * setup_.factors.in.cols; }
  std::int64_t phase(std::int64_t row, std::int64_t col) const;

  /// The pair of input `n` (counted from the pass's first, of `ins`) and kernel position `tap`
  /// (t*KH*KW + i*KW + j) of a window with the given phase.
  struct Place {
    std::int64_t column = 0, slot = 0;
  };
  Place place(std::int64_t n, std::int64_t ins, std::int64_t tap, std::int64_t phase) const;

  /// Row of the array that computes output map m at (row, col):
  /// (m mod Tm)TrTc + (row mod Tr)Tc + col mod Tc.
  std::int64_t row(std::int64_t m, std::int64_t row, std::int64_t col) const;
  /// Rows that some output may use: TmTrTc.
  std::int64_t rows() const { return setup_.factors.out.product(); }
  /// Output steps of a pass over a tile's pixels: T * ceil(H/Tr) * ceil(W/Tc).
  std::int64_t steps(const map::TileBox& box) const;

 private:
  map::Loops loops_;
  LayerSetup setup_;
  std::int64_t array_;
};

/// Pass size and segment length of a layer for local stores of `store_words`: a pass keeps the
/// whole kernels of its inputs (every PE of a group meets every synapse, because kernels rotate) in
/// half of the kernel store, and a segment's new neurons in half of the neuron store. At least one
/// group and one step; what does not fit streams.
LayerSetup setup_for(const map::Loops& loops, const Factors& factors, bool packed,
                     std::int64_t array, std::int64_t store_words);
/// Factors of the packed-row bound: the fewest inputs whose windows fill whole steps of a row.
Factors packed_factors(const map::Loops& loops, const Side& out, std::int64_t array);

/// Depthwise convolution: its maps share no neurons.
bool depthwise(const map::Loops& loops);
/// How it lies on the array: one map at a time, Tr x Tc of its outputs on the rows, Ti x Tj of the
/// window on the columns, chosen for the fewest steps.
array::ArrayShape depthwise_shape(const map::Loops& loops, std::int64_t array);

/// Where the inputs of a layer stand in the order in which columns take them: order[group*ins + n].
/// Blocks of inputs of the tiling keep their places.
using ChannelOrder = std::vector<std::int32_t>;
ChannelOrder plain_order(const map::Loops& loops);
/// Deals the inputs of every block to the Tn column groups so that their non-zero weights even out:
/// the heaviest first, to the lightest column group with room.
ChannelOrder balanced_order(const sim::Weights& weights, const map::Tiling& tiling,
                            std::int64_t column_groups);

}  // namespace syncopate::accel::flexflow

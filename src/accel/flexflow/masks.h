#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "accel/flexflow/isa.h"
#include "accel/flexflow/mapping.h"
#include "array/masks.h"

// Masks in the order in which PEs meet them: 32-bit words, [word][column] with columns padded to
// whole vectors; bit b of word w of a column is slot 32w+b of the PEs there (Mapping::place).

namespace syncopate::accel::flexflow {

/// The passes of one layer over its inputs, and where every input stands in them. A tile's inputs
/// are cut into passes from its first one on.
class Passes {
 public:
  Passes(const Mapping& mapping, const map::Tiling& tiling, ChannelOrder order);

  const Mapping& mapping() const { return mapping_; }
  std::int64_t all() const { return in_blocks_ * per_block_; }
  /// Passes of the tile with inputs from `in0`: [first, first + count).
  std::int64_t first(std::int64_t in0) const { return in0 / tiling_ins_ * per_block_; }
  std::int64_t count(std::int64_t in0) const;
  /// Inputs of a pass.
  std::int64_t ins(std::int64_t pass) const;
  /// Words of one column's mask in a pass, and in any pass at most.
  std::int64_t words(std::int64_t pass) const { return (mapping_.slots(ins(pass)) + 31) / 32; }
  std::int64_t most_words() const { return most_words_; }
  /// Columns, padded.
  std::int64_t lanes() const { return lanes_; }
  /// Words from one mask to the next.
  std::int64_t stride() const { return most_words_ * lanes_; }

  /// Pass and place in it of input `n` of a group.
  struct Input {
    std::int32_t pass = 0, n = 0;
  };
  Input input(std::int64_t group, std::int64_t n) const {
    return inputs_[static_cast<std::size_t>(group * mapping_.loops().ins + n)];
  }
  /// Whether inputs stand in order in groups of 16 that fill the columns, as bits in a plane do.
  bool by_sixteen() const { return by_sixteen_; }
  /// First input of a pass, where they stand in order.
  std::int64_t begin(std::int64_t pass) const {
    return pass / per_block_ * tiling_ins_ + pass % per_block_ * mapping_.pass_ins();
  }
  /// First input and number of inputs of the tile that a pass is part of.
  std::pair<std::int64_t, std::int64_t> tile_of(std::int64_t pass) const {
    const std::int64_t in0 = pass / per_block_ * tiling_ins_;
    return {in0, std::min(tiling_ins_, mapping_.loops().ins - in0)};
  }
  /// First slot of a kernel position: that of the first group of inputs.
  std::int64_t slot(std::int64_t pass, std::int64_t tap) const {
    return mapping_.place(0, ins(pass), tap, 0).slot;
  }
  /// Sets the bit of a pair in the mask of its pass.
  void set(std::span<std::uint32_t> mask, std::int64_t pass, std::int64_t n, std::int64_t tap,
           std::int64_t phase) const {
    const Mapping::Place at = mapping_.place(n, ins(pass), tap, phase);
    mask[static_cast<std::size_t>(at.slot / 32 * lanes_ + at.column)] |= 1U << (at.slot % 32);
  }

 private:
  Mapping mapping_;
  std::int64_t tiling_ins_, in_blocks_, per_block_, lanes_, most_words_;
  bool by_sixteen_ = false;
  std::vector<Input> inputs_;
};

/// Weight masks of the outputs that the array works on together, in every phase of the window.
struct SynapseBlock {
  /// Output `tm` with `phase` begins at (tm * phases + phase) * Passes::stride(); outputs beyond
  /// the layer are empty.
  std::vector<std::uint32_t> masks;
  std::int64_t nonzero = 0;  ///< Weights.
};

/// Weight masks of a layer: made once where several tiles use them, else when asked for.
class SynapseMasks {
 public:
  /// Both arguments outlive the object; `uses` is the number of tiles that share weights.
  SynapseMasks(const sim::LayerData& data, const Passes& passes, std::int64_t uses);
  /// Of the Tm outputs from `out0` on; in `scratch` or kept here.
  const SynapseBlock& block(std::int64_t group, std::int64_t out0, std::int64_t pass,
                            SynapseBlock& scratch) const;

 private:
  void make(std::int64_t group, std::int64_t out0, std::int64_t pass, SynapseBlock& block) const;
  void build(std::int64_t group, std::int64_t out0, std::int64_t pass, SynapseBlock& block) const;
  void build_by_sixteen(std::int64_t group, std::int64_t out0, std::int64_t pass,
                        SynapseBlock& block) const;

  const sim::LayerData& data_;
  const Passes& passes_;
  std::int64_t maps_, out_blocks_;
  std::vector<SynapseBlock> kept_;  ///< [group][block of outputs][pass]; or empty.
};

/// The windows of an operand block and the order in which rows work through them.
class Windows : public array::PixelMasks {
 public:
  /// `passes` outlives the object. Without `neurons`, masks are full as if no neuron were zero, and
  /// non-zero ones are only counted if `count` says so.
  Windows(const Passes& passes, bool neurons, bool count)
      : passes_(passes), neurons_(neurons), count_(count) {}
  void load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words) override;

  /// Masks of a pass of the block, numbered from its first; see Segment::neurons.
  const std::uint32_t* masks(std::int64_t pass) const {
    return masks_.data() + static_cast<std::size_t>(pass * pass_words_);
  }
  std::int64_t steps() const { return steps_; }
  /// Tables for Segment, [step][row].
  const std::int32_t* neurons_at() const { return neurons_at_.data(); }
  const std::int32_t* synapses_at() const { return synapses_at_.data(); }
  const std::int32_t* present() const { return present_.data(); }
  /// Non-zero neurons of all windows of the block; 0 when they are not looked at.
  std::int64_t nonzero() const { return nonzero_; }

 private:
  void load_steps(const map::TileBox& box);
  void load_step(const map::TileBox& box, std::int64_t step, std::int64_t t, std::int64_t y0,
                 std::int64_t x0);
  void load_inputs(const sim::LayerData& data, const map::TileBox& box);
  void spread_input(const std::uint64_t* row, const map::TileBox& box, const map::Loops& loops,
                    std::int64_t column, std::uint32_t* to, std::int64_t pitch) const;
  void load_windows(const map::Loops& loops, const map::TileBox& box);
  void find_inputs(const map::Loops& loops, const std::array<std::int64_t, 3>& output,
                   std::span<std::int64_t> places) const;
  void load_packed(const sim::LayerData& data, const map::TileBox& box);

  const Passes& passes_;
  bool neurons_, count_;
  std::int64_t steps_ = 0, pass_words_ = 0, nonzero_ = 0;
  std::vector<std::uint32_t> masks_;
  std::vector<std::int32_t> neurons_at_, synapses_at_, present_;
  std::vector<std::int64_t> step_key_;  ///< What these tables depend on.
  /// Inputs under the block's windows: [pass][T][H][W][word][column], bits are groups of Tn inputs.
  std::vector<std::uint32_t> inputs_;
  std::array<std::int64_t, 3> low_{}, extent_{};  ///< Of the inputs, clipped to the map.
  std::int64_t group_words_ = 0;                  ///< Words of `inputs_` per column.
  std::vector<std::int64_t> group_bits_;          ///< Bits used there, per pass.
};

}  // namespace syncopate::accel::flexflow

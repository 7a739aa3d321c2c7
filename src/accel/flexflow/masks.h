#pragma once

#include <cstdint>
#include <span>
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
  /// Sets the bit of a pair in the mask of its pass.
  void set(std::span<std::uint32_t> mask, std::int64_t pass, std::int64_t n, std::int64_t tap,
           std::int64_t phase) const {
    const Mapping::Place at = mapping_.place(n, ins(pass), tap, phase);
    mask[static_cast<std::size_t>(at.slot / 32 * lanes_ + at.column)] |= 1U << (at.slot % 32);
  }

 private:
  Mapping mapping_;
  std::int64_t tiling_ins_, in_blocks_, per_block_, lanes_, most_words_;
  std::vector<Input> inputs_;
};

/// Weight masks of a layer, in every phase of the window.
class SynapseMasks {
 public:
  SynapseMasks(const sim::LayerData& data, const Passes& passes);
  /// Masks of the Tm outputs from `out0` on (those beyond the layer are empty): output `tm` with
  /// `phase` begins at (tm * phases + phase) * Passes::stride().
  const std::uint32_t* block(std::int64_t group, std::int64_t out0, std::int64_t pass) const {
    return data_.data() + static_cast<std::size_t>(entry(group, out0, pass) * block_words_);
  }
  /// Non-zero weights of these outputs.
  std::int64_t nonzero(std::int64_t group, std::int64_t out0, std::int64_t pass) const {
    return nonzero_[static_cast<std::size_t>(entry(group, out0, pass))];
  }

 private:
  std::int64_t entry(std::int64_t group, std::int64_t out0, std::int64_t pass) const {
    return (group * out_blocks_ + out0 / maps_) * passes_ + pass;
  }
  void build(const sim::LayerData& data, const Passes& passes, std::int64_t group,
             std::int64_t block);

  std::int64_t maps_, out_blocks_, passes_, block_words_;
  std::vector<std::uint32_t> data_;
  std::vector<std::int64_t> nonzero_;
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
  void load_inputs(const sim::LayerData& data, const map::TileBox& box);
  void load_windows(const map::Loops& loops, const map::TileBox& box);
  void load_packed(const sim::LayerData& data, const map::TileBox& box);

  const Passes& passes_;
  bool neurons_, count_;
  std::int64_t steps_ = 0, pass_words_ = 0, nonzero_ = 0;
  std::vector<std::uint32_t> masks_;
  std::vector<std::int32_t> neurons_at_, synapses_at_, present_;
  /// Inputs under the block's windows: [pass][T][H][W][word][column], bits are groups of Tn inputs.
  std::vector<std::uint32_t> inputs_;
  std::array<std::int64_t, 3> low_{}, extent_{};  ///< Of the inputs, clipped to the map.
  std::int64_t group_words_ = 0;                  ///< Words of `inputs_` per column.
};

}  // namespace syncopate::accel::flexflow

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "gconv/chain.h"
#include "map/loops.h"
#include "sim/bit_plane.h"
#include "sim/weights.h"

namespace syncopate::sim {

/// A normalized array: a view of a tensor that already lies that way, else a copy. Holds what it
/// shows. Movable, not copyable.
class Operand {
 public:
  Operand() = default;
  /// Gathers from `tensor` (i8 or i16; others are an InternalError) in parallel.
  Operand(const Tensor& tensor, const map::Access& access);
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  Operand(Operand&&) = default;
  Operand& operator=(Operand&&) = default;

  std::span<const std::int16_t> values() const { return values_; }

 private:
  Tensor held_;
  std::vector<std::int16_t> copy_;
  std::span<const std::int16_t> values_;
};

/// One layer with its real operands, normalized for array machines and shared by all of them;
/// planes are built on first use. Thread-safe for readers.
///
///   input    [batch][T][H][W][groups*ins]            (window, elementwise: outs channels)
///   second   the other operand of an elementwise layer (activation or constant), broadcast to
///            the output's shape; empty when there is none
///   weights  [groups][outs][kt][kh][kw][ins]
///   output   [batch][T][H][W][groups*outs], the expected result (of the fixed-point chain)
///
/// Operands are used where they are when they lie in that order, as activations usually do.
class LayerData {
 public:
  /// InputError when `loops` are not those of the gconv: the program belongs to another network.
  LayerData(const gconv::Chain& chain, const gconv::GConv& gconv, const map::Loops& loops);

  const gconv::Chain& chain() const { return chain_; }
  const gconv::GConv& gconv() const { return gconv_; }
  const map::Loops& loops() const { return normalized_.loops; }

  /// Gathers operands through the gconv's views; `read` returns a chain tensor's contents.
  /// InputError when one is an exact sum (i64), which machines do not store: such a chain has to be
  /// fused first. May be called again with other contents; readers must be done by then.
  using Reader = std::function<const Tensor&(const std::string&)>;
  void set_activations(const Reader& read);

  std::span<const std::int16_t> input() const { return input_.values(); }
  std::span<const std::int16_t> second() const { return second_.values(); }
  std::span<const std::int16_t> output() const { return output_.values(); }
  /// Empty for work without constant weights. Gathered on first use and kept; machines that need
  /// single values read them from weights_of().
  std::span<const std::int16_t> weights() const;

  /// Non-zero mask of the input: one row per (batch, t, y, x), one bit per channel.
  const BitPlane& input_bits() const;
  /// Non-zero mask of the weights: one row per (group, out, kt, kh, kw), one bit per input channel.
  /// That of weights_of(chain, gconv, loops), which compilers share. InternalError without weights.
  const BitPlane& weight_bits() const;
  /// The constant weights themselves; InternalError without.
  const Weights& constant() const;
  /// Pairs of a non-zero neuron and a non-zero weight in a whole convolution: the same on every
  /// machine, so counted once for all of them, on first use.
  std::int64_t effectual_pairs() const;

 private:
  const gconv::Chain& chain_;
  const gconv::GConv& gconv_;
  map::Normalized normalized_;
  Operand input_, second_, output_;
  std::shared_ptr<const Weights> constant_;  ///< Null without constant weights.
  mutable Operand weights_;
  mutable BitPlane input_bits_;
  mutable std::int64_t effectual_pairs_ = 0;
  mutable std::unique_ptr<std::once_flag> weights_once_, input_bits_once_, effectual_once_;
};

}  // namespace syncopate::sim

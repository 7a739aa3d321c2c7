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

/// One layer with its real operands, normalized for array machines and shared by all of them;
/// planes are built on first use. Thread-safe for readers.
///
///   input    [batch][T][H][W][groups*ins]            (window, elementwise: outs channels)
///   second   the other operand of an elementwise layer (activation or constant), broadcast to
///            the output's shape; empty when there is none
///   weights  [groups][outs][kt][kh][kw][ins]
///   output   [batch][T][H][W][groups*outs], the expected result (of the fixed-point chain)
class LayerData {
 public:
  LayerData(const gconv::Chain& chain, const gconv::GConv& gconv, map::Loops loops);

  const gconv::Chain& chain() const { return chain_; }
  const gconv::GConv& gconv() const { return gconv_; }
  const map::Loops& loops() const { return loops_; }

  /// Gathers operands through the gconv's views; `read` returns a chain tensor's contents (i8 or
  /// i16). Weights are gathered on first use and kept.
  using Reader = std::function<const Tensor&(const std::string&)>;
  void set_activations(const Reader& read);

  std::span<const std::int16_t> input() const { return input_; }
  std::span<const std::int16_t> second() const { return second_; }
  std::span<const std::int16_t> weights() const;
  std::span<const std::int16_t> output() const { return output_; }

  /// Non-zero mask of the input: one row per (batch, t, y, x), one bit per channel.
  const BitPlane& input_bits() const;
  /// Non-zero mask of the weights: one row per (group, out, kt, kh, kw), one bit per input channel.
  /// That of weights_of(chain, gconv, loops), which compilers share.
  const BitPlane& weight_bits() const;

 private:
  const gconv::Chain& chain_;
  const gconv::GConv& gconv_;
  map::Loops loops_;
  std::vector<std::int16_t> input_, second_, output_;
  mutable std::vector<std::int16_t> weights_;
  std::shared_ptr<const Weights> constant_;  ///< Null without constant weights.
  mutable BitPlane input_bits_;
  mutable std::once_flag weights_once_, input_bits_once_;
};

}  // namespace syncopate::sim

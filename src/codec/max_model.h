#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/arithmetic.h"
#include "codec/blocks.h"
#include "codec/mixer.h"

namespace syncopate::codec {

/// What the max mode sends before a tensor.
struct MaxHeader {
  BlockShape blocks;
  bool zero_flag = true;      ///< Zero is a decision of its own; else it is in the lowest bucket.
  int shift = 0;              ///< Magnitudes are coded in buckets of 2^shift.
  std::uint32_t largest = 0;  ///< Highest bucket; 0 with zero_flag: all is zero.
  int mean = 0;               ///< Mean magnitude, in eighths of an octave above 2^-16.

  /// The mean magnitude itself.
  float mean_magnitude() const;
};

/// The statistics that turn a weight's surroundings into contexts, and what the contexts learned.
/// One per tensor: tensors decode independently of each other.
class MaxModel {
 public:
  MaxModel(const MaxHeader& header, const KernelView& view);

  /// Codes the whole tensor: `values` is read by an encoder and written by a decoder.
  template <class Coder>
  [[gnu::always_inline]] inline void code_tensor(Coder& coder, std::int32_t* values);

 private:
  static constexpr int kUnary = 14;  ///< Buckets above are coded as plain numbers.
  static constexpr int kDecisions = 16;
  static constexpr std::int64_t kMaxLines = 4096;

  /// A running mean; the first samples count fully.
  struct Mean {
    float mean = 0;
    std::int32_t seen = 0;
  };
  /// One context's slots for all decisions about a magnitude.
  struct alignas(64) Line {
    Slot slot[kDecisions];
  };
  /// Contexts of one decision each.
  using Table = std::vector<Slot>;

  /// A weight's surroundings, as far as already coded, 0 where there is none: left, upper, upper
  /// left and upper right neighbor in the kernel, the same position one output and one input
  /// before, second neighbors left and up.
  using Around = Words;
  struct Position {
    std::int64_t output, input, kernel, at;  ///< `at`: in history_.
  };

  /// A decision about a weight, predicted.
  struct Decision {
    Slot* slots[8];
    Prediction prediction;
  };

  /// `rest`: all but the left neighbor, which is 0 there.
  void around(const Position& p, Around& rest, std::int32_t& left) const;
  /// `kEarly`: signs and magnitudes are predicted before it is known whether a weight is zero. The
  /// same is coded, faster where few are.
  template <bool kEarly, class Coder>
  [[gnu::always_inline]] inline void code_weights(Coder& coder, std::int32_t* values);
  template <bool kEarly, class Coder>
  [[gnu::always_inline]] inline std::int32_t code_weight(Coder& coder, const Position& p,
                                                         std::int32_t value);
  /// Whether the magnitude is above zero (0) or bucket `which` - 1.
  [[gnu::always_inline]] inline void predict_magnitude(Line* const (&lines)[8], std::size_t which,
                                                       Decision& out) const;
  [[gnu::always_inline]] inline void predict_sign(const Position& p, const Around& a,
                                                  std::int32_t left, float signed_guess,
                                                  Decision& out);
  /// `first`: whether it is above the lowest bucket.
  template <class Coder>
  [[gnu::always_inline]] inline std::uint32_t code_magnitude(Coder& coder, Line* const (&lines)[8],
                                                             const Decision& first,
                                                             std::uint32_t magnitude);
  template <class Coder>
  [[gnu::always_inline]] inline bool code_block(Coder& coder, std::int64_t block, const Position& p,
                                                bool alive);
  static void add(Mean& mean, float value, const float* reciprocals) {
    mean.mean += (value - mean.mean) * reciprocals[mean.seen];
    mean.seen += mean.seen < kSlowest ? 1 : 0;
  }

  static constexpr std::int32_t kSlowest = 1020;

  MaxHeader header_;
  KernelView view_;
  float scale_;       ///< To units in which the mean magnitude is 0.4.
  std::int64_t row_;  ///< Weights of one output.
  std::int64_t pad_;
  std::vector<std::int16_t> history_;  ///< Saturated values, zeros in front.
  std::vector<std::uint8_t> edges_;    ///< Per kernel position: which neighbors exist.
  std::vector<Around> there_;          ///< The same as masks of Around.
  std::vector<Mean> rows_, columns_, positions_;
  std::vector<float> reciprocals_;
  const std::uint16_t* squash_;

  std::vector<Line> tables_[8];
  Table signs_[8], flags_[8];
  MixWeights weights_[kDecisions], sign_weights_, flag_weights_;
  alignas(32) Floats magnitude_weights_, value_weights_;
  AdaptiveNumber escape_;
  AdaptiveBit low_bits_[(kUnary + 2) * 8];

  std::vector<std::uint8_t> alive_;  ///< Per block row and position, one row of zeros in front.
  std::vector<Mean> alive_columns_, alive_positions_;
};

}  // namespace syncopate::codec

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "codec/arithmetic.h"
#include "codec/blocks.h"
#include "codec/mixer.h"
#include "codec/symbol_mixer.h"

namespace syncopate::codec {

/// What the max mode sends before a tensor. Values are coded in bins: the symbols of the mixer are
/// bins -8 to 7, what lies beyond follows as a number, and so does the place within a bin.
struct MaxHeader {
  BlockShape blocks;
  bool paired = false;        ///< Two rows of outputs together; no blocks then.
  bool zero_apart = true;     ///< Zero has bin 0 alone; else it is in the middle of that.
  int shift = 0;              ///< Bins are 2^shift wide.
  std::uint32_t largest = 0;  ///< Highest magnitude of a bin.
  int mean = 0;               ///< Mean magnitude, in eighths of an octave above 2^-16.

  /// The mean magnitude itself.
  float mean_magnitude() const;
  /// With zero_apart, magnitudes are rounded up to whole bins, else values to the nearest.
  std::int32_t bin_of(std::int32_t value) const {
    if (!zero_apart) return (value + ((1 << shift) >> 1)) >> shift;
    const std::int32_t bin = ((value < 0 ? -value : value) + (1 << shift) - 1) >> shift;
    return value < 0 ? -bin : bin;
  }
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
  static constexpr std::int64_t kMaxLines = 4096,
                                kMaxKernel = 64;  ///< Those beyond share contexts.
  static constexpr std::int32_t kLowestBin = -kMixSymbols / 2, kHighestBin = kMixSymbols / 2 - 1;
  static constexpr int kLevels = 16;  ///< Of a magnitude, in contexts.
  static constexpr int kGuesses = 8;  ///< Levels of an expected value, on either side of zero.
  static constexpr std::int32_t kSmall = 4;  ///< Neighbors' bins beyond look alike to contexts.
  static constexpr int kPlaceBits = 4;       ///< Of the place within a bin; others are sent raw.

  /// A running mean; the first samples count fully.
  struct Mean {
    float mean = 0;
    std::int32_t seen = 0;
  };
  /// Which of a weight's neighbors exist, as masks: upper left, upper and upper right in the
  /// kernel, none, the same position one output and one input before, second neighbors left and up;
  /// and the left neighbor.
  struct There {
    alignas(32) Words rest;
    std::int32_t left;
  };
  struct Position {
    std::int64_t output, input, kernel;
    std::int64_t within;  ///< The output: input * kernel size + kernel position.
    std::int64_t at;      ///< In history_.
  };

  /// What regressions and means learn from a weight, done only when the next one has been
  /// predicted, which need not wait for it then.
  struct Lesson {
    alignas(32) Floats magnitude, value;  ///< Steps of the regressions' weights.
    float grown;                          ///< The weight's magnitude.
    Mean *row, *column, *position;
  };
  [[gnu::always_inline]] inline void learn(const Lesson& lesson);

  /// By magnitudes nearby.
  using Bins = SymbolMixer<6, kLevels / 2>;
  /// What a weight's surroundings say of it.
  struct Guess {
    Floats sizes, values;  ///< Of the neighbors and means, as the regressions take them.
    float size, value;     ///< What the regressions expect.
    std::array<std::size_t, 6> contexts;
    std::size_t situation;
    Mean *row, *column, *position;
  };
  [[gnu::always_inline]] inline void guess(const KernelView& view, const Position& p, Guess& guess);
  /// Codes a bin and returns it; `symbol` is that of the mixer.
  template <class Coder>
  [[gnu::always_inline]] inline std::int32_t code_bin(Coder& coder, const MaxHeader& header,
                                                      const Bins::Question& question,
                                                      std::int32_t wanted, int& symbol);
  /// Codes weights that do not depend on each other, all guessed before one is learned from.
  template <int kWeights, class Coder>
  [[gnu::always_inline]] inline void code_weights(Coder& coder, const MaxHeader& header,
                                                  const KernelView& view, const Position* positions,
                                                  Lesson* lessons, std::int32_t* const* values);
  /// Two rows of outputs together, the second one weight behind: what it wants to know of the first
  /// is known then, and neither waits for the other.
  template <class Coder>
  [[gnu::always_inline]] inline void code_pairs(Coder& coder, const MaxHeader& header,
                                                const KernelView& view, std::int32_t* values);
  /// Block by block.
  template <class Coder>
  [[gnu::always_inline]] inline void code_blocks(Coder& coder, const MaxHeader& header,
                                                 const KernelView& view, std::int32_t* values);
  /// Codes the place within a bin and returns the value.
  template <class Coder>
  [[gnu::always_inline]] inline std::int32_t code_place(Coder& coder, const MaxHeader& header,
                                                        std::int32_t bin, std::int32_t value);
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
  std::vector<std::int32_t> history_;    ///< Saturated values, zeros in front.
  std::vector<std::int32_t> bins_near_;  ///< Their bins, saturated at kSmall.
  std::vector<std::uint8_t> edges_;      ///< Per kernel position: which neighbors exist.
  std::array<There, 64> there_;          ///< By edges: the same as masks.
  std::vector<Mean> rows_, columns_, positions_;
  std::vector<float> reciprocals_;
  const std::uint16_t* squash_;

  Bins bins_;
  SymbolMixer<1> places_;       ///< By bin.
  std::vector<Slot> flags_[8];  ///< Contexts of whether a block is alive.
  MixWeights flag_weights_;
  alignas(32) Floats magnitude_weights_, value_weights_;
  AdaptiveNumber escape_;

  std::vector<std::uint8_t> alive_;  ///< Per block row and position, one row of zeros in front.
  std::vector<Mean> alive_columns_, alive_positions_;
};

}  // namespace syncopate::codec

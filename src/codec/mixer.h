#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "codec/lanes.h"

// Logistic mixing of eight adaptive predictions of one bit. All arithmetic is IEEE single precision
// in a fixed order and without contraction (see CMakeLists.txt), so that every instruction set,
// compiler and sanitizer build predicts bit for bit the same; a stream written on one machine
// decodes on any other.

namespace syncopate::codec {

/// What one context knows about one decision: a probability, how often it was seen, and their
/// evidence (log odds, less while little was seen), which is what the mixer adds up. One word,
/// loaded and stored whole: of two parts stored apart, the next load of both would have to wait.
struct Slot {
  /// From the top: 22 bits of the probability of a one, 10 of times seen, 32 of evidence as float.
  std::int64_t word = std::numeric_limits<std::int64_t>::min();
};

/// 1 / (1 + exp(-x)) in 1/65536 for x from -12 to 12 in 1/128.
class Squash {
 public:
  static constexpr int kSteps = 3072;
  static constexpr float kScale = 128;       ///< Steps per unit of x.
  static constexpr float kMiddle = 1536.5F;  ///< Step of x = 0, with one half for rounding.
  Squash();
  const std::uint16_t* data() const { return table_.data(); }

 private:
  std::array<std::uint16_t, kSteps + 1> table_;
};
/// The one table.
const Squash& squash_table();

/// The mixer's weights for one kind of decision, in steps of Squash, and how often they learned.
struct alignas(32) MixWeights {
  MixWeights() {
    for (int i = 0; i < kLanes; ++i) weight[i] = 0.3F * Squash::kScale;
  }
  Floats weight;
  float seen = 0;
  float padding[7] = {};
};

/// What learning multiplies by and adds, a number in every lane. In memory, because instructions
/// read it from there for nothing; compilers left alone spread numbers over registers again and
/// again, a tenth of all instructions.
struct LearningConstants {
  Words seen, most_seen, three_quarters, exponent;
  Floats target[2];  ///< Of a zero and of a one: inside [0, 1], so that the logarithm is finite.
  Floats unit, ones, to_probability, counted, discounted, two, log_2;
  Floats low[2], middle[2], high[2];  ///< Of the logarithm's polynomial.
};
extern const LearningConstants kLearning;

/// Natural logarithm of positive normal numbers to about 1e-5.
[[gnu::always_inline]] inline void log_of(const LearningConstants& c, const Floats& value,
                                          Floats& out) {
  Words bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  // Mantissa to [0.75, 1.5), so that the polynomial is centered on one.
  const Words exponent = (bits - c.three_quarters) & c.exponent;
  const Words mantissa_bits = bits - exponent;
  Floats m;
  __builtin_memcpy(&m, &mantissa_bits, sizeof(m));
  const Floats t = m - c.ones;
  const Floats square = t * t;
  const Floats low = c.low[0] - c.low[1] * t;
  const Floats middle = c.middle[0] - c.middle[1] * t;
  const Floats high = c.high[0] - c.high[1] * t;
  const Floats p = low + square * (middle + square * high);
  out = p * t + __builtin_convertvector(exponent >> 23, Floats) * c.log_2;
}

/// What eight contexts learn from a decision: probabilities move by 1/(times seen + 1.8), at least
/// by 1/1000; evidence is discounted by 2/(times seen + 2.6).
[[gnu::always_inline]] inline void learn(Words& states, Floats& evidence, int bit) {
  const LearningConstants* address = &kLearning;
  asm volatile("" : "+r"(address));  // Hides what is there.
  const LearningConstants& c = *address;
  const Words seen = states & c.seen;
  const Floats n = __builtin_convertvector(seen, Floats);
  using Unsigned = std::uint32_t __attribute__((vector_size(32)));
  Unsigned top;
  __builtin_memcpy(&top, &states, sizeof(top));
  const Words whole = __builtin_convertvector(top >> 10, Words);
  Floats p = __builtin_convertvector(whole, Floats) * c.unit;
  p += (c.target[bit] - p) * (c.ones / (n + c.counted));
  Floats odds;
  log_of(c, p / (c.ones - p), odds);
  evidence = odds * (c.ones - c.two / (n + c.discounted));
  const Words moved = __builtin_convertvector(p * c.to_probability, Words);
  const Words more = seen - (seen < c.most_seen);
  states = (moved << 10) | more;
}

/// Mixes the evidence of eight slots, codes the decision, and teaches slots and weights.
template <class Coder>
[[gnu::always_inline]] inline int mix_and_code(Coder& coder, Slot* const (&slots)[kLanes],
                                               MixWeights& weights, const std::uint16_t* squash,
                                               int bit) {
  Pairs low, high;
  for (int i = 0; i < 4; ++i) {
    low[i] = slots[i]->word;
    high[i] = slots[i + 4]->word;
  }
  Words first, second;
  __builtin_memcpy(&first, &low, sizeof(first));
  __builtin_memcpy(&second, &high, sizeof(second));
  const Words floats = __builtin_shufflevector(first, second, 0, 2, 8, 10, 4, 6, 12, 14);
  Words states = __builtin_shufflevector(first, second, 1, 3, 9, 11, 5, 7, 13, 15);
  Floats evidence;
  __builtin_memcpy(&evidence, &floats, sizeof(evidence));
  auto index = static_cast<std::int32_t>(sum_of(evidence * weights.weight) + Squash::kMiddle);
  index = index < 0 ? 0 : index;
  index = index > Squash::kSteps ? Squash::kSteps : index;
  const std::uint32_t probability = squash[static_cast<std::uint32_t>(index)];

  const float rate = Squash::kScale * (0.005F + 0.02F / (1.0F + weights.seen * 0.02F));
  weights.seen += 1.0F;
  bit = coder.code(probability, bit);
  const float expected = static_cast<float>(probability) * (1.0F / 65536.0F);
  weights.weight += evidence * ((static_cast<float>(bit) - expected) * rate);
  learn(states, evidence, bit);
  Words learned;
  __builtin_memcpy(&learned, &evidence, sizeof(learned));
  first = __builtin_shufflevector(learned, states, 0, 8, 1, 9, 4, 12, 5, 13);
  second = __builtin_shufflevector(learned, states, 2, 10, 3, 11, 6, 14, 7, 15);
  __builtin_memcpy(&low, &first, sizeof(low));
  __builtin_memcpy(&high, &second, sizeof(high));
  for (int i = 0; i < 4; ++i) {
    slots[i]->word = low[i];
    slots[i + 4]->word = high[i];
  }
  return bit;
}

}  // namespace syncopate::codec

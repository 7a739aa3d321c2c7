#include "codec/max_model.h"

#include "base/simd.h"
#include "codec/max_coder.h"

namespace syncopate::codec {
namespace {

enum Edge : std::uint8_t { kLeft = 1, kUp = 2, kUpLeft = 4, kUpRight = 8, kLeft2 = 16, kUp2 = 32 };

/// Which neighbors a kernel position has.
std::vector<std::uint8_t> edges_of(const KernelView& view) {
  std::vector<std::uint8_t> edges;
  for (std::int64_t y = 0; y < view.height; ++y) {
    for (std::int64_t x = 0; x < view.width; ++x) {
      unsigned mask = 0;
      if (x > 0) mask |= kLeft;
      if (y > 0) mask |= kUp;
      if (x > 0 && y > 0) mask |= kUpLeft;
      if (y > 0 && x + 1 < view.width) mask |= kUpRight;
      if (x > 1) mask |= kLeft2;
      if (y > 1) mask |= kUp2;
      edges.push_back(static_cast<std::uint8_t>(mask));
    }
  }
  return edges;
}

std::vector<Words> masks_of(const std::vector<std::uint8_t>& edges) {
  constexpr int kOrder[8] = {kLeft, kUp, kUpLeft, kUpRight, 0, 0, kLeft2, kUp2};
  std::vector<Words> masks(edges.size());
  for (std::size_t k = 0; k < edges.size(); ++k) {
    for (int i = 0; i < 8; ++i)
      masks[k][i] = kOrder[i] == 0 || (edges[k] & kOrder[i]) != 0 ? -1 : 0;
  }
  return masks;
}

/// Position of a float's logarithm on a scale of `steps` per two octaves, from its bits.
template <int kSteps, int kOffset, int kTop>
[[gnu::always_inline]] inline std::size_t level_of(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value) - 0x3f800000;
  const int level = (((bits >> 8) * kSteps) >> 16) + kOffset;
  return static_cast<std::size_t>(level < 0 ? 0 : level > kTop ? kTop : level);
}
/// 32 and 16 levels of a magnitude in units in which the mean is 0.4.
[[gnu::always_inline]] inline std::size_t fine(float value) {
  return level_of<6, 17, 31>(value + 0.02F);
}
[[gnu::always_inline]] inline std::size_t coarse(float value) {
  return level_of<3, 8, 15>(value + 0.03F);
}

[[gnu::always_inline]] inline std::size_t at_most(std::int32_t value, std::int32_t most) {
  return static_cast<std::size_t>(value < most ? value : most);
}
/// The sum of all lanes.
[[gnu::always_inline]] inline std::uint32_t total_of(const Words& v) {
  using Half = std::int32_t __attribute__((vector_size(16)));
  const Half four =
      __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
  const Half two = four + __builtin_shufflevector(four, four, 2, 3, 0, 1);
  return static_cast<std::uint32_t>(two[0] + two[1]);
}
[[gnu::always_inline]] inline std::size_t index_of(std::int64_t value, std::int64_t most) {
  return static_cast<std::size_t>(value < most ? value : most);
}

}  // namespace

float MaxHeader::mean_magnitude() const {
  return std::ldexp(1.0F + static_cast<float>(mean % 8) / 8.0F, mean / 8 - 16);
}

MaxModel::MaxModel(const MaxHeader& header, const KernelView& view)
    : header_(header),
      view_(view),
      scale_(0.4F / header.mean_magnitude()),
      row_(view.inputs * view.kernel()),
      pad_(row_ + 2 * view.width + 4),
      history_(static_cast<std::size_t>(pad_ + view.size())),
      edges_(edges_of(view)),
      there_(masks_of(edges_)),
      squash_(squash_table().data()) {
  const float mean = header.mean_magnitude();
  const auto count = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  rows_.assign(count(view.outputs), {mean, 4});
  columns_.assign(count(view.inputs), {mean, 4});
  positions_.assign(count(row_), {mean, 2});
  for (int i = 0; i <= kSlowest; ++i) reciprocals_.push_back(1.0F / static_cast<float>(i + 1));
  const std::size_t inputs = count(std::min(view.inputs, kMaxLines));
  const std::size_t outputs = count(std::min(view.outputs, kMaxLines));
  const std::size_t kernel = count(std::min<std::int64_t>(view.kernel(), 64));
  const std::size_t lines[8] = {256, 256, kernel * 16, inputs, 512, outputs, 256, 729};
  const std::size_t signs[8] = {24, 81, 81, kernel * 9, 256, 81, kernel * 24, inputs};
  for (int i = 0; i < 8; ++i) {
    tables_[i].resize(lines[i]);
    signs_[i].resize(signs[i]);
  }
  for (int i = 0; i < kLanes; ++i) {
    magnitude_weights_[i] = 0.1F;
    value_weights_[i] = 0;
  }
  if (header.blocks.outputs > 1) {
    const std::int64_t blocks = (view.outputs + header.blocks.outputs - 1) / header.blocks.outputs;
    alive_.resize(count((blocks + 1) * row_ + pad_));
    alive_columns_.assign(inputs, {0.3F, 4});
    alive_positions_.assign(count(row_), {0.3F, 2});
    const std::size_t flags[8] = {64,  kernel * 4, inputs,     count(std::min(blocks, kMaxLines)),
                                  256, kernel * 8, kernel * 4, 128};
    for (int i = 0; i < 8; ++i) flags_[i].resize(flags[i]);
  }
}

[[gnu::always_inline]] inline void MaxModel::around(const Position& p, Around& rest,
                                                    std::int32_t& left) const {
  const std::int16_t* h = history_.data() + p.at;
  const std::int64_t width = view_.width;
  const Around all = {0,
                      h[-width],
                      h[-width - 1],
                      h[-width + 1],
                      h[-row_],
                      p.input > 0 ? h[-view_.kernel()] : 0,
                      h[-2],
                      h[-2 * width]};
  const Around& there = there_[static_cast<std::size_t>(p.kernel)];
  rest = all & there;
  left = h[-1] & there[0];
}

[[gnu::always_inline]] inline void MaxModel::predict_magnitude(Line* const (&lines)[8],
                                                               std::size_t which,
                                                               Decision& out) const {
  for (int i = 0; i < 8; ++i) out.slots[i] = &lines[i]->slot[which];
  predict(out.slots, weights_[which], squash_, out.prediction);
}

template <class Coder>
[[gnu::always_inline]] inline std::uint32_t MaxModel::code_magnitude(Coder& coder,
                                                                     Line* const (&lines)[8],
                                                                     const Decision& first,
                                                                     std::uint32_t magnitude) {
  const std::uint32_t offset = header_.zero_flag ? 1 : 0;
  const std::uint32_t wanted = (magnitude - offset) >> header_.shift;
  std::uint32_t bucket = 0;
  const std::uint32_t most = std::min<std::uint32_t>(header_.largest, kUnary);
  Decision now = first;
  for (; bucket < most; ++bucket) {
    // The next decision is predicted while this one is not yet known.
    Decision next;
    predict_magnitude(lines, bucket + 2, next);
    const int more = code_and_learn(coder, now.prediction, now.slots, weights_[bucket + 1],
                                    wanted > bucket ? 1 : 0);
    if (more == 0) break;
    now = next;
  }
  if (bucket == kUnary && header_.largest > kUnary) {
    bucket += escape_.code(coder, wanted - kUnary);
    bucket = std::min(bucket, header_.largest);
  }
  std::uint32_t low = 0;
  std::uint32_t node = 1;
  const std::uint32_t bits = magnitude - offset;
  for (int i = header_.shift - 1; i >= 0; --i) {
    int bit = static_cast<int>((bits >> i) & 1);
    if (node < 8) {
      bit = low_bits_[std::min(bucket, 15U) * 8 + node].code(coder, bit);
      node = node * 2 + static_cast<std::uint32_t>(bit);
    } else {
      bit = coder.code(kEven, bit);
    }
    low = low * 2 + static_cast<std::uint32_t>(bit);
  }
  return ((bucket << header_.shift) | low) + offset;
}

[[gnu::always_inline]] inline void MaxModel::predict_sign(const Position& p, const Around& a,
                                                          std::int32_t left, float signed_guess,
                                                          Decision& out) {
  const std::size_t k = index_of(p.kernel, 63);
  const float strength = (signed_guess < 0 ? -signed_guess : signed_guess) * scale_ * 15.0F;
  const int level = static_cast<int>(strength < 11.0F ? strength : 11.0F);
  const auto predicted = static_cast<std::size_t>(level * 2 + (signed_guess < 0 ? 1 : 0));
  // Four numbers to the base 3 of signs (0, 1 for below, 2 for above), seven bits apart.
  const Words signs = (a < 0 ? Words{} + 1 : Words{}) + (a > 0 ? Words{} + 2 : Words{});
  constexpr std::int32_t b = 1 << 7, c = 1 << 14, d = 1 << 21;
  const Words places = {0, 3 + 3 * b + 9 * c + d, 9, 27, 9 * b, 27 * b, 3 * c, 27 * c};
  const std::int32_t left_sign = (left < 0 ? 1 : 0) + (left > 0 ? 2 : 0);
  const std::uint32_t numbers =
      total_of(signs * places) + static_cast<std::uint32_t>(left_sign * (1 + b + c + 3 * d));
  // -8..7 as 0..15.
  const auto nibble = [&](std::int32_t value) {
    return std::clamp(value >> header_.shift, -8, 7) + 8;
  };
  const std::size_t contexts[8] = {predicted,
                                   numbers & 127,
                                   numbers >> 7 & 127,
                                   k * 9 + (numbers >> 21),
                                   static_cast<std::size_t>(nibble(left) * 16 + nibble(a[1])),
                                   numbers >> 14 & 127,
                                   k * 24 + predicted,
                                   index_of(p.input, kMaxLines - 1)};
  for (int i = 0; i < 8; ++i) out.slots[i] = &signs_[i][contexts[i]];
  predict(out.slots, sign_weights_, squash_, out.prediction);
}

template <bool kEarly, class Coder>
[[gnu::always_inline]] inline std::int32_t MaxModel::code_weight(Coder& coder, const Position& p,
                                                                 std::int32_t value) {
  // The left neighbor was decoded just now: it joins last, so that nothing else waits for it.
  Around a;
  std::int32_t left = 0;
  around(p, a, left);
  const Words sizes = a < 0 ? -a : a;
  const Floats numbers = __builtin_convertvector(sizes, Floats);
  const std::int32_t unit = header_.zero_flag ? (1 << header_.shift) - 1 : 0;
  const Words buckets = (sizes + unit) >> header_.shift;
  const Words to_three = buckets < 3 ? buckets : Words{} + 3;
  const Words to_two = buckets < 2 ? buckets : Words{} + 2;
  // A number to the base 4, and above it one to the base 3.
  constexpr std::int32_t b = 1 << 8;
  const std::int32_t left_size = left < 0 ? -left : left;
  const std::int32_t left_bucket = (left_size + unit) >> header_.shift;
  const std::uint32_t neighbors =
      total_of(to_three * Words{0, 4, 0, 0, 16, 64, 0, 0} +
               to_two * Words{0, 3 * b, 9 * b, 27 * b, 81 * b, 243 * b, 0, 0}) +
      static_cast<std::uint32_t>(std::min(left_bucket, 3) + b * std::min(left_bucket, 2));
  Mean& row = rows_[static_cast<std::size_t>(p.output)];
  Mean& column = columns_[static_cast<std::size_t>(p.input)];
  Mean& position = positions_[static_cast<std::size_t>(p.input * view_.kernel() + p.kernel)];
  Floats f = {0,          numbers[1], numbers[2],  numbers[3],
              numbers[4], row.mean,   column.mean, position.mean};
  float expected = sum_of(f * magnitude_weights_);
  f[0] = static_cast<float>(left_size);
  expected += f[0] * magnitude_weights_[0];
  expected = expected < 0 ? 0 : expected;
  const float nearby = (2 * (f[0] + f[1]) + f[2] + f[3]) * (1.0F / 6.0F);
  const std::size_t q_expected = fine(expected * scale_), q_nearby = coarse(nearby * scale_);
  const std::size_t q_row = coarse(row.mean * scale_), q_position = coarse(position.mean * scale_);
  const std::size_t contexts[8] = {neighbors & 255,
                                   q_position * 16 + q_nearby,
                                   index_of(p.kernel, 63) * 16 + coarse(expected * scale_),
                                   index_of(p.input, kMaxLines - 1),
                                   q_expected * 16 + q_position,
                                   index_of(p.output, kMaxLines - 1),
                                   q_nearby * 16 + q_row,
                                   neighbors >> 8};
  Line* lines[8];
  for (int i = 0; i < 8; ++i) lines[i] = &tables_[i][contexts[i]];

  Floats g = __builtin_convertvector(a, Floats);
  const Floats guesses = g * value_weights_;
  g[0] = static_cast<float>(left);
  const float signed_guess = sum_of(guesses, g[0] * value_weights_[0]);
  auto magnitude = static_cast<std::uint32_t>(value < 0 ? -value : value);
  Decision first, sign;
  bool nonzero = true;
  if constexpr (kEarly) {
    predict_magnitude(lines, 1, first);
    predict_sign(p, a, left, signed_guess, sign);
  }
  if (header_.zero_flag) {
    Slot* slots[8];
    for (int i = 0; i < 8; ++i) slots[i] = &lines[i]->slot[0];
    nonzero = mix_and_code(coder, slots, weights_[0], squash_, magnitude != 0) != 0;
  }
  if (nonzero) {
    if constexpr (!kEarly) predict_magnitude(lines, 1, first);
    magnitude = code_magnitude(coder, lines, first, magnitude);
  } else {
    magnitude = 0;
  }

  bool negative = false;
  if (magnitude != 0) {
    if constexpr (!kEarly) predict_sign(p, a, left, signed_guess, sign);
    negative =
        code_and_learn(coder, sign.prediction, sign.slots, sign_weights_, value < 0 ? 1 : 0) != 0;
  }
  const auto size = static_cast<std::int32_t>(magnitude);
  const std::int32_t result = negative ? -size : size;

  const float grown = static_cast<float>(magnitude);
  magnitude_weights_ += f * (0.012F * (grown - expected) / (0.5F + sum_of(f * f)));
  value_weights_ +=
      g * (0.008F * (static_cast<float>(result) - signed_guess) / (1.0F + sum_of(g * g)));
  add(row, grown, reciprocals_.data());
  add(column, grown, reciprocals_.data());
  add(position, grown, reciprocals_.data());
  history_[static_cast<std::size_t>(p.at)] =
      static_cast<std::int16_t>(std::clamp(result, -32767, 32767));
  return result;
}

template <class Coder>
[[gnu::always_inline]] inline bool MaxModel::code_block(Coder& coder, std::int64_t block,
                                                        const Position& p, bool alive) {
  const std::int64_t at = pad_ + block * row_ + p.input * view_.kernel() + p.kernel;
  const std::uint8_t* h = alive_.data() + at;
  const unsigned edges = edges_[static_cast<std::size_t>(p.kernel)];
  const auto there = [&](bool exists, std::int64_t back) {
    return static_cast<std::size_t>(exists ? h[-back] : 0);
  };
  const std::size_t left = there((edges & kLeft) != 0, 1),
                    up = there((edges & kUp) != 0, view_.width);
  const std::size_t up_left = there((edges & kUpLeft) != 0, view_.width + 1);
  const std::size_t up_right = there((edges & kUpRight) != 0, view_.width - 1);
  const std::size_t before = there(true, row_), input = there(p.input > 0, view_.kernel());
  const std::size_t k = index_of(p.kernel, 63), c = index_of(p.input, kMaxLines - 1);
  Mean& column = alive_columns_[c];
  Mean& position = alive_positions_[static_cast<std::size_t>(p.input * view_.kernel() + p.kernel)];
  const auto level = [](const Mean& m) {
    return at_most(static_cast<std::int32_t>(m.mean * 16.0F), 15);
  };
  const std::size_t contexts[8] = {
      left + 2 * (up + 2 * (before + 2 * (input + 2 * (up_right + 2 * up_left)))),
      k * 4 + left + 2 * up,
      c,
      index_of(block, kMaxLines - 1),
      level(position) * 16 + level(column),
      k * 8 + left + up + up_left + up_right + before + input,
      k * 4 + before * 2 + input,
      static_cast<std::size_t>(p.input % 32) * 4 + input * 2 + before};
  Slot* slots[8];
  for (int i = 0; i < 8; ++i) slots[i] = &flags_[i][contexts[i]];
  alive = mix_and_code(coder, slots, flag_weights_, squash_, alive ? 1 : 0) != 0;
  alive_[static_cast<std::size_t>(at)] = alive ? 1 : 0;
  add(column, alive ? 1.0F : 0.0F, reciprocals_.data());
  add(position, alive ? 1.0F : 0.0F, reciprocals_.data());
  return alive;
}

template <bool kEarly, class Coder>
[[gnu::always_inline]] inline void MaxModel::code_weights(Coder& coder, std::int32_t* values) {
  constexpr bool kDecodes = requires { coder.overran(); };
  const std::int64_t block = header_.blocks.outputs, kernel = view_.kernel();
  for (std::int64_t first = 0; first < view_.outputs; first += block) {
    const std::int64_t last = std::min(first + block, view_.outputs);
    for (std::int64_t c = 0; c < view_.inputs; ++c) {
      if constexpr (kDecodes) {
        if (coder.overran()) fail("its coded values end early");
      }
      for (std::int64_t k = 0; k < kernel; ++k) {
        std::int32_t* at = values + c * view_.input_stride + k;
        Position p{first, c, k, pad_ + first * row_ + c * kernel + k};
        if (block > 1) {
          bool alive = false;
          if constexpr (!kDecodes) {
            for (std::int64_t o = first; o < last; ++o) alive |= at[o * view_.output_stride] != 0;
          }
          if (!code_block(coder, first / block, p, alive)) {
            if constexpr (kDecodes) {
              for (std::int64_t o = first; o < last; ++o) at[o * view_.output_stride] = 0;
            }
            continue;
          }
        }
        for (; p.output < last; ++p.output, p.at += row_) {
          std::int32_t& value = at[p.output * view_.output_stride];
          value = code_weight<kEarly>(coder, p, value);
        }
      }
    }
  }
}

template <class Coder>
[[gnu::always_inline]] inline void MaxModel::code_tensor(Coder& coder, std::int32_t* values) {
  if (header_.mean_magnitude() >= 1) {
    code_weights<true>(coder, values);
  } else {
    code_weights<false>(coder, values);
  }
}

SYNCOPATE_MULTIVERSION void encode_max_values(MaxModel& model, ArithmeticEncoder& coder,
                                              std::int32_t* values) {
  model.code_tensor(coder, values);
}

SYNCOPATE_MULTIVERSION void decode_max_values(MaxModel& model, std::span<const std::byte> bytes,
                                              std::int32_t* values) {
  ArithmeticDecoder coder(bytes);
  model.code_tensor(coder, values);
}

}  // namespace syncopate::codec

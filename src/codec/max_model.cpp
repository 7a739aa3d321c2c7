#include "codec/max_model.h"

#include "base/simd.h"
#include "codec/integers.h"
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

using FourFloats = float __attribute__((vector_size(16)));
using FourWords = std::int32_t __attribute__((vector_size(16)));
/// Levels of magnitudes in units in which the mean is 0.4: positions of their logarithms, three
/// per two octaves, from their bits; the lowest for what is below zero.
[[gnu::always_inline]] inline void levels_of(const FourFloats& values, std::int32_t most,
                                             FourWords& levels) {
  const FourFloats moved = (values < 0 ? FourFloats{} : values) + 0.03F;
  FourWords bits;
  __builtin_memcpy(&bits, &moved, sizeof(bits));
  bits = ((((bits - 0x3f800000) >> 8) * 3) >> 16) + 8;
  bits = bits < 0 ? FourWords{} : bits;
  levels = bits > most ? FourWords{} + most : bits;
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
      history_(static_cast<std::size_t>(pad_ + view.size() + 4)),
      bins_near_(history_.size()),
      edges_(edges_of(view)),
      squash_(squash_table().data()),
      bins_({(2 * kSmall + 1) * (2 * kSmall + 1), kGuesses * 2 * kLevels,
             static_cast<std::size_t>(std::min(view.inputs, kMaxLines)) * 2, kLevels * kLevels * 2,
             static_cast<std::size_t>(std::min(view.outputs, kMaxLines)) * 2,
             static_cast<std::size_t>(std::min(view.kernel(), kMaxKernel)) * kLevels * 2}),
      places_({kMixSymbols}) {
  for (unsigned edges = 0; edges < there_.size(); ++edges) {
    const auto mask = [&](Edge edge) { return (edges & edge) != 0 ? -1 : 0; };
    const Words rest = {mask(kUpLeft), mask(kUp), mask(kUpRight), 0, -1, -1,
                        mask(kLeft2),  mask(kUp2)};
    there_[edges] = {rest, mask(kLeft)};
  }
  const float mean = header.mean_magnitude();
  const auto count = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  rows_.assign(count(view.outputs), {mean, 4});
  columns_.assign(count(view.inputs), {mean, 4});
  positions_.assign(count(row_), {mean, 2});
  for (int i = 0; i <= kSlowest; ++i) reciprocals_.push_back(1.0F / static_cast<float>(i + 1));
  for (int i = 0; i < kLanes; ++i) {
    magnitude_weights_[i] = 0.1F;
    value_weights_[i] = 0;
  }
  if (header.blocks.outputs > 1) {
    const std::size_t inputs = count(std::min(view.inputs, kMaxLines));
    const std::size_t kernel = count(std::min(view.kernel(), kMaxKernel));
    const std::int64_t blocks = (view.outputs + header.blocks.outputs - 1) / header.blocks.outputs;
    alive_.resize(count((blocks + 1) * row_ + pad_));
    alive_columns_.assign(inputs, {0.3F, 4});
    alive_positions_.assign(count(row_), {0.3F, 2});
    const std::size_t flags[8] = {64,  kernel * 4, inputs,     count(std::min(blocks, kMaxLines)),
                                  256, kernel * 8, kernel * 4, 128};
    for (int i = 0; i < 8; ++i) flags_[i].resize(flags[i]);
  }
}

template <class Coder>
[[gnu::always_inline]] inline std::int32_t MaxModel::code_place(Coder& coder,
                                                                const MaxHeader& header,
                                                                std::int32_t bin,
                                                                std::int32_t value) {
  const std::int32_t half = (1 << header.shift) >> 1;
  const std::int32_t size = bin < 0 ? -bin : bin;
  if (header.zero_apart && bin == 0) return 0;
  const auto wanted = static_cast<std::uint32_t>(
      header.zero_apart ? (value < 0 ? -value : value) - 1 : value + half);
  const int raw = std::max(header.shift - kPlaceBits, 0);
  const auto most = static_cast<std::uint32_t>((1 << (header.shift - raw)) - 1);
  const auto context =
      static_cast<std::size_t>(std::clamp(bin, kLowestBin, kHighestBin) - kLowestBin);
  SymbolMixer<1>::Question question;
  places_.ask({context}, 0, question);
  const int symbol = coder.code_symbol(question.lower, question.upper, question.bounds,
                                       static_cast<int>(wanted >> raw & most));
  places_.learn(question, symbol);
  auto place = std::min(static_cast<std::uint32_t>(symbol), most);
  for (int i = raw - 1; i >= 0; --i) {
    place = place * 2 +
            static_cast<std::uint32_t>(coder.code(kEven, static_cast<int>(wanted >> i & 1)));
  }
  const auto offset = static_cast<std::int32_t>(place);
  const std::int32_t first = (header.zero_apart ? size - 1 : bin) * (1 << header.shift);
  if (!header.zero_apart)
    return std::clamp(first + offset - half, -kLargestInteger, kLargestInteger);
  const std::int32_t magnitude = std::min(first + offset + 1, kLargestInteger);
  return bin < 0 ? -magnitude : magnitude;
}

[[gnu::always_inline]] inline void MaxModel::learn(const Lesson& lesson) {
  magnitude_weights_ += lesson.magnitude;
  value_weights_ += lesson.value;
  add(*lesson.row, lesson.grown, reciprocals_.data());
  add(*lesson.column, lesson.grown, reciprocals_.data());
  add(*lesson.position, lesson.grown, reciprocals_.data());
}

[[gnu::always_inline]] inline void MaxModel::guess(const KernelView& view, const Position& p,
                                                   Guess& guess) {
  const auto place = [](std::int64_t index) { return static_cast<std::size_t>(index); };
  guess.row = &rows_[place(p.output)];
  guess.column = &columns_[place(p.input)];
  guess.position = &positions_[place(p.within)];
  const std::int32_t* h = history_.data() + p.at;
  const std::int32_t* bins = bins_near_.data() + p.at;
  const There& there = there_[edges_[place(p.kernel)]];
  // The left neighbor, lane 3, was decoded just now: it joins last, so that nothing else waits for
  // it.
  Words a;
  __builtin_memcpy(&a, h - view.width - 1, sizeof(a) / 2);
  a[4] = h[-row_];
  a[5] = h[-view.kernel()];
  a[6] = h[-2];
  a[7] = h[-2 * view.width];
  a &= there.rest;
  Floats f = __builtin_convertvector(a < 0 ? -a : a, Floats);
  f[5] = guess.row->mean;
  f[6] = guess.column->mean;
  f[7] = guess.position->mean;
  Floats g = __builtin_convertvector(a, Floats);
  // The three sums side by side: magnitude expected, value expected, magnitudes nearby.
  FourFloats sizes, values, near;
  fold(f * magnitude_weights_, sizes);
  fold(g * value_weights_, values);
  __builtin_memcpy(&near, &f, sizeof(near));
  const FourFloats pairs = __builtin_shufflevector(sizes, values, 0, 4, 1, 5) +
                           __builtin_shufflevector(sizes, values, 2, 6, 3, 7);
  near += __builtin_shufflevector(near, near, 2, 3, 0, 1);
  FourFloats sums = __builtin_shufflevector(pairs, near, 0, 1, 4, 6) +
                    __builtin_shufflevector(pairs, near, 2, 3, 5, 7);
  const FourFloats of_left{magnitude_weights_[3], value_weights_[3], 1, 0};
  sums[3] = guess.row->mean * 4;
  const std::size_t up = place(bins[-view.width] & there.rest[1]) + kSmall;

  const std::int32_t left = h[-1] & there.left;
  const auto left_value = static_cast<float>(left);
  const float left_size = left_value < 0 ? -left_value : left_value;
  sums += FourFloats{left_size, left_value, left_size, 0} * of_left;
  f[3] = left_size;
  g[3] = left_value;
  FourWords levels;
  levels_of(sums * FourFloats{scale_, scale_, scale_ * 0.25F, scale_ * 0.25F}, kLevels - 1, levels);
  guess.sizes = f;
  guess.values = g;
  guess.value = sums[1];
  guess.size = sums[0] < 0 ? 0 : sums[0];
  const float strength = (sums[1] < 0 ? -sums[1] : sums[1]) * (scale_ * kGuesses);
  const std::size_t below = sums[1] < 0 ? 1 : 0;
  const auto level = place(static_cast<std::int32_t>(std::min<float>(kGuesses - 1, strength)));
  const std::size_t k = index_of(p.kernel, kMaxKernel - 1);
  guess.contexts = {place((bins[-1] & there.left) + kSmall) * (2 * kSmall + 1) + up,
                    (level * 2 + below) * kLevels + place(levels[0]),
                    index_of(p.input, kMaxLines - 1) * 2 + below,
                    place(levels[2] * kLevels + levels[3]) * 2 + below,
                    index_of(p.output, kMaxLines - 1) * 2 + below,
                    (k * kLevels + place(levels[0])) * 2 + below};
  guess.situation = place(levels[2]) / 2;
}

template <class Coder>
[[gnu::always_inline]] inline std::int32_t MaxModel::code_bin(Coder& coder, const MaxHeader& header,
                                                              const Bins::Question& question,
                                                              std::int32_t wanted, int& symbol) {
  symbol = coder.code_symbol(question.lower, question.upper, question.bounds,
                             std::clamp(wanted, kLowestBin, kHighestBin) - kLowestBin);
  const std::int32_t bin = symbol + kLowestBin;
  const auto largest = static_cast<std::int32_t>(header.largest);
  if (bin == kHighestBin && largest > kHighestBin) [[unlikely]] {
    const std::uint32_t more =
        escape_.code(coder, static_cast<std::uint32_t>(wanted - kHighestBin));
    return static_cast<std::int32_t>(std::min(more, header.largest - kHighestBin)) + kHighestBin;
  }
  if (bin == kLowestBin && largest > -kLowestBin) [[unlikely]] {
    const std::uint32_t more = escape_.code(coder, static_cast<std::uint32_t>(kLowestBin - wanted));
    const auto most = static_cast<std::uint32_t>(largest + kLowestBin);
    return kLowestBin - static_cast<std::int32_t>(std::min(more, most));
  }
  return bin;
}

template <int kWeights, class Coder>
[[gnu::always_inline]] inline void MaxModel::code_weights(Coder& coder, const MaxHeader& header,
                                                          const KernelView& view,
                                                          const Position* positions,
                                                          Lesson* lessons,
                                                          std::int32_t* const* values) {
  // Step by step for all of them, so that a processor that looks a few hundred instructions ahead
  // finds work in one while it waits for the other.
  Guess guesses[kWeights];
  Bins::Question questions[kWeights];
  int symbols[kWeights];
  std::int32_t bins[kWeights], results[kWeights];
  for (int i = 0; i < kWeights; ++i) guess(view, positions[i], guesses[i]);
  for (int i = 0; i < kWeights; ++i) learn(lessons[i]);
  for (int i = 0; i < kWeights; ++i)
    bins_.ask(guesses[i].contexts, guesses[i].situation, questions[i]);
  for (int i = 0; i < kWeights; ++i) {
    constexpr bool kDecodes = requires { coder.overran(); };
    const std::int32_t value = kDecodes ? 0 : *values[i];
    bins[i] = code_bin(coder, header, questions[i], header.bin_of(value), symbols[i]);
    results[i] = header.shift == 0 ? bins[i] : code_place(coder, header, bins[i], value);
  }
  for (int i = 0; i < kWeights; ++i) bins_.learn(questions[i], symbols[i]);
  for (int i = 0; i < kWeights; ++i) {
    const Guess& guess = guesses[i];
    const std::int32_t result = results[i];
    const auto grown = static_cast<float>(result < 0 ? -result : result);
    const Floats &f = guess.sizes, &g = guess.values;
    lessons[i] = {
        f * (0.012F * (grown - guess.size) / (0.5F + sum_of(f * f))),
        g * (0.008F * (static_cast<float>(result) - guess.value) / (1.0F + sum_of(g * g))),
        grown,
        guess.row,
        guess.column,
        guess.position};
    const auto at = static_cast<std::size_t>(positions[i].at);
    history_[at] = std::clamp(result, -32767, 32767);
    bins_near_[at] = std::clamp(bins[i], -kSmall, kSmall);
    *values[i] = result;
  }
}

template <class Coder>
[[gnu::always_inline]] inline bool MaxModel::code_block(Coder& coder, std::int64_t block,
                                                        const Position& p, bool alive) {
  const std::int64_t at = pad_ + block * row_ + p.within;
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
  const std::size_t k = index_of(p.kernel, kMaxKernel - 1), c = index_of(p.input, kMaxLines - 1);
  Mean& column = alive_columns_[c];
  Mean& position = alive_positions_[static_cast<std::size_t>(p.within)];
  const auto level = [](const Mean& m) {
    return index_of(static_cast<std::int32_t>(m.mean * 16.0F), 15);
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

template <class Coder>
[[gnu::always_inline]] inline void MaxModel::code_tensor(Coder& coder, std::int32_t* values) {
  // Copies: what a weight writes cannot change them, so that they stay in registers.
  const MaxHeader header = header_;
  const KernelView view = view_;
  if (header.paired) {
    code_pairs(coder, header, view, values);
  } else {
    code_blocks(coder, header, view, values);
  }
}

template <class Coder>
[[gnu::always_inline]] inline void MaxModel::code_pairs(Coder& coder, const MaxHeader& header,
                                                        const KernelView& view,
                                                        std::int32_t* values) {
  const std::int64_t kernel = view.kernel();
  Mean nothing;
  const Lesson none{{}, {}, 0, &nothing, &nothing, &nothing};
  Lesson lessons[2] = {none, none};
  for (std::int64_t first = 0; first < view.outputs; first += 2) {
    const bool two = first + 1 < view.outputs;
    Position positions[2] = {{first, 0, 0, 0, pad_ + first * row_}, {}};
    std::int32_t* at[2] = {values + first * view.output_stride, nullptr};
    for (std::int64_t within = 0; within < row_ + (two ? 1 : 0); ++within) {
      if (two && within > 0 && within < row_) [[likely]] {
        code_weights<2>(coder, header, view, positions, lessons, at);
      } else {
        const int only = within < row_ ? 0 : 1;
        code_weights<1>(coder, header, view, positions + only, lessons + only, at + only);
      }
      Position& p = positions[0];
      positions[1] = {p.output + 1, p.input, p.kernel, p.within, p.at + row_};
      at[1] = at[0] + view.output_stride;
      ++p.at, ++p.within;
      if (++p.kernel == kernel) {
        p.kernel = 0;
        ++p.input;
        if constexpr (requires { coder.overran(); }) {
          if (coder.overran()) fail("its coded values end early");
        }
      }
      at[0] = values + p.output * view.output_stride + p.input * view.input_stride + p.kernel;
    }
  }
}

template <class Coder>
[[gnu::always_inline]] inline void MaxModel::code_blocks(Coder& coder, const MaxHeader& header,
                                                         const KernelView& view,
                                                         std::int32_t* values) {
  constexpr bool kDecodes = requires { coder.overran(); };
  // One loop over all weights, so that what stays the same is prepared once.
  const std::int64_t block = header.blocks.outputs, kernel = view.kernel();
  std::int64_t first = 0, last = std::min(block, view.outputs);
  std::int32_t* at = values;
  Mean nothing;
  Lesson lesson{{}, {}, 0, &nothing, &nothing, &nothing};
  for (Position p{0, 0, 0, 0, pad_}; first < view.outputs;) {
    if (block > 1 && p.output == first) {
      bool alive = false;
      if constexpr (!kDecodes) {
        for (std::int64_t o = first; o < last; ++o) alive |= at[o * view.output_stride] != 0;
      }
      if (!code_block(coder, first / block, p, alive)) {
        if constexpr (kDecodes) {
          for (std::int64_t o = first; o < last; ++o) at[o * view.output_stride] = 0;
        }
        p.output = last;
      }
    }
    if (p.output < last) {
      std::int32_t* const value = at + p.output * view.output_stride;
      code_weights<1>(coder, header, view, &p, &lesson, &value);
      ++p.output;
      p.at += row_;
      if (p.output < last) continue;
    }
    if (++p.kernel == kernel) {
      p.kernel = 0;
      if (++p.input == view.inputs) {
        p.input = 0;
        first += block;
        last = std::min(first + block, view.outputs);
      }
      if constexpr (kDecodes) {
        if (coder.overran()) fail("its coded values end early");
      }
    }
    p.output = first;
    p.within = p.input * kernel + p.kernel;
    p.at = pad_ + first * row_ + p.within;
    at = values + p.input * view.input_stride + p.kernel;
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

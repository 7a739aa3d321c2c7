#include "codec/integers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/random.h"

namespace syncopate::codec {
namespace {

constexpr Mode kModes[] = {Mode::huffman, Mode::fast, Mode::max};

/// What made-up weights are like.
struct Law {
  double scale = 2;         ///< Mean magnitude of what is kept.
  double density = 1;       ///< Of single weights.
  int block = 1;            ///< Outputs that live and die together.
  bool transposed = false;  ///< Blocks run along the second dimension.
  std::int32_t largest = 127;
};

std::vector<std::int32_t> weights(const Shape& shape, const Law& law, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int32_t> values(static_cast<std::size_t>(element_count(shape)));
  const std::int64_t outputs = shape.empty() ? 1 : shape[0];
  const std::int64_t inputs = shape.size() < 2 ? 1 : shape[1];
  const std::int64_t rest = values.empty() ? 1
                                           : static_cast<std::int64_t>(values.size()) /
                                                 std::max<std::int64_t>(outputs * inputs, 1);
  std::map<std::vector<std::int64_t>, bool> kept;
  double smooth = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    std::int64_t o = at / (inputs * rest), c = at / rest % inputs;
    if (law.transposed) std::swap(o, c);
    const auto [place, fresh] = kept.try_emplace({o / law.block, c, at % rest}, false);
    if (fresh || law.block == 1) place->second = random.chance(law.density);
    smooth = 0.5 * smooth + random.normal();
    const double value = std::exp(0.5 * random.normal()) * smooth * law.scale;
    const double limited = std::clamp(value, -double(law.largest), double(law.largest));
    if (place->second) values[i] = static_cast<std::int32_t>(std::lround(limited));
  }
  return values;
}

std::vector<std::int32_t> decoded(const Bytes& bytes, const Shape& shape, Mode mode) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(element_count(shape)), -12345);
  decode_integers(bytes, shape, mode, values);
  return values;
}

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

double entropy_bytes(const std::vector<std::int32_t>& values) {
  std::map<std::int32_t, double> counts;
  for (const auto value : values) counts[value] += 1;
  double bits = 0;
  for (const auto& [value, count] : counts)
    bits -= count * std::log2(count / static_cast<double>(values.size()));
  return bits / 8;
}

TEST(Integers, EveryModeGivesBackExactlyWhatWentIn) {
  Random random(7);
  const Shape shapes[] = {{},
                          {1},
                          {5},
                          {300},
                          {7, 3},
                          {64, 33},
                          {16, 8, 3, 3},
                          {33, 5, 1, 1},
                          {12, 4, 5, 2},
                          {3, 1, 3, 3},
                          {20, 6, 3},
                          {4, 2, 2, 3, 3},
                          {0, 4},
                          {1, 9, 11, 7}};
  for (int round = 0; round < 150; ++round) {
    const Shape& shape = shapes[random.integer(0, std::size(shapes) - 1)];
    Law law;
    law.scale = std::exp(random.uniform() * 9 - 1);
    law.density = random.chance(0.3) ? 1 : random.uniform() * random.uniform();
    law.block = 1 << random.integer(0, 5);
    law.transposed = random.chance(0.3) && shape.size() > 1;
    law.largest = random.chance(0.5) ? 127 : 32767;
    const auto values = weights(shape, law, static_cast<std::uint64_t>(round));
    for (const Mode mode : kModes) {
      const Bytes bytes = encode_integers(values, shape, mode);
      ASSERT_EQ(decoded(bytes, shape, mode), values)
          << to_string(shape) << " mode " << static_cast<int>(mode) << " round " << round;
    }
  }
}

TEST(Integers, ExtremesSurvive) {
  const Shape shape{2, 3, 2};
  for (const std::vector<std::int32_t>& values :
       std::vector<std::vector<std::int32_t>>{std::vector<std::int32_t>(12, 0),
                                              std::vector<std::int32_t>(12, 1),
                                              std::vector<std::int32_t>(12, -kLargestInteger),
                                              {kLargestInteger, -kLargestInteger, 0, 1, -1, 127,
                                               -128, 32767, -32768, 65535, -65536, 128}}) {
    for (const Mode mode : kModes) {
      EXPECT_EQ(decoded(encode_integers(values, shape, mode), shape, mode), values);
    }
  }
}

TEST(Integers, LargeTensorsWithManyLanes) {
  const Shape shape{96, 401, 3, 3};
  const auto values = weights(shape, {.scale = 4}, 3);
  for (const Mode mode : kModes) {
    EXPECT_EQ(decoded(encode_integers(values, shape, mode), shape, mode), values);
  }
}

TEST(Integers, FastIsWithinOnePercentOfTheEntropy) {
  for (const double density : {1.0, 0.2}) {
    const Shape shape{64, 64, 3, 3};
    const auto values = weights(shape, {.scale = 1.5, .density = density, .largest = 7}, 5);
    EXPECT_LT(static_cast<double>(encode_integers(values, shape, Mode::fast).size()),
              1.01 * entropy_bytes(values));
  }
}

TEST(Integers, MaxLearnsWhatNeighborsTell) {
  const Shape shape{64, 32, 3, 3};
  const auto values = weights(shape, {.scale = 1.5, .largest = 7}, 5);
  EXPECT_LT(static_cast<double>(encode_integers(values, shape, Mode::max).size()),
            0.985 * entropy_bytes(values));
}

TEST(Integers, BlocksAreFoundAlongEitherDimension) {
  const Shape shape{64, 64, 1, 3};
  for (const bool transposed : {false, true}) {
    const auto values =
        weights(shape, {.scale = 3, .density = 0.2, .block = 16, .transposed = transposed}, 9);
    for (const Mode mode : kModes) {
      const Bytes bytes = encode_integers(values, shape, mode);
      EXPECT_LT(static_cast<double>(bytes.size()), 0.85 * entropy_bytes(values))
          << static_cast<int>(mode);
      EXPECT_EQ(decoded(bytes, shape, mode), values);
    }
  }
}

/// The bytes of max mode are a format: they may not depend on compiler, options or instruction set.
TEST(Integers, MaxStreamsAreTheSameOnEveryMachine) {
  const Shape shape{40, 24, 3, 3};
  // Wide bins, bins of one value, and bins of one value in blocks.
  const std::array<std::uint64_t, 3> expected{11627309591589524379ULL, 13304751313541123489ULL,
                                              4330394929145759551ULL};
  for (std::size_t kind = 0; kind < expected.size(); ++kind) {
    Random random(11);
    std::vector<std::int32_t> values(static_cast<std::size_t>(element_count(shape)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t size = random.integer(-6, 6),
                         factor = random.integer(0, kind == 0 ? 12 : 1);
      const bool dead = kind == 2 && i % (24 * 9) % 3 != 0;
      values[i] = dead ? 0 : static_cast<std::int32_t>(size * factor);
    }
    std::uint64_t hash = 14695981039346656037ULL;
    for (const std::byte byte : encode_integers(values, shape, Mode::max)) {
      hash = (hash ^ static_cast<std::uint64_t>(byte)) * 1099511628211ULL;
    }
    EXPECT_EQ(hash, expected[kind]) << kind;
  }
}

/// Files written before 2026-12 have rows one by one, and say nothing of the states of rANS.
TEST(Integers, EarlierStreamsDecode) {
  const Shape shape{6, 2, 3, 3};
  std::vector<std::int32_t> values(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::int32_t>(i * i % 7 % 4) - 1;
  const Bytes rows =
      bytes_of({0x10, 0x00, 0x01, 0x7b, 0x7c, 0x82, 0x08, 0x29, 0x8e, 0x01, 0x48, 0x16, 0x2a,
                0x40, 0x10, 0x02, 0xdb, 0xab, 0x03, 0x6e, 0xa1, 0x5c, 0x0e, 0x0b, 0x2c, 0x45});
  EXPECT_EQ(decoded(rows, shape, Mode::max), values);
  Bytes states = encode_integers(values, shape, Mode::fast);
  ASSERT_EQ(states.front() >> 4, std::byte{1});  // one state, as so few values had
  states.front() &= std::byte{0x0f};
  EXPECT_EQ(decoded(states, shape, Mode::fast), values);
}

/// The ends of such streams are zeros, which are not stored.
TEST(Integers, ValuesAtTheEndOfTheRangeMayComeLast) {
  for (const std::size_t tail : {1U, 20U, 200U}) {
    const Shape shape{4000 + static_cast<std::int64_t>(tail)};
    std::vector<std::int32_t> values(4000);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<std::int32_t>(i * i % 7 % 4) - 1;
    values.resize(values.size() + tail, -8);
    for (const Mode mode : kModes) {
      EXPECT_EQ(decoded(encode_integers(values, shape, mode), shape, mode), values) << tail;
    }
  }
  const std::vector<std::int32_t> constant(100, -141557761);
  EXPECT_EQ(decoded(encode_integers(constant, {100}, Mode::max), {100}, Mode::max), constant);
}

TEST(Integers, HostileBytesGiveErrorsOrValuesNeverFaults) {
  Random random(21);
  const Shape shape{24, 6, 3, 3};
  for (int round = 0; round < 600; ++round) {
    const Mode mode = kModes[round % 3];
    Bytes bytes = encode_integers(
        weights(shape, {.scale = 3, .density = 0.5, .block = round % 2 == 0 ? 1 : 8}, 2), shape,
        mode);
    if (round % 4 == 0)
      bytes.resize(
          static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(bytes.size()))));
    for (int i = 0; i < 3 && !bytes.empty(); ++i) {
      const auto last = static_cast<std::int64_t>(bytes.size()) - 1;
      bytes[static_cast<std::size_t>(
          random.integer(0, random.chance(0.5) ? std::min<std::int64_t>(last, 12) : last))] =
          static_cast<std::byte>(random.bits());
    }
    try {
      static_cast<void>(decoded(bytes, shape, mode));
    } catch (const InputError&) {
    }
  }
}

TEST(Integers, TruncationIsNoticed) {
  const Shape shape{64, 16, 3, 3};
  const auto values = weights(shape, {.scale = 3}, 4);
  for (const Mode mode : kModes) {
    Bytes bytes = encode_integers(values, shape, mode);
    bytes.resize(bytes.size() / 2);
    EXPECT_THROW(static_cast<void>(decoded(bytes, shape, mode)), InputError)
        << static_cast<int>(mode);
  }
}

}  // namespace
}  // namespace syncopate::codec

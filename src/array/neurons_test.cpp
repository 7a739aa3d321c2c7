#include "array/neurons.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace syncopate::array {
namespace {

/// Entries of one map's run-length code, by encoding it.
std::vector<bool> encode(const std::vector<bool>& nonzero, std::int64_t longest) {
  std::vector<bool> entries;
  std::int64_t zeros = 0;
  for (const bool value : nonzero) {
    entries.push_back(value || zeros == longest);
    zeros = entries.back() ? 0 : zeros + 1;
  }
  return entries;
}

TEST(Neurons, RunLengthEntriesAreThoseOfTheCode) {
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    NeuronMap map{random.integer(1, 2), random.integer(1, 3), random.integer(1, 90), {1, 1, 1}, 16};
    map.extent = {random.integer(1, 2), random.integer(1, 20), random.integer(1, 20)};
    const std::int64_t channels = map.groups * map.channels, run_bits = random.integer(1, 5);
    const double density = random.chance(0.5) ? 0.02 : random.uniform();
    std::vector<std::int16_t> values(static_cast<std::size_t>(map.batch * map.plane() * channels));
    for (std::int16_t& v : values) v = static_cast<std::int16_t>(random.chance(density));
    const Density counted(map, run_bits, values);
    for (std::int64_t b = 0; b < map.batch; ++b) {
      for (std::int64_t group = 0; group < map.groups; ++group) {
        // A block of channels in some rows.
        Piece piece{b, group, 0, 0, {0, 0, 0}, map.extent};
        piece.channel0 = random.integer(0, (map.channels - 1) / 16) * 16;
        piece.channel1 = std::min(map.channels, piece.channel0 + 16);
        piece.low[1] = random.integer(0, map.extent[1] - 1);
        piece.high[1] = random.integer(piece.low[1], map.extent[1]);
        std::int64_t expected = 0;
        for (std::int64_t c = piece.channel0; c < piece.channel1; ++c) {
          std::vector<bool> plane;
          for (std::int64_t p = 0; p < map.plane(); ++p) {
            const std::int64_t at = (b * map.plane() + p) * channels + group * map.channels + c;
            plane.push_back(values[static_cast<std::size_t>(at)] != 0);
          }
          const std::vector<bool> entries = encode(plane, (std::int64_t{1} << run_bits) - 1);
          for (std::size_t p = 0; p < entries.size(); ++p) {
            const std::int64_t y = static_cast<std::int64_t>(p) / map.extent[2] % map.extent[1];
            expected += entries[p] && y >= piece.low[1] && y < piece.high[1];
          }
        }
        EXPECT_EQ(counted.entries(piece), expected);
      }
    }
  }
}

TEST(Neurons, EntriesFillWords) {
  NeuronFormat format;
  format.bits = 0;
  format.nonzero_bits = 21;
  EXPECT_EQ(format.bytes(100, 4), 11);  // 84 bits.
  format.word_entries = 3;
  EXPECT_EQ(format.bytes(100, 0), 0);
  EXPECT_EQ(format.bytes(100, 3), 8);
  EXPECT_EQ(format.bytes(100, 4), 16);
}

}  // namespace
}  // namespace syncopate::array

#include "codec/sparse.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace syncopate::codec {
namespace {

std::vector<std::uint8_t> random_mask(Random& random, const IndexOptions& o, double density) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(o.rows * o.columns));
  for (auto& bit : mask) bit = random.chance(density) ? 1 : 0;
  return mask;
}

TEST(Sparse, EveryFormatKeepsEveryNonzero) {
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    IndexOptions o;
    o.format = index_formats()[static_cast<std::size_t>(round) % index_formats().size()];
    o.rows = random.integer(0, 40);
    o.columns = random.integer(0, 70);
    o.field_bits = static_cast<int>(random.integer(1, 9));
    o.block_rows = random.integer(1, 20);
    o.block_columns = random.integer(1, 5);
    const double density = round % 7 == 0   ? 0
                           : round % 7 == 1 ? 1
                                            : random.uniform() * random.uniform();
    const auto mask = random_mask(random, o, density);
    const SparseIndex index = encode_index(mask, o);
    ASSERT_EQ(static_cast<std::int64_t>(index.bytes.size()), (index.bits + 7) / 8);
    ASSERT_EQ(decode_index(index.bytes, o), index.stored) << name_of(o.format);
    std::vector<std::uint8_t> stored(mask.size(), 0);
    for (const std::int64_t at : index.stored) {
      ASSERT_EQ(stored[static_cast<std::size_t>(at)], 0) << "stored twice";
      stored[static_cast<std::size_t>(at)] = 1;
    }
    for (std::size_t at = 0; at < mask.size(); ++at) ASSERT_LE(mask[at] != 0, stored[at] != 0);
    const auto nonzero = static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 1));
    if (o.format != IndexFormat::block && o.format != IndexFormat::step) {
      ASSERT_EQ(index.stored.size(), nonzero);
    }
  }
}

TEST(Sparse, SizesAreThoseOfTheFormats) {
  IndexOptions o{.rows = 32, .columns = 10};
  std::vector<std::uint8_t> mask(320, 0);
  for (std::size_t row = 0; row < 16; ++row)
    mask[row * 10 + 3] = 1;  // one block of sixteen outputs
  const auto bits = [&](IndexFormat format) {
    o.format = format;
    return encode_index(mask, o).bits;
  };
  EXPECT_EQ(bits(IndexFormat::bitmap), 320);
  EXPECT_EQ(bits(IndexFormat::block), 2 * 10);
  EXPECT_EQ(bits(IndexFormat::step), 9 + 16 * 4) << "a count, then a field each: distances are ten";
  EXPECT_EQ(bits(IndexFormat::csr), 33 * 9 + 16 * 4);
  EXPECT_EQ(bits(IndexFormat::csc), 11 * 9 + 16 * 5);
  // 3 zeros, then 16 times 1 value, 15 times 9 zeros between, 166 zeros at the end in 12 fields
  // with 11 empty ones between.
  EXPECT_EQ(bits(IndexFormat::run_length), 4 * (1 + 16 + 15 + 12 + 11));
}

TEST(Sparse, LongDistancesAreBridgedByStoredZeros) {
  IndexOptions o{.format = IndexFormat::step, .rows = 1, .columns = 100, .field_bits = 4};
  std::vector<std::uint8_t> mask(100, 0);
  mask[0] = mask[40] = 1;
  EXPECT_EQ(encode_index(mask, o).stored, (std::vector<std::int64_t>{0, 15, 30, 40}));
}

TEST(Sparse, DamagedIndexesAreRefused) {
  Random random(8);
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    IndexOptions o{
        .format = index_formats()[static_cast<std::size_t>(round) % index_formats().size()],
        .rows = 12,
        .columns = 25,
        .block_rows = 4};
    SparseIndex index = encode_index(random_mask(random, o, 0.3), o);
    if (round % 2 == 0) {
      index.bytes.resize(index.bytes.size() / 2);
    } else {
      for (auto& byte : index.bytes) byte ^= random.chance(0.1) ? std::byte{0x41} : std::byte{0};
    }
    try {
      for (const std::int64_t at : decode_index(index.bytes, o)) ASSERT_LT(at, 300);
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 300) << "half of them are truncated";
}

}  // namespace
}  // namespace syncopate::codec

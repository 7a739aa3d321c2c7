#pragma once

#include <cstdint>

#include "sim/bit_counter.h"

namespace syncopate::array {

using sim::BitCounter;
using sim::dot;

/// Set bits of a row of words.
std::int64_t count_bits(const std::uint64_t* row, std::int64_t words);
/// For each of `rows` rows of `words` words: the set bits it shares with `mask`.
void count_matches(const std::uint64_t* rows, std::int64_t row_count, const std::uint64_t* mask,
                   std::int64_t words, std::int32_t* matches);

}  // namespace syncopate::array

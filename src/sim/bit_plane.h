#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace syncopate::sim {

/// Rows of bits, each row padded with zeros to whole 64-bit words. Bit i of a row is bit i%64 of
/// word i/64.
struct BitPlane {
  std::int64_t rows = 0, bits = 0, words = 0;  ///< words: per row.
  std::vector<std::uint64_t> data;
  std::span<const std::uint64_t> row(std::int64_t index) const {
    return {data.data() + index * words, static_cast<std::size_t>(words)};
  }
};

}  // namespace syncopate::sim

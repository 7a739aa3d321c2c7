#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace syncopate::array {

/// Writes values of up to 16 bits one after another, least significant bit first, into zeroed
/// bytes.
class BitWriter {
 public:
  explicit BitWriter(std::span<std::byte> bytes) : bytes_(bytes) {}
  void put(std::uint32_t value, int bits) {
    // Away from the end a whole word takes the value, wherever in a byte it begins.
    std::uint64_t word = 0;
    if (std::endian::native == std::endian::little && at_ / 8 + sizeof word <= bytes_.size()) {
      std::byte* const at = bytes_.data() + at_ / 8;
      std::memcpy(&word, at, sizeof word);
      word |= (value & ((std::uint64_t{1} << bits) - 1)) << (at_ % 8);
      std::memcpy(at, &word, sizeof word);
      at_ += static_cast<std::size_t>(bits);
      return;
    }
    for (int done = 0; done < bits;) {
      const auto shift = static_cast<int>(at_ % 8);
      const int take = bits - done < 8 - shift ? bits - done : 8 - shift;
      const std::uint32_t part = (value >> done) & ((1U << take) - 1);
      bytes_[at_ / 8] |= static_cast<std::byte>(part << shift);
      at_ += static_cast<std::size_t>(take);
      done += take;
    }
  }

 private:
  std::span<std::byte> bytes_;
  std::size_t at_ = 0;
};

/// Reads what BitWriter wrote; bits beyond the end are zero.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint32_t get(int bits) {
    // Away from the end a whole word holds the value, wherever in a byte it begins.
    std::uint64_t word = 0;
    if (std::endian::native == std::endian::little && at_ / 8 + sizeof word <= bytes_.size()) {
      std::memcpy(&word, bytes_.data() + at_ / 8, sizeof word);
      word >>= at_ % 8;
      at_ += static_cast<std::size_t>(bits);
      return static_cast<std::uint32_t>(word & ((std::uint64_t{1} << bits) - 1));
    }
    std::uint32_t value = 0;
    for (int done = 0; done < bits;) {
      const auto shift = static_cast<int>(at_ % 8);
      const int take = bits - done < 8 - shift ? bits - done : 8 - shift;
      const auto byte = at_ / 8 < bytes_.size() ? static_cast<std::uint32_t>(bytes_[at_ / 8]) : 0U;
      value |= ((byte >> shift) & ((1U << take) - 1)) << done;
      at_ += static_cast<std::size_t>(take);
      done += take;
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace syncopate::array

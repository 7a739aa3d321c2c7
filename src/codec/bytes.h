#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace syncopate::codec {

static_assert(std::endian::native == std::endian::little, "coded streams are little-endian");

/// Byte strings, as every coder here makes them.
using Bytes = std::vector<std::byte>;

/// Appends plain values, little-endian, to a byte string.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  template <class T>
  void put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    std::memcpy(out_.data() + at, &value, sizeof(T));
  }
  /// Seven bits a byte, lowest first.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) put(static_cast<std::uint8_t>(value | 0x80));
    put(static_cast<std::uint8_t>(value));
  }
  void bytes(std::span<const std::byte> from) {
    const std::size_t at = out_.size();
    out_.resize(at + from.size());
    if (!from.empty()) std::memcpy(out_.data() + at, from.data(), from.size());
  }
  /// Its length, then its bytes.
  void text(std::string_view words) {
    varint(words.size());
    bytes(std::as_bytes(std::span(words.data(), words.size())));
  }

 private:
  Bytes& out_;
};

/// Takes values off the front of bytes that nobody vouches for. Every reading is checked against
/// what is left; InputError without a file's name, which the caller knows and adds.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, bytes(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = take<std::uint8_t>();
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail("a number has over 64 bits");
  }
  /// A varint of at most `most`; `what` stands in the message.
  std::uint64_t varint(std::string_view what, std::uint64_t most) {
    const std::uint64_t value = varint();
    if (value > most) fail("{} is {}, expected at most {}", what, value, most);
    return value;
  }
  std::span<const std::byte> bytes(std::size_t count) {
    if (count > left()) fail("it ends {} bytes early", count - left());
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  std::string text() {
    const auto letters = bytes(varint("the length of a name", left()));
    return {reinterpret_cast<const char*>(letters.data()), letters.size()};
  }
  std::span<const std::byte> rest() { return bytes(left()); }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

/// Bits of up to 32-bit values, lowest first, appended to a byte string.
class BitWriter {
 public:
  explicit BitWriter(Bytes& out) : out_(out) {}
  BitWriter(const BitWriter&) = delete;
  BitWriter& operator=(const BitWriter&) = delete;

  void put(std::uint32_t value, int bits) {
    total_ += bits;
    pending_ |= static_cast<std::uint64_t>(value) << held_;
    held_ += bits;
    for (; held_ >= 8; held_ -= 8) {
      out_.push_back(static_cast<std::byte>(pending_));
      pending_ >>= 8;
    }
  }
  /// Bits put so far.
  std::int64_t bits() const { return total_; }
  /// Writes the last, partly filled byte.
  void finish() {
    if (held_ > 0) out_.push_back(static_cast<std::byte>(pending_));
    pending_ = 0;
    held_ = 0;
  }

 private:
  Bytes& out_;
  std::uint64_t pending_ = 0;
  int held_ = 0;
  std::int64_t total_ = 0;
};

/// Reads what BitWriter wrote; InputError past the end.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint32_t get(int bits) {
    while (held_ < bits) {
      if (at_ == bytes_.size()) fail("its bits end early");
      pending_ |= static_cast<std::uint64_t>(bytes_[at_++]) << held_;
      held_ += 8;
    }
    const auto value = static_cast<std::uint32_t>(pending_ & ((std::uint64_t{1} << bits) - 1));
    pending_ >>= bits;
    held_ -= bits;
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t pending_ = 0;
  int held_ = 0;
  std::size_t at_ = 0;
};

}  // namespace syncopate::codec

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "codec/bytes.h"
#include "codec/lanes.h"

namespace syncopate::codec {

/// Probabilities are of a one, in 1/65536, from 1 to 65535.
inline constexpr std::uint32_t kEven = 1U << 15;

inline constexpr int kMixSymbols = 16;  ///< That one step of the coder tells apart.

/// Bounds of symbols on a scale of kSymbolScale, as the arithmetic coder takes them: symbol s has
/// [bound[s], bound[s + 1]), never empty.
struct Bounds {
  alignas(32) std::array<std::int32_t, kMixSymbols + 8> bound;  ///< Padded to whole vectors.
};
inline constexpr int kSymbolBits = 15;
inline constexpr std::int32_t kSymbolScale = 1 << kSymbolBits;

/// Arithmetic encoder of bits and of symbols: a 64-bit interval, renormalized by 32 bits, carries
/// propagated into what is already written. Costs at most two bytes over the ideal code length.
class ArithmeticEncoder {
 public:
  explicit ArithmeticEncoder(Bytes& out) : out_(out), begin_(out.size()) {}

  /// Codes `bit` and returns it, so that models serve encoder and decoder alike.
  int code(std::uint32_t probability, int bit) {
    const std::uint64_t bound = (range_ >> 16) * probability;
    narrow(bit != 0 ? 0 : bound, bit != 0 ? bound : range_ - bound);
    return bit;
  }

  /// Codes one of sixteen symbols. `low` and `high` repeat what `bounds` has, for the decoder.
  [[gnu::always_inline]] int code_symbol(const Words& /*low*/, const Words& /*high*/,
                                         const Bounds& bounds, int symbol) {
    const std::uint64_t unit = range_ >> kSymbolBits;
    const auto at = static_cast<std::size_t>(symbol);
    const auto start = static_cast<std::uint64_t>(bounds.bound[at]);
    narrow(start * unit, (static_cast<std::uint64_t>(bounds.bound[at + 1]) - start) * unit);
    return symbol;
  }

  /// Writes the shortest end. The decoder reads zeros behind it.
  void finish() {
    // The value with most trailing zeros in [low, low + range).
    for (int shift = 56; shift >= 0; shift -= 8) {
      const std::uint64_t mask = (std::uint64_t{1} << shift) - 1;
      const std::uint64_t value = (low_ + mask) & ~mask;
      const bool wrapped = value < low_;
      if (value - low_ >= range_) continue;
      if (wrapped) carry();
      low_ = value;
      break;
    }
    put_word();
    put_word();
    // Zeros of these two words alone: a decoder takes more that is missing for a truncated stream.
    const std::size_t least = out_.size() - 8;
    while (out_.size() > least && out_.back() == std::byte{0}) out_.pop_back();
  }

 private:
  /// Goes on within a part of the interval.
  void narrow(std::uint64_t start, std::uint64_t size) {
    const std::uint64_t before = low_;
    low_ += start;
    if (low_ < before) carry();
    range_ = size;
    if (range_ < (std::uint64_t{1} << 32)) {
      put_word();
      range_ <<= 32;
    }
  }
  void carry() {
    std::size_t at = out_.size();
    while (at > begin_) {
      --at;
      out_[at] = static_cast<std::byte>(static_cast<unsigned>(out_[at]) + 1);
      if (out_[at] != std::byte{0}) return;
    }
  }
  void put_word() {
    for (int shift = 56; shift >= 32; shift -= 8) {
      out_.push_back(static_cast<std::byte>(low_ >> shift));
    }
    low_ <<= 32;
  }

  Bytes& out_;
  std::size_t begin_;
  std::uint64_t low_ = 0;
  std::uint64_t range_ = ~std::uint64_t{0};
};

/// Inverse of ArithmeticEncoder. Never reads outside its bytes: behind them are zeros, so damaged
/// input gives wrong bits and symbols, never a fault.
class ArithmeticDecoder {
 public:
  explicit ArithmeticDecoder(std::span<const std::byte> bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {
    code_ = static_cast<std::uint64_t>(word()) << 32;
    code_ |= word();
  }

  [[gnu::always_inline]] int code(std::uint32_t probability, int /*unused*/) {
    const std::uint64_t bound = (range_ >> 16) * probability;
    const bool one = code_ < bound;
    range_ = one ? bound : range_ - bound;
    code_ -= one ? 0 : bound;
    refill();
    return one ? 1 : 0;
  }
  [[gnu::always_inline]] int code_symbol(const Words& low, const Words& high, const Bounds& bounds,
                                         int /*unused*/) {
    const std::uint64_t unit = range_ >> kSymbolBits;
    const std::uint64_t target = std::min<std::uint64_t>(code_ / unit, kSymbolScale - 1);
    const auto wanted = static_cast<std::int32_t>(target);
    // Comparisons are -1 where true; the first bound is 0 and counts always.
    const int symbol = -static_cast<int>(total_of((low <= wanted) + (high <= wanted))) - 1;
    const auto at = static_cast<std::size_t>(symbol);
    const auto start = static_cast<std::uint64_t>(bounds.bound[at]);
    code_ -= start * unit;
    range_ = (static_cast<std::uint64_t>(bounds.bound[at + 1]) - start) * unit;
    refill();
    return symbol;
  }
  /// True when more was read than there was: the input is too short for what it claims.
  bool overran() const { return overrun_ > 8; }

 private:
  [[gnu::always_inline]] void refill() {
    if (range_ < (std::uint64_t{1} << 32)) [[unlikely]] {
      range_ <<= 32;
      code_ = (code_ << 32) | word();
    }
  }
  std::uint32_t word() {
    std::uint32_t value = 0;
    const auto there = std::min<std::ptrdiff_t>(4, end_ - at_);
    std::memcpy(&value, at_, static_cast<std::size_t>(there));
    at_ += there;
    overrun_ += 4 - there;
    return __builtin_bswap32(value);
  }

  const std::byte* at_;
  const std::byte* end_;
  std::ptrdiff_t overrun_ = 0;
  std::uint64_t code_ = 0;
  std::uint64_t range_ = ~std::uint64_t{0};
};

/// One adaptive bit: fast at first, then a moving average over about 128 decisions. For what is
/// rare or nearly uniform, where mixing would not pay.
class AdaptiveBit {
 public:
  template <class Coder>
  [[gnu::always_inline]] int code(Coder& coder, int bit) {
    bit = coder.code(std::clamp<std::uint32_t>(probability_, 64, 65536 - 64), bit);
    const int shift = 1 + (count_ >> 2);
    const auto step = bit != 0 ? (65536 - static_cast<int>(probability_)) >> shift
                               : -(static_cast<int>(probability_) >> shift);
    probability_ = static_cast<std::uint32_t>(static_cast<int>(probability_) + step);
    if (count_ < 27) ++count_;
    return bit;
  }

 private:
  std::uint32_t probability_ = kEven;
  std::int32_t count_ = 0;
};

/// Unsigned numbers below 2^31: the number of bits in unary, then the bits below the highest; all
/// adaptive but the lowest of long numbers.
class AdaptiveNumber {
 public:
  template <class Coder>
  std::uint32_t code(Coder& coder, std::uint32_t value) {
    const std::uint64_t next = std::uint64_t{value} + 1;
    const auto wanted = static_cast<int>(std::bit_width(next)) - 1;
    int width = 0;
    while (width < 31 && length_[width].code(coder, wanted > width ? 1 : 0) != 0) ++width;
    std::uint64_t number = 1;
    for (int i = width - 1; i >= 0; --i) {
      const auto bit = static_cast<int>((next >> i) & 1);
      const bool modeled = width - 1 - i < 3;
      const std::size_t node = static_cast<std::size_t>(width) * 8 + number % 8;
      const int got = modeled ? top_[node].code(coder, bit) : coder.code(kEven, bit);
      number = number * 2 + static_cast<std::uint64_t>(got);
    }
    return static_cast<std::uint32_t>(number - 1);
  }

 private:
  AdaptiveBit length_[32];
  AdaptiveBit top_[33 * 8];
};

}  // namespace syncopate::codec

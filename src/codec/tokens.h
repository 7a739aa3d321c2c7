#pragma once

#include <bit>
#include <cstdint>

namespace syncopate::codec {

/// A symbol of a small alphabet and the bits that say the rest. Magnitudes below 128 are symbols of
/// their own; above, an octave has 16 symbols, so that what is left is nearly uniform.
struct Token {
  std::uint32_t symbol = 0;
  std::uint32_t extra = 0;
  int extra_bits = 0;
};

inline constexpr std::uint32_t kDirect = 128;
/// One more than the largest symbol of a magnitude below 2^30.
inline constexpr std::uint32_t kMagnitudeSymbols = kDirect + 23 * 16;
/// One more than the largest symbol of a signed value.
inline constexpr std::uint32_t kSymbols = 2 * kMagnitudeSymbols;

inline Token magnitude_token(std::uint32_t magnitude) {
  if (magnitude < kDirect) return {magnitude, 0, 0};
  const int octave = static_cast<int>(std::bit_width(magnitude)) - 1;  // 7 to 29
  const int bits = octave - 4;
  return {kDirect + static_cast<std::uint32_t>(octave - 7) * 16 + ((magnitude >> bits) & 15),
          magnitude & ((1U << bits) - 1), bits};
}
/// Bits that follow a magnitude's symbol.
inline int magnitude_bits(std::uint32_t symbol) {
  return symbol < kDirect ? 0 : static_cast<int>((symbol - kDirect) / 16) + 3;
}
/// The smallest magnitude with this symbol.
inline std::uint32_t magnitude_base(std::uint32_t symbol) {
  if (symbol < kDirect) return symbol;
  return (16 + (symbol - kDirect) % 16) << magnitude_bits(symbol);
}

/// Zero, then +1, -1, +2, -2 ...
inline Token signed_token(std::int32_t value) {
  Token token = magnitude_token(static_cast<std::uint32_t>(value < 0 ? -value : value));
  if (value != 0) token.symbol = 2 * token.symbol - (value > 0 ? 1 : 0);
  return token;
}
inline int signed_bits(std::uint32_t symbol) { return magnitude_bits((symbol + 1) / 2); }
/// The value nearest zero with this symbol; the extra bits add to its magnitude.
inline std::int32_t signed_base(std::uint32_t symbol) {
  const auto magnitude = static_cast<std::int32_t>(magnitude_base((symbol + 1) / 2));
  return symbol % 2 == 1 ? magnitude : -magnitude;
}

}  // namespace syncopate::codec

#include "base/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace syncopate::base {

static_assert(std::endian::native == std::endian::little, "checksums read words, little-endian");

std::uint64_t checksum(std::span<const std::byte> bytes) {
  std::uint64_t state = 0x9e3779b97f4a7c15ULL ^ bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    state = std::rotl(state ^ (word * 0xbf58476d1ce4e5b9ULL), 29) * 0x94d049bb133111ebULL;
  }
  return state ^ (state >> 32);
}

}  // namespace syncopate::base

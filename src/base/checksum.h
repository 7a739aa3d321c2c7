#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace syncopate::base {

/// 64 bits that change when the bytes do. Finds damage; does not resist an attacker. Part of file
/// formats: it may not change.
std::uint64_t checksum(std::span<const std::byte> bytes);

/// Of a text's bytes.
inline std::uint64_t checksum(std::string_view text) {
  return checksum(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace syncopate::base

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace syncopate::base {

/// 64 bits that change when the bytes do. Finds damage; does not resist an attacker. Part of file
/// formats: it may not change.
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace syncopate::base

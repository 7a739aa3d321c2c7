#pragma once

#include <cstdint>
#include <vector>

namespace syncopate::accel::swallow {

/// Pixels that are matched at a time, one per 32-bit lane of a wide register.
inline constexpr std::int64_t kPixels = 16;

/// Masks are cut into units of 32 positions, so that a block of 32 input maps is a unit per kernel
/// position. Of a group of kernels: [kernel][unit] of one block.
struct KernelBlock {
  const std::uint32_t* units = nullptr;
  std::int64_t kernels = 0, count = 0;  ///< Kernels, and units of each.
};

/// Matches every kernel of a block with kPixels windows, [unit][pixel]: per pixel the most pairs
/// that a kernel has. Returns the pairs of all.
std::int64_t match(const std::uint32_t* windows, const KernelBlock& block, std::int32_t* most);

/// The same for one window, [unit]: returns the pairs of all kernels, sets the most that one has.
std::int64_t match_one(const std::uint32_t* window, const KernelBlock& block, std::int32_t& most);
/// Set bits of `number` units.
std::int64_t count_units(const std::uint32_t* units, std::int64_t number);

/// Copies the masks of a block of input maps [begin, begin + ins) out of a row in the order (kernel
/// position, input), `all_ins` of each position: packed without gaps, and padded to whole units.
void cut_block(const std::uint64_t* row, std::int64_t kernel, std::int64_t all_ins,
               std::int64_t begin, std::int64_t ins, std::uint32_t* units);
/// Units of such a block.
inline std::int64_t block_units(std::int64_t kernel, std::int64_t ins) {
  return (kernel * ins + 31) / 32;
}

}  // namespace syncopate::accel::swallow

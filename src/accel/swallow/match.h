#pragma once

#include <cstdint>
#include <vector>

namespace syncopate::accel::swallow {

/// Pixels that are matched at a time, one per 32-bit lane of a wide register.
inline constexpr std::int64_t kPixels = 16;

inline constexpr std::int64_t kUnitBits = 32;
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

/// Kernels of one position where they lie in a bit plane, a unit to a block.
struct PlaneRows {
  const std::uint64_t* first = nullptr;
  std::int64_t kernels = 0, words = 0;  ///< Words: from a kernel to the next.
  std::int64_t unit = 0;                ///< That the window begins with.
};
struct PlaneMatch {
  std::int64_t pairs = 0, reads = 0;
};
/// Matches kernels with one window of so many blocks; most[b] becomes the most pairs that a kernel
/// has in block b. Reads are the sum of reads_of[set bits of a kernel's block].
PlaneMatch match_plane(const std::uint32_t* window, const PlaneRows& rows, std::int64_t blocks,
                       const std::int64_t* reads_of, std::int32_t* most);

/// Copies the masks of a block of input maps [begin, begin + ins) out of a row of `kernel` masks,
/// one per kernel position, `pitch` bits apart: packed without gaps, and padded to whole units.
void cut_block(const std::uint64_t* row, std::int64_t kernel, std::int64_t pitch,
               std::int64_t begin, std::int64_t ins, std::uint32_t* units);
/// Units of such a block.
inline std::int64_t block_units(std::int64_t kernel, std::int64_t ins) {
  return (kernel * ins + 31) / 32;
}

}  // namespace syncopate::accel::swallow

#include "accel/fesa/patterns.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <map>

namespace syncopate::accel::fesa {
namespace {

/// Kernels of so few positions are numbered by their masks.
constexpr std::int64_t kSmall = 16;

/// Masks of the kernels of one output, up to kSmall positions, at all inputs.
void small_masks(const sim::BitPlane& plane, std::int64_t first_row, std::int64_t kernel,
                 std::span<std::uint16_t> masks) {
  for (std::size_t word = 0; word * 64 < masks.size(); ++word) {
    const std::size_t end = std::min(masks.size() - word * 64, std::size_t{64});
    std::uint16_t* to = masks.data() + word * 64;
    std::fill_n(to, end, std::uint16_t{0});
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::uint64_t bits = plane.row(first_row + k)[word];
      for (std::size_t i = 0; i < end; ++i) {
        to[i] = static_cast<std::uint16_t>(to[i] | (bits >> i & 1) << k);
      }
    }
  }
}

Pattern whole(std::int64_t kernel) {
  Pattern pattern(static_cast<std::size_t>((kernel + 63) / 64), ~0ULL);
  if (kernel % 64 != 0) pattern.back() = (1ULL << kernel % 64) - 1;
  return pattern;
}

bool holds(const Pattern& pattern, const Pattern& mask) {
  for (std::size_t w = 0; w < mask.size(); ++w) {
    if ((mask[w] & ~pattern[w]) != 0) return false;
  }
  return true;
}

/// The patterns for masks that so many kernels have.
std::vector<Pattern> select(const std::map<Pattern, std::int64_t>& masks, std::int64_t kernel,
                            std::int64_t most) {
  std::vector<Pattern> chosen;
  if (static_cast<std::int64_t>(masks.size()) <= most) {
    for (const auto& [mask, count] : masks) chosen.push_back(mask);
    return chosen;
  }
  std::vector<std::pair<std::int64_t, const Pattern*>> savings;
  for (const auto& [mask, count] : masks) {
    savings.emplace_back(count * (kernel - size_of(mask)), &mask);
  }
  std::stable_sort(savings.begin(), savings.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  chosen.push_back(whole(kernel));
  for (const auto& [saving, mask] : savings) {
    if (static_cast<std::int64_t>(chosen.size()) == most) break;
    if (saving > 0) chosen.push_back(*mask);
  }
  return chosen;
}

/// The smallest pattern that holds a mask.
std::uint8_t assign(const std::vector<Pattern>& patterns, const Pattern& mask) {
  std::size_t best = patterns.size();
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    if (!holds(patterns[p], mask)) continue;
    if (best == patterns.size() || size_of(patterns[p]) < size_of(patterns[best])) best = p;
  }
  return static_cast<std::uint8_t>(best);
}

}  // namespace

bool has(const Pattern& pattern, std::int64_t position) {
  return (pattern[static_cast<std::size_t>(position / 64)] >> (position % 64) & 1) != 0;
}

std::int64_t size_of(const Pattern& pattern) {
  std::int64_t size = 0;
  for (const std::uint64_t word : pattern) size += std::popcount(word);
  return size;
}

Patterns::Patterns(const sim::Weights& weights, std::int64_t most) : ins_(weights.loops().ins) {
  const std::int64_t kernel = weights.loops().kernel_size();
  patterns_ = {whole(kernel)};
  if (kernel > 1) choose(weights, most);
  for (const Pattern& pattern : patterns_) sizes_.push_back(size_of(pattern));
}

void Patterns::choose(const sim::Weights& weights, std::int64_t most) {
  const map::Loops& loops = weights.loops();
  const std::int64_t kernel = loops.kernel_size(), outs = loops.groups * loops.outs;
  const sim::BitPlane& plane = weights.bits();
  std::map<Pattern, std::int64_t> masks;
  if (kernel <= kSmall) {
    std::vector<std::uint16_t> small(static_cast<std::size_t>(outs * ins_));
    const auto row = [&](std::int64_t out) {
      return std::span(small).subspan(static_cast<std::size_t>(out * ins_),
                                      static_cast<std::size_t>(ins_));
    };
    tbb::parallel_for(std::int64_t{0}, outs, [&](std::int64_t out) {
      small_masks(plane, out * kernel, kernel, row(out));
    });
    std::vector<std::int64_t> counts(std::size_t{1} << kernel);
    for (const std::uint16_t mask : small) ++counts[mask];
    for (std::size_t mask = 0; mask < counts.size(); ++mask) {
      if (counts[mask] > 0) masks[{mask}] = counts[mask];
    }
    patterns_ = select(masks, kernel, most);
    if (patterns_.size() == 1) return;
    std::vector<std::uint8_t> ids(counts.size());
    for (const auto& [mask, count] : masks) ids[mask[0]] = assign(patterns_, mask);
    ids_.resize(small.size());
    for (std::size_t i = 0; i < small.size(); ++i) ids_[i] = ids[small[i]];
    return;
  }
  std::vector<Pattern> large(static_cast<std::size_t>(outs * ins_),
                             Pattern(static_cast<std::size_t>((kernel + 63) / 64)));
  for (std::int64_t out = 0; out < outs; ++out) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::span<const std::uint64_t> bits = plane.row(out * kernel + k);
      for (std::int64_t in = 0; in < ins_; ++in) {
        const std::uint64_t bit = bits[static_cast<std::size_t>(in / 64)] >> (in % 64) & 1;
        large[static_cast<std::size_t>(out * ins_ + in)][static_cast<std::size_t>(k / 64)] |=
            bit << (k % 64);
      }
    }
  }
  for (const Pattern& mask : large) ++masks[mask];
  patterns_ = select(masks, kernel, most);
  if (patterns_.size() == 1) return;
  std::map<Pattern, std::uint8_t> ids;
  for (const auto& [mask, count] : masks) ids[mask] = assign(patterns_, mask);
  for (const Pattern& mask : large) ids_.push_back(ids[mask]);
}

std::int64_t id_bits(std::int64_t patterns) {
  return std::bit_width(static_cast<std::uint64_t>(patterns - 1));
}

}  // namespace syncopate::accel::fesa

#include "accel/scnn/collisions.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/simd.h"

namespace syncopate::accel::scnn {
namespace {

constexpr int kMaxBanks = 32;

/// The vector that stands for a class: of all shifts that bring one of its values to 0, sorted, the
/// smallest.
std::vector<int> canonical(const std::vector<int>& values, int banks) {
  std::vector<int> best, shifted(values.size());
  for (const int origin : values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      shifted[i] = (values[i] + banks - origin) % banks;
    }
    std::sort(shifted.begin(), shifted.end());
    if (best.empty() || shifted < best) best = shifted;
  }
  return best;
}

/// One class against all: `products` has the number of values in each bank, twice in a row.
SYNCOPATE_MULTIVERSION void fill_row(const std::uint8_t* twice, int banks,
                                     const std::uint8_t* members, const std::uint8_t* counts,
                                     std::int64_t classes, std::uint8_t* cycles) {
  for (std::int64_t c = 0; c < classes; ++c) {
    std::uint8_t bank[kMaxBanks] = {};
    for (int i = 0; i < counts[c]; ++i) {
      const std::uint8_t* shifted = twice + (banks - members[c * kVector + i]);
      for (int b = 0; b < kMaxBanks; ++b) bank[b] = static_cast<std::uint8_t>(bank[b] + shifted[b]);
    }
    std::uint8_t most = 0;
    for (int b = 0; b < kMaxBanks; ++b) most = bank[b] > most ? bank[b] : most;
    cycles[c] = most;
  }
}

}  // namespace

const Collisions& Collisions::of(std::int64_t banks) {
  static std::mutex mutex;
  static std::map<std::int64_t, Collisions> tables;
  const std::lock_guard lock(mutex);
  return tables.try_emplace(banks, static_cast<int>(banks)).first->second;
}

Collisions::Collisions(int banks) : banks_(banks) {
  number_classes();
  fill_table();
}

void Collisions::number_classes() {
  std::map<std::vector<int>, std::uint16_t> known;
  for (int count = 1; count <= kVector; ++count) {
    std::vector<std::uint16_t>& numbers = numbers_[static_cast<std::size_t>(count - 1)];
    numbers.resize(std::size_t{1} << (kDifferenceBits * (count - 1)));
    for (std::size_t code = 0; code < numbers.size(); ++code) {
      std::vector<int> values = {0};
      for (int i = 0; i + 1 < count; ++i) {
        values.push_back(static_cast<int>(code >> (kDifferenceBits * i) & (kMaxBanks - 1)));
      }
      if (*std::max_element(values.begin(), values.end()) >= banks_) continue;
      const auto [found, is_new] =
          known.try_emplace(canonical(values, banks_), static_cast<std::uint16_t>(known.size()));
      if (is_new) members_.push_back(found->first);
      numbers[code] = found->second;
    }
  }
  classes_ = static_cast<std::int64_t>(known.size());
  stride_ = (classes_ + 63) / 64 * 64;
}

void Collisions::fill_table() {
  cycles_.resize(static_cast<std::size_t>(classes_ * stride_));
  std::vector<std::uint8_t> members(static_cast<std::size_t>(classes_ * kVector)), counts;
  for (std::size_t c = 0; c < members_.size(); ++c) {
    for (std::size_t i = 0; i < members_[c].size(); ++i) {
      members[c * kVector + i] = static_cast<std::uint8_t>(members_[c][i]);
    }
    counts.push_back(static_cast<std::uint8_t>(members_[c].size()));
  }
  const auto fill = [&](std::int64_t c) {
    std::array<std::uint8_t, 3 * kMaxBanks> twice{};
    for (const int value : members_[static_cast<std::size_t>(c)]) {
      ++twice[static_cast<std::size_t>(value)];
      ++twice[static_cast<std::size_t>(value + banks_)];
    }
    fill_row(twice.data(), banks_, members.data(), counts.data(), classes_,
             cycles_.data() + c * stride_);
  };
  // A waiting thread must not take up other work, which may ask for this table.
  tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::int64_t{0}, classes_, fill); });
}

}  // namespace syncopate::accel::scnn

#include "accel/zena/schedule.h"

#include <algorithm>
#include <numeric>

#include "array/actions.h"

namespace syncopate::accel::zena {
namespace {

/// Numbers of the sizes, the largest first, in order among equals. Sizes are counted, not compared.
std::vector<std::int32_t> largest_first(std::span<const std::int32_t> sizes) {
  const std::int32_t most = sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
  std::vector<std::int32_t> begin(static_cast<std::size_t>(most) + 2, 0);
  for (const std::int32_t size : sizes) ++begin[static_cast<std::size_t>(most - size) + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<std::int32_t> order(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    order[static_cast<std::size_t>(begin[static_cast<std::size_t>(most - sizes[i])]++)] =
        static_cast<std::int32_t>(i);
  }
  return order;
}

/// Replaces the lowest key of a heap, its first, by a larger one.
void increase_lowest(std::vector<std::int64_t>& heap, std::int64_t key) {
  std::size_t at = 0;
  for (std::size_t child = 1; child < heap.size(); child = 2 * at + 1) {
    child += child + 1 < heap.size() && heap[child + 1] < heap[child];
    if (key <= heap[child]) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = key;
}

}  // namespace

Split split(const Config& config, std::int64_t pixels, std::int64_t kernels) {
  const std::int64_t wanted = std::max(config.groups, array::ceil_div(config.pes(), kernels));
  return {std::min({wanted, pixels, config.pes()}), pixels, config.pes()};
}

Allocation allocate(std::span<const std::int32_t> nonzero, std::int64_t pes) {
  const std::vector<std::int32_t> order = largest_first(nonzero);
  constexpr int kPeBits = 10;                                     // There are up to 1024 PEs.
  std::vector<std::int64_t> heap(static_cast<std::size_t>(pes));  // Weights so far, and the PE.
  std::iota(heap.begin(), heap.end(), std::int64_t{0});
  std::vector<std::int32_t> owner(nonzero.size());
  Allocation result;
  result.begin.assign(static_cast<std::size_t>(pes) + 1, 0);
  result.nonzero.assign(static_cast<std::size_t>(pes), 0);
  for (const std::int32_t kernel : order) {
    const auto k = static_cast<std::size_t>(kernel);
    const auto pe = static_cast<std::size_t>(heap[0] & ((1 << kPeBits) - 1));
    owner[k] = static_cast<std::int32_t>(pe);
    ++result.begin[pe + 1];
    result.nonzero[pe] += nonzero[k];
    increase_lowest(heap, heap[0] + (std::int64_t{nonzero[k]} << kPeBits));
  }
  std::partial_sum(result.begin.begin(), result.begin.end(), result.begin.begin());
  std::vector<std::int32_t> at(result.begin.begin(), result.begin.end() - 1);
  result.kernels.resize(nonzero.size());
  for (const std::int32_t kernel : order) {
    const auto pe = static_cast<std::size_t>(owner[static_cast<std::size_t>(kernel)]);
    result.kernels[static_cast<std::size_t>(at[pe]++)] = kernel;
  }
  return result;
}

}  // namespace syncopate::accel::zena

#include "accel/zena/schedule.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "array/actions.h"

namespace syncopate::accel::zena {

Split split(const Config& config, std::int64_t pixels, std::int64_t kernels) {
  const std::int64_t wanted = std::max(config.groups, array::ceil_div(config.pes(), kernels));
  return {std::min({wanted, pixels, config.pes()}), pixels, config.pes()};
}

Allocation allocate(std::span<const std::int32_t> nonzero, std::int64_t pes) {
  std::vector<std::int32_t> order(nonzero.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return nonzero[static_cast<std::size_t>(a)] > nonzero[static_cast<std::size_t>(b)];
  });
  using Load = std::pair<std::int64_t, std::int32_t>;  // Non-zero weights so far, PE.
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (std::int32_t pe = 0; pe < pes; ++pe) loads.emplace(0, pe);
  std::vector<std::int32_t> owner(nonzero.size());
  Allocation result;
  result.begin.assign(static_cast<std::size_t>(pes) + 1, 0);
  for (const std::int32_t kernel : order) {
    const auto k = static_cast<std::size_t>(kernel);
    const auto [load, pe] = loads.top();
    loads.pop();
    loads.emplace(load + nonzero[k], pe);
    owner[k] = pe;
    ++result.begin[static_cast<std::size_t>(pe) + 1];
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

#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace syncopate::ref {

/// Calls body(begin, end) on consecutive parts of [0, count), on the threads of OpenMP: the pool
/// that oneDNN uses, so that the two never compete for cores. Parts have at least `grain` elements.
/// `body` must not throw.
template <class Body>
void parallel_ranges(std::int64_t count, std::int64_t grain, const Body& body) {
  const std::int64_t parts =
      std::min<std::int64_t>(omp_get_max_threads(), count / std::max<std::int64_t>(grain, 1));
  if (parts <= 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
#pragma omp parallel for num_threads(static_cast<int>(parts)) schedule(static, 1)
  for (std::int64_t part = 0; part < parts; ++part) {
    body(count * part / parts, count * (part + 1) / parts);
  }
}

/// Calls body(i) for every i in [0, count); `cost` is the rough number of operations of one call.
template <class Body>
void parallel_each(std::int64_t count, std::int64_t cost, const Body& body) {
  constexpr std::int64_t kWorthwhile = 16384;
  parallel_ranges(count, kWorthwhile / std::max<std::int64_t>(cost, 1),
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) body(i);
                  });
}

}  // namespace syncopate::ref

#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <initializer_list>
#include <vector>

namespace syncopate::train {

/// What `compute` gives on each of these numbers of threads. The number before is set again.
template <class Compute>
std::vector<std::vector<torch::Tensor>> on_threads(std::initializer_list<int> counts,
                                                   const Compute& compute) {
  const int before = at::get_num_threads();
  std::vector<std::vector<torch::Tensor>> results;
  for (const int count : counts) {
    at::set_num_threads(count);
    results.push_back(compute());
  }
  at::set_num_threads(before);
  return results;
}

}  // namespace syncopate::train

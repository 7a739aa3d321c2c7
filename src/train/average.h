#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace syncopate::train {

/// The mean of what tensors were after each of some steps (stochastic weight averaging: Izmailov et
/// al. 2018).
class Average {
 public:
  /// `watched` by name; they are written in place from now on.
  explicit Average(const std::map<std::string, torch::Tensor>& watched);

  /// Takes in what they are now, for the `count`-th time, from 1.
  void add(std::int64_t count);
  /// Makes them what they were on average.
  void apply();
  /// What a continued run needs, by name; written in place.
  std::map<std::string, torch::Tensor> state() const;

 private:
  std::vector<std::string> names_;
  std::vector<torch::Tensor> watched_, means_;
};

}  // namespace syncopate::train

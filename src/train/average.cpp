#include "train/average.h"

namespace syncopate::train {

Average::Average(const std::map<std::string, torch::Tensor>& watched) {
  for (const auto& [name, tensor] : watched) {
    names_.push_back(name);
    watched_.push_back(tensor.detach());
    means_.push_back(torch::zeros_like(watched_.back()));
  }
}

void Average::add(std::int64_t count) {
  const torch::NoGradGuard guard;
  const std::vector<torch::Tensor> apart = at::_foreach_sub(watched_, means_);
  at::_foreach_add_(means_, apart, 1.0 / static_cast<double>(count));
}

void Average::apply() {
  const torch::NoGradGuard guard;
  for (std::size_t i = 0; i < means_.size(); ++i) watched_[i].copy_(means_[i]);
}

std::map<std::string, torch::Tensor> Average::state() const {
  std::map<std::string, torch::Tensor> result;
  for (std::size_t i = 0; i < names_.size(); ++i) result["mean " + names_[i]] = means_[i];
  return result;
}

}  // namespace syncopate::train

#include "train/teacher.h"

#include <algorithm>

namespace syncopate::train {

Teacher::Teacher(const std::vector<const ir::Graph*>& graphs, const ModuleOptions& options,
                 double temperature)
    : temperature_(temperature) {
  for (const ir::Graph* graph : graphs) {
    modules_.push_back(std::make_unique<Module>(*graph, options));
  }
}

torch::Tensor Teacher::logits(const torch::Tensor& x) {
  const torch::NoGradGuard guard;
  if (modules_.size() == 1) return modules_[0]->logits(x, false);
  std::vector<torch::Tensor> softened;
  for (const std::unique_ptr<Module>& module : modules_) {
    softened.push_back(torch::log_softmax(module->logits(x, false) / temperature_, 1));
  }
  // Softened again they are the mean; a factor on all of them makes no difference there.
  return torch::logsumexp(torch::stack(softened), 0) * temperature_;
}

bool Teacher::look(const PictureStore& pictures, bool mirrored, const Watch& watch) {
  constexpr std::int64_t kBatch = 500;
  count_ = pictures.count();
  const std::int64_t all = mirrored ? 2 * count_ : count_;
  std::int64_t done = 0;
  std::vector<torch::Tensor> parts;
  for (int image = 0; image < (mirrored ? 2 : 1); ++image) {
    for (std::int64_t begin = 0; begin < count_; begin += kBatch) {
      if (!watch(done, all)) return false;
      torch::Tensor x = pictures.inputs(begin, std::min(begin + kBatch, count_));
      if (image == 1) x = x.flip(3).contiguous(torch::MemoryFormat::ChannelsLast);
      done += x.size(0);
      parts.push_back(logits(x));
    }
  }
  answers_ = torch::cat(parts);
  return watch(done, all);
}

torch::Tensor Teacher::remembered(std::span<const std::int64_t> indices,
                                  const std::vector<bool>& flips) const {
  torch::Tensor rows =
      torch::empty({static_cast<std::int64_t>(indices.size())},
                   torch::TensorOptions(torch::kLong).pinned_memory(answers_.is_cuda()));
  std::int64_t* row = rows.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) row[i] = indices[i] + (flips[i] ? count_ : 0);
  return answers_.index_select(0, rows.to(answers_.device(), /*non_blocking=*/true));
}

}  // namespace syncopate::train

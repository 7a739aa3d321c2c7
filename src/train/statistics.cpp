#include "train/statistics.h"

#include <torch/types.h>

#include "ir/batch_norm.h"
#include "train/device.h"
#include "train/module.h"
#include "train/picture_store.h"

namespace syncopate::train {

int restore_batch_norms(ir::Graph& graph, const data::DataSet& set,
                        const data::Normalization& normalization, const Platform& platform,
                        std::int64_t pictures) {
  std::vector<ir::ValueId> inputs;
  std::vector<std::size_t> merged;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!ir::is_merged_batch_norm(graph, graph.nodes[n])) continue;
    merged.push_back(n);
    inputs.push_back(graph.nodes[n].inputs[0]);
  }
  if (merged.empty()) return 0;
  set_up_torch(platform);
  constexpr std::int64_t kBatch = 100;
  const torch::Device device = device_of(platform.device);
  Module module(graph, {device, torch::kFloat, torch::kFloat});
  const PictureStore store(data::spread(set, pictures), normalization, device);
  const torch::NoGradGuard guard;
  std::vector<torch::Tensor> sums(merged.size()), squares(merged.size());
  std::vector<double> counts(merged.size(), 0);
  for (std::int64_t begin = 0; begin < store.count(); begin += kBatch) {
    const torch::Tensor x = store.inputs(begin, std::min(begin + kBatch, store.count()));
    const std::vector<torch::Tensor> values = module.values(x, inputs);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const torch::Tensor rows = values[i].transpose(0, 1).flatten(1).to(torch::kDouble);
      const torch::Tensor sum = rows.sum(1), square = (rows * rows).sum(1);
      sums[i] = sums[i].defined() ? sums[i] + sum : sum;
      squares[i] = squares[i].defined() ? squares[i] + square : square;
      counts[i] += static_cast<double>(rows.size(1));
    }
  }
  for (std::size_t i = 0; i < merged.size(); ++i) {
    const torch::Tensor mean = (sums[i] / counts[i]).to(torch::kCPU).contiguous();
    const torch::Tensor variance =
        (squares[i].to(torch::kCPU) / counts[i] - mean * mean).clamp_min(0).contiguous();
    const auto span = [](const torch::Tensor& t) {
      return std::span<const double>(t.data_ptr<double>(), static_cast<std::size_t>(t.numel()));
    };
    ir::unmerge_batch_norm(graph, graph.nodes[merged[i]], span(mean), span(variance));
  }
  return static_cast<int>(merged.size());
}

}  // namespace syncopate::train

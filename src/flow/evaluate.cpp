#include "flow/evaluate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "ref/calibrate.h"
#include "ref/fixed_net.h"
#include "ref/float_net.h"

namespace syncopate::flow {
namespace {

/// Picture `index` of the set as the network's input [1,C,H,W].
Tensor input_of(const data::DataSet& set, std::int64_t index, const data::Normalization& how) {
  Tensor tensor = Tensor::uninitialized(DType::f32, {1, set.channels, set.height, set.width});
  const auto size = static_cast<std::size_t>(set.picture_size());
  data::normalize(std::span(set.pixels).subspan(static_cast<std::size_t>(index) * size, size),
                  set.channels, how, tensor.mutable_data<float>());
  return tensor;
}

/// How many scores beat that of `label` (ties count for the earlier index).
std::int64_t rank_of(std::span<const float> scores, std::size_t label) {
  std::int64_t better = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    better += scores[i] > scores[label] || (scores[i] == scores[label] && i < label);
  }
  return better;
}

void check_fit(const ir::Graph& graph, const data::DataSet& set) {
  const Shape wanted{1, set.channels, set.height, set.width};
  if (graph.inputs.size() != 1 || graph.value(graph.inputs[0]).shape != wanted) {
    fail("{}: pictures of '{}' are {}; expected a network with that one input", graph.source,
         set.name, to_string(wanted));
  }
  if (set.count() == 0) fail("data set '{}' holds no pictures", set.name);
}

gconv::Chain fixed_chain(const ir::Graph& graph, const data::DataSet& set,
                         const EvaluateOptions& options) {
  std::vector<std::vector<Tensor>> inputs;
  const std::int64_t count = std::min(options.calibration_pictures, set.count());
  for (std::int64_t i = 0; i < count; ++i) {
    inputs.push_back({input_of(set, i, options.normalization)});
  }
  const gconv::Chain chain = gconv::lower(graph);
  const ref::Calibration calibration = ref::calibrate(graph, chain, inputs);
  return gconv::optimize(gconv::quantize(chain, calibration.ranges, options.quantize));
}

}  // namespace

data::PictureShape picture_shape(const ir::Graph& graph) {
  const Shape shape = graph.inputs.size() == 1 ? graph.value(graph.inputs[0]).shape : Shape{};
  if (shape.size() != 4 || shape[0] != 1) {
    fail("{}: expected one input [1,C,H,W] for pictures", graph.source);
  }
  return {shape[1], shape[2], shape[3]};
}

Evaluation evaluate(const ir::Graph& graph, const data::DataSet& set,
                    const EvaluateOptions& options, const Progress& progress) {
  check_fit(graph, set);
  const gconv::Chain chain = fixed_chain(graph, set, options);
  const ref::FloatNet float_net(graph);
  const ref::FixedNet fixed_net(chain);
  Evaluation result;
  double signal = 0, noise = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const std::vector<Tensor> input{input_of(set, i, options.normalization)};
    const Tensor expected = float_net.run(input)[0];
    const Tensor actual = fixed_net.dequantize(fixed_net.run(input))[0];
    const auto f = expected.data<float>();
    const auto q = actual.data<float>();
    const auto label =
        static_cast<std::size_t>(set.labels[static_cast<std::size_t>(i)] + options.label_offset);
    if (label >= f.size()) {
      fail("{}: label {} has no output; the network gives {} scores", graph.source, label,
           f.size());
    }
    for (std::size_t k = 0; k < f.size(); ++k) {
      signal += static_cast<double>(f[k]) * f[k];
      noise += std::pow(static_cast<double>(q[k]) - f[k], 2);
    }
    const std::int64_t float_rank = rank_of(f, label), fixed_rank = rank_of(q, label);
    result.float_top1 += float_rank == 0;
    result.fixed_top1 += fixed_rank == 0;
    result.float_top5 += float_rank < 5;
    result.fixed_top5 += fixed_rank < 5;
    result.agree += std::max_element(f.begin(), f.end()) - f.begin() ==
                    std::max_element(q.begin(), q.end()) - q.begin();
    ++result.pictures;
    if (progress) progress(result.pictures, set.count());
  }
  result.snr_db = noise > 0 ? 10 * std::log10(signal / noise) : INFINITY;
  return result;
}

}  // namespace syncopate::flow

#include "ref/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "ref/fixed_net.h"
#include "ref/float_net.h"
#include "ref/storage.h"

namespace syncopate::ref {
namespace {

/// Rank of the row's entry `index`: how many entries beat it (an equal one does if it comes first).
std::int64_t rank_of(std::span<const float> row, std::size_t index) {
  std::int64_t rank = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] > row[index] || (row[i] == row[index] && i < index)) ++rank;
  }
  return rank;
}

std::size_t first_class(std::span<const float> row) {
  return static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
}

/// Names of values that both the graph and the chain compute, with the layer that makes them.
std::map<std::string, std::string> shared_values(const ir::Graph& graph,
                                                 const gconv::Chain& chain) {
  std::map<std::string, std::string> written;
  for (const gconv::GConv& gconv : chain.gconvs) {
    const gconv::TensorInfo& info = chain.tensors.at(gconv.output.tensor);
    if (info.scale > 0 && !info.shape.empty()) written[gconv.output.tensor] = gconv.layer;
  }
  std::map<std::string, std::string> shared;
  for (const ir::Node& node : graph.nodes) {
    for (const ir::ValueId output : node.outputs) {
      if (output == ir::kNoValue) continue;
      const ir::Value& value = graph.value(output);
      const auto found = written.find(value.name);
      if (found != written.end() && value.dtype == DType::f32 &&
          value.shape == chain.tensors.at(value.name).shape) {
        shared.insert(*found);
      }
    }
  }
  return shared;
}

}  // namespace

Error error_of(const Tensor& real, const Tensor& reference) {
  if (real.size() != reference.size()) {
    broken("comparing {} with {}", to_string(real.shape()), to_string(reference.shape()));
  }
  const std::span<const float> a = real.data<float>();
  const std::span<const float> b = reference.data<float>();
  Error error;
  double noise = 0;
  double signal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto value = static_cast<double>(b[i]);
    const double difference = static_cast<double>(a[i]) - value;
    error.max_abs = std::max(error.max_abs, std::abs(difference));
    error.reference = std::max(error.reference, std::abs(value));
    noise += difference * difference;
    signal += value * value;
  }
  if (a.empty()) return error;
  error.rms = std::sqrt(noise / static_cast<double>(a.size()));
  error.relative = signal > 0 ? std::sqrt(noise / signal) : 0;
  error.snr_db =
      noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
  return error;
}

std::vector<LayerError> compare_layers(const ir::Graph& graph, const gconv::Chain& quantized,
                                       std::span<const Tensor> inputs) {
  const std::map<std::string, std::string> shared = shared_values(graph, quantized);
  std::set<std::string> names;
  for (const auto& [value, layer] : shared) names.insert(value);
  std::map<std::string, Tensor> reference;
  FloatNet(graph, names).run(inputs, [&](const std::string& name, const Tensor& value) {
    reference[name] = value;
  });
  std::map<std::string, std::size_t> last_writer;  // a tensor is complete after its last writer
  for (std::size_t i = 0; i < quantized.gconvs.size(); ++i) {
    last_writer[quantized.gconvs[i].output.tensor] = i;
  }
  std::vector<LayerError> errors;
  const FixedNet net(quantized);
  net.run(inputs, [&](std::size_t index, const FixedNet::Reader& read) {
    const std::string& name = quantized.gconvs[index].output.tensor;
    const auto found = reference.find(name);
    if (found == reference.end() || last_writer.at(name) != index) return;
    const gconv::TensorInfo& info = quantized.tensors.at(name);
    const Tensor real = dequantize(to_logical(read(name), info), info.scale);
    errors.push_back({shared.at(name), name, error_of(real, found->second)});
    reference.erase(found);
  });
  return errors;
}

Agreement agreement_of(const Tensor& real, const Tensor& reference) {
  if (real.shape() != reference.shape() || real.shape().empty() || real.empty()) {
    broken("comparing classes of {} with {}", to_string(real.shape()),
           to_string(reference.shape()));
  }
  Agreement result;
  result.rows = real.shape()[0];
  const auto classes = static_cast<std::size_t>(real.size() / result.rows);
  for (std::int64_t row = 0; row < result.rows; ++row) {
    const std::size_t at = static_cast<std::size_t>(row) * classes;
    const std::span<const float> a = real.data<float>().subspan(at, classes);
    const std::size_t best = first_class(reference.data<float>().subspan(at, classes));
    const std::int64_t rank = rank_of(a, best);
    result.top1 += rank == 0 ? 1 : 0;
    result.top5 += rank < 5 ? 1 : 0;
  }
  return result;
}

}  // namespace syncopate::ref

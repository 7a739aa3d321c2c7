#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "ir/graph.h"

namespace syncopate::zoo {

/// Extents of a square two-dimensional window.
struct Square {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t pad = 0;
};

/// Appends layers with made-up weights to a graph, tracking channel counts. Every method returns
/// the new output, which bears the layer's name.
class Builder {
 public:
  /// A graph with the input "input" of the given shape [N,C,H,W].
  Builder(std::string name, std::uint64_t seed, const Shape& input);

  ir::ValueId input() const { return graph_.inputs.front(); }
  /// Channels of an activation made here.
  std::int64_t channels(ir::ValueId value) const;

  /// Convolution with He-scaled weights, and a bias unless `bias` is false.
  ir::ValueId conv(const std::string& name, ir::ValueId x, std::int64_t out_channels, Square window,
                   std::int64_t group = 1, bool bias = true);
  /// Batch normalization with statistics near those of normalized activations.
  ir::ValueId batch_norm(const std::string& name, ir::ValueId x);
  ir::ValueId relu(const std::string& name, ir::ValueId x);
  ir::ValueId pool(const std::string& name, ir::ValueId x, ir::PoolKind kind, Square window,
                   bool ceil_mode = false);
  ir::ValueId global_average(const std::string& name, ir::ValueId x);
  ir::ValueId lrn(const std::string& name, ir::ValueId x);
  ir::ValueId add(const std::string& name, ir::ValueId a, ir::ValueId b);
  ir::ValueId concat(const std::string& name, std::vector<ir::ValueId> parts);
  /// Flattens to [N, features]; `features` is C*H*W of `x`.
  ir::ValueId flatten(const std::string& name, ir::ValueId x, std::int64_t features);
  /// Fully connected layer with weights [out, in].
  ir::ValueId dense(const std::string& name, ir::ValueId x, std::int64_t out_features);

  /// Renames `output` to "logits", infers shapes and hands the graph over.
  ir::Graph finish(ir::ValueId output) &&;

 private:
  ir::ValueId node(const std::string& name, ir::Op op, std::vector<ir::ValueId> inputs,
                   std::int64_t out_channels);
  /// Bell-shaped numbers (sum of four uniforms) with mean zero.
  ir::ValueId weights(const std::string& name, const Shape& shape, double deviation);
  /// Uniform numbers in [low, high), one per channel.
  ir::ValueId per_channel(const std::string& name, std::int64_t count, double low, double high);

  ir::Graph graph_;
  Random random_;
  std::vector<std::int64_t> channels_;  ///< By value id; 0 for constants.
};

}  // namespace syncopate::zoo

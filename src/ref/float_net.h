#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ref/runs.h"

namespace syncopate::ref {

/// The float oracle: runs a network with oneDNN. Running is repeatable and uses the threads OpenMP
/// gives it.
///
/// Activations stay in oneDNN's blocked layouts between operators; what oneDNN cannot do exactly as
/// ONNX says runs in plain loops. A NaN or an infinity is never lost: where a fast kernel could
/// hide one, the ranges of its operands are checked first, and the inference is redone in plain
/// loops when they do not rule it out.
class FloatNet {
 public:
  /// Values named in `observed` are materialized, so operators producing them are not fused away.
  /// The graph (shapes inferred) must outlive the net. InputError for an unknown observed name.
  explicit FloatNet(const ir::Graph& graph, std::set<std::string> observed = {},
                    Runs runs = Runs::often);
  ~FloatNet();
  FloatNet(FloatNet&&) noexcept;

  /// Called with name and contents (row-major) of each observed value as it is made.
  using Observer = std::function<void(const std::string& name, const Tensor& value)>;
  /// Called with name and largest magnitude of each observed value as it is made: infinity when an
  /// element is infinite, NaN when one is NaN. Integers are read as real numbers.
  using RangeObserver = std::function<void(const std::string& name, float largest)>;

  /// One inference. InputError when `inputs` do not fit the graph's inputs in number, shape or
  /// type. Concurrent calls wait for each other.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const Observer& observe = {}) const;
  /// The same, reporting only ranges: far cheaper than observing contents, since values stay in
  /// the layouts they are computed in.
  std::vector<Tensor> run_ranges(std::span<const Tensor> inputs,
                                 const RangeObserver& observe) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncopate::ref

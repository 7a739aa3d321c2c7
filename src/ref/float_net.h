#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::ref {

/// The float oracle: runs a network with oneDNN. Building packs weights once; running is repeatable
/// and uses the threads OpenMP gives it.
class FloatNet {
 public:
  /// Values named in `observed` are materialized, so operators producing them are not fused away.
  /// The graph must outlive the net.
  explicit FloatNet(const ir::Graph& graph, std::set<std::string> observed = {});
  ~FloatNet();
  FloatNet(FloatNet&&) noexcept;

  /// Called with name and contents of each observed value as it is made.
  using Observer = std::function<void(const std::string& name, const Tensor& value)>;
  /// One inference. InputError when `inputs` do not fit the graph's inputs in number, shape or
  /// type.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const Observer& observe = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncopate::ref

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gconv/chain.h"
#include "ir/graph.h"

namespace syncopate::ref {

/// Where the range of each activation of a chain comes from. Watching a value costs time, because
/// it keeps the float network from fusing the operators around it; so values are watched only
/// where their neighbors do not tell.
class RangeRules {
 public:
  RangeRules(const ir::Graph& graph, const gconv::Chain& chain);

  /// IR values whose largest magnitude must be observed.
  const std::set<std::string>& observed() const { return observed_; }
  /// Tensors that exist in the chain only and must be computed from operands.
  const std::set<std::string>& evaluated() const { return evaluated_; }
  /// Whether the graph computes the real values of that name (not integers that stand for them).
  bool in_graph(const std::string& tensor) const { return values_.contains(tensor); }
  const std::vector<const gconv::GConv*>& writers(const std::string& tensor) const;

  /// Completes `ranges`, which holds inputs, observed and evaluated tensors, to all activations.
  void derive(std::map<std::string, double>& ranges) const;

 private:
  enum class Rule : std::uint8_t { given, observed, from_reader, from_writers, evaluated };

  Rule choose(const std::string& tensor);
  bool tells_backward(const std::string& tensor) const;
  bool tells_forward(const std::string& tensor) const;
  double backward(const std::string& tensor, std::map<std::string, double>& ranges) const;
  double forward(const std::string& tensor, std::map<std::string, double>& ranges) const;
  double derive(const std::string& tensor, std::map<std::string, double>& ranges) const;
  const gconv::GConv* only_reader(const std::string& tensor) const;
  bool at_most_one(const gconv::GConv& gconv) const;

  const gconv::Chain& chain_;
  std::set<std::string> values_, integers_, observed_, evaluated_, kept_;
  std::map<std::string, std::vector<const gconv::GConv*>> writers_, readers_;
  std::map<std::string, Rule> rules_;
};

}  // namespace syncopate::ref

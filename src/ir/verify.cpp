#include "ir/graph.h"
#include "ir/infer.h"

namespace syncopate::ir {
namespace {

/// Holds a graph to its contract, one rule per function.
class Verifier {
 public:
  explicit Verifier(const Graph& graph)
      : graph_(graph), made_(graph.values.size(), false), produced_(graph.values.size(), false) {}

  void run() {
    start_values();
    for (const Node& node : graph_.nodes) check_node(node);
    for (ValueId id : graph_.outputs) {
      check_id(id, "the outputs");
      if (!made_[at(id)]) broken("output '{}' is never produced", graph_.value(id).name);
    }
  }

 private:
  static std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

  void check_id(ValueId id, std::string_view where) const {
    if (id < 0 || at(id) >= graph_.values.size()) broken("{} name the value id {}", where, id);
  }

  void start_values() {
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      const Value& value = graph_.values[i];
      if (!value.constant) continue;
      made_[i] = produced_[i] = true;
      if (value.dtype != value.constant->dtype() || value.shape != value.constant->shape()) {
        broken("constant '{}' is {}[{}] but the value says {}[{}]", value.name,
               name_of(value.constant->dtype()), to_string(value.constant->shape()),
               name_of(value.dtype), to_string(value.shape));
      }
    }
    for (ValueId id : graph_.inputs) {
      check_id(id, "the inputs");
      if (produced_[at(id)])
        broken("input '{}' is listed twice or constant", graph_.value(id).name);
      made_[at(id)] = produced_[at(id)] = true;
    }
  }

  void check_node(const Node& node) {
    const std::string where = fmt::format("node '{}' ({})", node.name, name_of(node.op));
    for (ValueId id : node.inputs) {
      if (id == kNoValue) continue;
      check_id(id, where);
      if (!made_[at(id)])
        broken("{} uses '{}' before it is produced", where, graph_.value(id).name);
    }
    for (ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      check_id(id, where);
      if (produced_[at(id)]) broken("{} produces '{}' again", where, graph_.value(id).name);
      made_[at(id)] = produced_[at(id)] = true;
    }
    check_shapes(node, where);
  }

  void check_shapes(const Node& node, const std::string& where) const {
    std::vector<TypeAndShape> inferred;
    try {
      inferred = infer_node(graph_, node);
    } catch (const InputError& error) {
      broken("{}", error.what());
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      const Value& value = graph_.value(node.outputs[i]);
      if (value.dtype != inferred[i].dtype || value.shape != inferred[i].shape) {
        broken("{}: output '{}' is recorded as {}[{}], inferred as {}[{}]", where, value.name,
               name_of(value.dtype), to_string(value.shape), name_of(inferred[i].dtype),
               to_string(inferred[i].shape));
      }
    }
  }

  const Graph& graph_;
  std::vector<bool> made_;
  std::vector<bool> produced_;
};

}  // namespace

void verify(const Graph& graph) { Verifier(graph).run(); }

}  // namespace syncopate::ir

#include "gconv/lower.h"

#include "gconv/lowering.h"

namespace syncopate::gconv {

Chain lower(const ir::Graph& graph) {
  lowering::Builder builder(graph);
  builder.add_inputs();
  for (const ir::Node& node : graph.nodes) {
    builder.begin(node);
    std::visit([&](const auto& op) { lowering::lower(builder, op); }, node.op);
  }
  builder.add_outputs();
  Chain chain = std::move(builder.chain());
  verify(chain);
  return chain;
}

}  // namespace syncopate::gconv

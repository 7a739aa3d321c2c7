// Any bytes must import, or be refused in one line. What imports must verify, print and export, and
// the export must import again as the same network.

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "onnx/export.h"
#include "onnx/import.h"

namespace {

using namespace syncopate;

/// Large enough for any real shape computation, small enough for thousands of runs a second.
constexpr std::int64_t kFoldBytes = std::int64_t{1} << 20;

void require(bool good) {
  if (!good) std::abort();
}

void round_trip(const ir::Graph& graph) {
  std::string bytes;
  try {
    bytes = onnx::export_bytes(graph);
  } catch (const InputError&) {
    return;
  }
  onnx::ImportOptions options;
  options.fold_bytes = 4 * kFoldBytes;
  const ir::Graph back =
      onnx::import_bytes(std::as_bytes(std::span(bytes)), "exported.onnx", options);
  require(back.inputs.size() == graph.inputs.size());
  require(back.outputs.size() == graph.outputs.size());
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    require(back.value(back.outputs[i]).shape == graph.value(graph.outputs[i]).shape);
    require(back.value(back.outputs[i]).dtype == graph.value(graph.outputs[i]).dtype);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  onnx::ImportOptions options;
  options.fold_bytes = kFoldBytes;
  try {
    const ir::Graph graph =
        onnx::import_bytes(std::as_bytes(std::span(data, size)), "fuzz.onnx", options);
    ir::verify(graph);
    require(!ir::to_text(graph).empty());
    for (const ir::Node& node : graph.nodes) require(ir::macs_of(graph, node) >= 0);
    round_trip(graph);
  } catch (const InputError& error) {
    require(std::string(error.what()).find('\n') == std::string::npos);
  }
  return 0;
}

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "flow/prepare.h"
#include "flow/qdq.h"
#include "onnx/export.h"

namespace syncopate::cli {

void quantize_command(const QuantizeArguments& arguments, Console& console) {
  const Output output("--output", arguments.output);
  const ir::Graph graph = flow::load_model(to_model(arguments.model));
  const flow::Inputs inputs(graph, to_input(arguments.input));
  const ir::Graph quantized = flow::to_qdq(graph, flow::calibrate(graph, inputs).ranges);
  output.write(onnx::export_bytes(quantized), console);
  if (output.is_stdout()) return;
  console.print(fmt::format("{}: 8-bit weights and activations, scales from {}\n", output.path(),
                            inputs.description()));
}

}  // namespace syncopate::cli

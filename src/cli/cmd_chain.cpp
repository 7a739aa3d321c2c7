#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "flow/prepare.h"

namespace syncopate::cli {

void lower_command(const LowerArguments& arguments, Console& console) {
  const Output output("--output", arguments.output.empty() ? "-" : arguments.output);
  const auto chain = [&] {
    if (!arguments.quantized) {
      return flow::prepare_float_chain(to_model(arguments.model), !arguments.no_optimize);
    }
    flow::PrepareOptions options;
    options.model = to_model(arguments.model);
    options.input = to_input(arguments.input);
    options.quantize = to_quantize(arguments.precision);
    options.optimize = !arguments.no_optimize;
    return flow::prepare_chain(options);
  };
  output.write(gconv::to_text(chain()), console);
}

}  // namespace syncopate::cli

#include <fmt/format.h>

#include "accel/registry.h"
#include "base/error.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "flow/prepare.h"
#include "report/format.h"
#include "sim/program_file.h"

namespace syncopate::cli {
namespace {

/// The one machine these commands work for.
flow::MachineRequest single_machine(const MachineArguments& arguments) {
  const std::vector<flow::MachineRequest> machines = to_machines(arguments);
  if (machines.size() != 1) fail("--on: expected one accelerator, got {}", machines.size());
  return machines[0];
}

template <class Arguments>
gconv::Chain chain_for(const Arguments& arguments) {
  flow::PrepareOptions options;
  options.model = to_model(arguments.model);
  options.input = to_input(arguments.input);
  options.quantize = to_quantize(arguments.bits);
  return flow::prepare_chain(options);
}

/// Whether the file is to be read as a program; anything else is a network.
bool names_program(const std::string& path) { return path.ends_with(".syp"); }

void disassemble_file(const DisasmArguments& arguments, Console& console) {
  const std::string& path = arguments.model.model;
  const sim::Program program = sim::read_program(path);
  const sim::Accelerator& accelerator = accel::find(program.machine);
  if (!arguments.machines.names.empty() && arguments.machines.names[0] != accelerator.name) {
    fail("--on {}: {} is a program for {}", arguments.machines.names[0], path, accelerator.name);
  }
  console.print(accelerator.disassemble(program, arguments.tiles));
}

}  // namespace

void compile_command(const CompileArguments& arguments, Console& console) {
  const Output output("--output", arguments.output);
  const flow::MachineRequest machine = single_machine(arguments.machines);
  const sim::Accelerator& accelerator = accel::find(machine.name);
  const arch::Spec spec = accelerator.spec(machine.overrides);
  const gconv::Chain chain = chain_for(arguments);
  const sim::Program program = accelerator.compile(chain, spec);
  const std::vector<std::byte> bytes = sim::to_bytes(program);
  output.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, console);
  if (output.is_stdout()) return;
  console.print(fmt::format("{}: {} layers, {} instructions, {} of weights for {}\n", output.path(),
                            program.layers.size(), report::grouped(std::ssize(program.code)),
                            report::short_bytes(static_cast<double>(program.image->bytes())),
                            accelerator.name));
}

void disasm_command(const DisasmArguments& arguments, Console& console) {
  if (names_program(arguments.model.model)) return disassemble_file(arguments, console);
  if (arguments.machines.names.empty()) {
    fail("{}: not a program (.syp); to compile a network first, name an accelerator with --on",
         arguments.model.model);
  }
  const flow::MachineRequest machine = single_machine(arguments.machines);
  const sim::Accelerator& accelerator = accel::find(machine.name);
  const arch::Spec spec = accelerator.spec(machine.overrides);
  const gconv::Chain chain = chain_for(arguments);
  console.print(accelerator.disassemble(accelerator.compile(chain, spec), arguments.tiles));
}

}  // namespace syncopate::cli

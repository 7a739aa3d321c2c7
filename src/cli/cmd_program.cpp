#include <fmt/core.h>

#include <optional>

#include "accel/registry.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "codec/container.h"
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
  options.quantize = to_quantize(arguments.precision);
  return flow::prepare_chain(options);
}

/// Whether the file is to be read as a program; anything else is a network.
bool names_program(const std::string& path) { return path.ends_with(".syp"); }

/// Puts a program into a copy of the container its network came from, in one step.
void add_program(const std::string& model, const std::string& machine,
                 std::span<const std::byte> program, const std::string& output) {
  if (!codec::is_sync_file(model)) {
    fail("--output {}: to store a program in a .sync file, compile a .sync file, not '{}'", output,
         model);
  }
  const codec::SyncReader reader(model);
  base::AtomicFile file(output);
  codec::SyncWriter writer([&](std::span<const std::byte> bytes) { file.write(bytes); });
  for (const codec::Record& record : reader.records()) {
    const bool older = record.kind == codec::RecordKind::program && record.name == machine;
    if (!older) writer.copy(reader, record);
  }
  writer.add(codec::RecordKind::program, machine, program);
  writer.finish();
  file.commit();
}

/// The program for `machine` that a container holds, or none.
std::optional<sim::Program> stored_program(const std::string& path, const std::string& machine) {
  if (!codec::is_sync_file(path)) return std::nullopt;
  const codec::SyncReader reader(path);
  const codec::Record* record = reader.find(codec::RecordKind::program, machine);
  if (record == nullptr) return std::nullopt;
  return sim::parse_program(reader.bytes(*record), path);
}

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
  if (output.path().ends_with(".sync")) {
    add_program(arguments.model.model, program.machine, bytes, output.path());
  } else {
    output.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, console);
  }
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
  if (const auto program = stored_program(arguments.model.model, machine.name)) {
    console.print(accelerator.disassemble(*program, arguments.tiles));
    return;
  }
  const arch::Spec spec = accelerator.spec(machine.overrides);
  const gconv::Chain chain = chain_for(arguments);
  console.print(accelerator.disassemble(accelerator.compile(chain, spec), arguments.tiles));
}

}  // namespace syncopate::cli

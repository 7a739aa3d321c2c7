#pragma once

#include "cli/console.h"
#include "cli/options.h"

namespace syncopate::cli {

// One function per subcommand, each in cmd_*.cpp. InputError for anything the user can mend.

void run_command(const RunArguments& arguments, const std::string& command_line, Console& console);
void inspect_command(const InspectArguments& arguments, Console& console);
void list_command(const ListArguments& arguments, Console& console);
void lower_command(const LowerArguments& arguments, Console& console);
void compile_command(const CompileArguments& arguments, Console& console);
void disasm_command(const DisasmArguments& arguments, Console& console);
void prune_command(const PruneArguments& arguments, Console& console);
void quantize_command(const QuantizeArguments& arguments, Console& console);
void compress_command(const CompressArguments& arguments, Console& console);
void decompress_command(const DecompressArguments& arguments, Console& console);
void eval_command(const EvalArguments& arguments, Console& console);
void tune_command(const TuneArguments& arguments, Console& console);
void reproduce_command(const ReproduceArguments& arguments, Console& console);
void dram_command(const DramArguments& arguments, Console& console);

}  // namespace syncopate::cli

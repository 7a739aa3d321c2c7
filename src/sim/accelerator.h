#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "arch/isa.h"
#include "arch/spec.h"
#include "base/params.h"
#include "sim/machine.h"

namespace syncopate::sim {

/// The contract of a folder under src/accel/: one value named `accelerator` in accel.cpp, found by
/// CMake.
struct Accelerator {
  std::string_view name;  ///< The folder's name.
  /// The published machine with overrides; InputError for unknown or impossible parameters.
  arch::Spec (*spec)(const Params& overrides);
  /// Instructions and image for a quantized chain, which must outlive the program.
  Program (*compile)(const gconv::Chain& chain, const arch::Spec& spec);
  std::unique_ptr<Machine> (*machine)(const arch::Spec& spec);
  /// One line per instruction; with `tiles`, also what each tile loads, computes and stores, as
  /// comments (lines that begin with #).
  std::string (*disassemble)(const Program& program, bool tiles);
  /// The instruction set, which assembles what disassemble prints, comments excepted.
  const arch::InstructionSet& (*isa)();
};

}  // namespace syncopate::sim

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/isa.h"
#include "arch/spec.h"
#include "base/params.h"
#include "sim/machine.h"

namespace syncopate::sim {

/// How an array takes the input channels of a convolution: `vector` successive ones to a row,
/// `rows` rows to a pass, which lasts as long as its slowest row.
struct ChannelPasses {
  std::int64_t rows = 1, vector = 1;
  std::int64_t columns = 1;  ///< Successive outputs that share a pass.
  std::int64_t side = 1;     ///< Of the square of outputs that a pass works for.
  bool operator==(const ChannelPasses&) const = default;
};

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
  /// The passes of a program's layer, of each of its alternatives: for those who choose the order
  /// of channels. None for layers in which the order changes nothing; null on machines where it
  /// does not matter so.
  std::vector<ChannelPasses> (*passes)(const Program& program, std::size_t layer,
                                       const arch::Spec& spec) = nullptr;
};

}  // namespace syncopate::sim

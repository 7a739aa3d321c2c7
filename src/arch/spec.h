#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/params.h"

namespace syncopate::arch {

/// What one counted action does physically; `cost/` turns it into energy for a technology node.
enum class ActionKind : std::uint8_t {
  multiply,   ///< Integer multiplication, `bits` wide operands.
  add,        ///< Integer addition, `bits` wide.
  sram_read,  ///< One access of `bits` to a buffer of `bytes`.
  sram_write,
  register_access,  ///< Read or write of `bits` in a register or small FIFO.
  logic,  ///< `bits` of selection logic switching (multiplexers, prefix sums, priority coders).
  table_lookup,  ///< Read of a small table with `bytes` total, `bits` per entry.
  dram_read,     ///< `bits` moved from DRAM.
  dram_write
};

/// A kind of action a machine performs; statistics hold one count per entry of Spec::actions.
struct Action {
  std::string name;       ///< E.g. "NBin read".
  std::string component;  ///< Group in reports, e.g. "NBin", "multipliers", "index", "DRAM".
  ActionKind kind = ActionKind::multiply;
  std::int64_t bits = 16;
  std::int64_t bytes = 0;  ///< Capacity of the memory read or written.
};

/// What takes area on a chip; `cost/` turns it into square millimeters for a technology node.
enum class BlockKind : std::uint8_t {
  multiplier,  ///< Integer multiplier of `bits` wide operands.
  adder,
  sram,       ///< A memory of `bits` in all.
  registers,  ///< Flip-flops: pipeline registers, small FIFOs.
  logic       ///< `bits` of selection logic.
};
struct Block {
  std::string component;  ///< Group in reports, e.g. "PE".
  BlockKind kind = BlockKind::multiplier;
  std::int64_t bits = 16;
  std::int64_t count = 1;
};

struct Buffer {
  std::string name;  ///< "NBin"
  std::int64_t bytes = 0;
};

/// A concrete machine: a published design with the user's overrides applied, resolved to integers
/// before cycle 0.
struct Spec {
  std::string machine;      ///< Folder name under accel/.
  std::string description;  ///< One line for `syncopate list`.
  int lanes = 1;            ///< Processing elements that walk steps together.
  int multipliers_per_lane = 1;
  std::int64_t clock_mhz = 1000;
  int word_bits = 16;  ///< Width of a neuron and a synapse in the datapath and in DRAM.
  int node_nm = 65;
  std::vector<Buffer> buffers;
  std::string dram = "ideal-25.6";  ///< Preset name, see data/dram/.
  std::vector<Action> actions;
  std::vector<Block> blocks;      ///< Empty when a machine's area is not modelled.
  double area_overhead = 0;       ///< Fraction on top of all blocks: control, wiring [assumed].
  std::vector<ParamInfo> params;  ///< As declared and resolved; the machine reads its own back.

  int multipliers() const { return lanes * multipliers_per_lane; }
  /// Value of a parameter; InternalError when the machine did not declare it.
  const std::string& param(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  bool flag(std::string_view name) const;
  /// Capacity of a buffer by name.
  std::int64_t buffer_bytes(std::string_view name) const;
};

}  // namespace syncopate::arch

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arch/spec.h"
#include "base/params.h"

namespace syncopate::cost {

/// One measured SRAM: capacity, and energies per bit in pJ.
struct SramPoint {
  double bytes = 0, read = 0, write = 0;
};

/// Energy of one action by its kind, width and memory, for a technology node. The numbers and their
/// sources are in data/energy/.
class EnergyTable {
 public:
  /// The table of a node (65, 45) with overrides of its plain values, e.g. dram_pj_per_bit=6.
  /// InputError lists the nodes for one without a table, and suggests the nearest key for an
  /// unknown override.
  static EnergyTable load(int node_nm, const Params& overrides = {});
  /// From YAML text; `source` names it in errors.
  static EnergyTable parse(const std::string& yaml, const std::string& source,
                           const Params& overrides = {});
  /// Nodes with a table, in nm, largest first.
  static std::vector<int> nodes();

  int node_nm() const { return node_nm_; }
  /// Energy of doing `action` once, in pJ.
  double picojoules(const arch::Action& action) const;
  /// Energy of one access of `bits` to an SRAM of `bytes`, in pJ.
  double sram(std::int64_t bytes, std::int64_t bits, bool write) const;
  /// As read, with overrides.
  const std::vector<ParamInfo>& params() const { return params_; }

 private:
  int node_nm_ = 0;
  double multiply_16_ = 0, multiply_exponent_ = 0, add_16_ = 0, add_exponent_ = 0;
  double register_bit_ = 0, logic_bit_ = 0, dram_bit_ = 0;
  std::vector<SramPoint> sram_;  ///< By rising capacity; at least two.
  std::vector<ParamInfo> params_;
};

/// Energy of one group of a machine's actions.
struct Part {
  std::string component;  ///< arch::Action::component.
  double picojoules = 0;
  bool dram = false;  ///< Off-chip.
};

/// Energy of `actions`, one count per entry of `spec.actions`, grouped by component in the order of
/// their first action. InternalError when the numbers of entries differ.
std::vector<Part> energy_of(const arch::Spec& spec, std::span<const std::int64_t> actions,
                            const EnergyTable& table);
/// Sum of the parts, in pJ.
double total(std::span<const Part> parts, bool with_dram);

}  // namespace syncopate::cost

#pragma once

#include <span>
#include <string>
#include <vector>

#include "arch/spec.h"
#include "base/params.h"

namespace syncopate::cost {

/// Area of a machine's blocks for a technology node. The numbers and their sources are in
/// data/area/.
class AreaTable {
 public:
  /// The table of a node; InputError lists the nodes for one without a table.
  static AreaTable load(int node_nm);
  /// From YAML text; `source` names it in errors.
  static AreaTable parse(const std::string& yaml, const std::string& source);

  /// Square millimeters of all `count` of a block.
  double mm2(const arch::Block& block) const;

 private:
  double multiply_16_ = 0, multiply_exponent_ = 0, add_16_ = 0, add_exponent_ = 0;
  double sram_bit_ = 0, small_sram_bit_ = 0, register_bit_ = 0, logic_bit_ = 0;
  std::int64_t small_sram_bytes_ = 0;
};

/// Area of one component of a machine.
struct AreaPart {
  std::string component;  ///< arch::Block::component.
  double mm2 = 0;
};

/// Area of a machine's blocks by component, in the order of their first block; empty for a machine
/// that declares none. `spec.area_overhead` is added to every component.
std::vector<AreaPart> area_of(const arch::Spec& spec, const AreaTable& table);
/// Sum of the parts, in square millimeters.
double total(std::span<const AreaPart> parts);

}  // namespace syncopate::cost

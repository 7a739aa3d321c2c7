#include "accel/fesa/isa.h"

#include "array/program.h"

namespace syncopate::accel::fesa {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "patterns", {{"number", 8}}});
    return arch::InstructionSet("fesa", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::fesa

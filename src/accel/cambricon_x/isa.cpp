#include "accel/cambricon_x/isa.h"

#include "array/program.h"

namespace syncopate::accel::cambricon_x {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "steps", {{"bits", 4}}});
    return arch::InstructionSet("cambricon_x", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::cambricon_x

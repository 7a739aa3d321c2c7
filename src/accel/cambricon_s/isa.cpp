#include "accel/cambricon_s/isa.h"

#include "array/program.h"

namespace syncopate::accel::cambricon_s {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back(
        {array::kFirstOwnOpcode, "synapses", {{"bits", 5}, {"block", 6}, {"entries", 9}}});
    return arch::InstructionSet("cambricon_s", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::cambricon_s

#include "accel/sparten/isa.h"

#include "array/program.h"

namespace syncopate::accel::sparten {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "chunks", {{"positions", 16}}});
    return arch::InstructionSet("sparten", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::sparten

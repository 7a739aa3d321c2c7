#include "accel/swallow/isa.h"

#include "array/program.h"

namespace syncopate::accel::swallow {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "barrier", {{"channels", 16}}});
    return arch::InstructionSet("swallow", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::swallow

#include "accel/spots/isa.h"

#include "array/program.h"

namespace syncopate::accel::spots {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "pieces", {{"number", 16}}});
    return arch::InstructionSet("spots", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::spots

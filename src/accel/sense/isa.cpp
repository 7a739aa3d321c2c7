#include "accel/sense/isa.h"

#include "array/program.h"

namespace syncopate::accel::sense {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("sense", [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "array", {{"side", 16}}});
    return formats;
  }());
  return set;
}

}  // namespace syncopate::accel::sense

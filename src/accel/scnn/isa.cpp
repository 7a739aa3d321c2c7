#include "accel/scnn/isa.h"

#include "array/program.h"

namespace syncopate::accel::scnn {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode, "planes", {{"kc", 32}}});
    return arch::InstructionSet("scnn", formats);
  }();
  return set;
}

}  // namespace syncopate::accel::scnn

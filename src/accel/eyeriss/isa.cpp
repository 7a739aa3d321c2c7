#include "accel/eyeriss/isa.h"

#include "array/program.h"

namespace syncopate::accel::eyeriss {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("eyeriss", array::base_formats());
  return set;
}

}  // namespace syncopate::accel::eyeriss

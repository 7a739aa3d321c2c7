#include "accel/systolic_dc/isa.h"

#include "array/program.h"

namespace syncopate::accel::systolic_dc {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("systolic_dc", array::base_formats());
  return set;
}

}  // namespace syncopate::accel::systolic_dc

#include "accel/zena/isa.h"

#include "array/program.h"

namespace syncopate::accel::zena {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("zena", array::base_formats());
  return set;
}

}  // namespace syncopate::accel::zena

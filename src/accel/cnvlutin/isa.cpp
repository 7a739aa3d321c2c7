#include "accel/cnvlutin/isa.h"

#include "array/program.h"

namespace syncopate::accel::cnvlutin {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("cnvlutin", array::base_formats());
  return set;
}

}  // namespace syncopate::accel::cnvlutin

#include "accel/diannao/isa.h"

#include "array/program.h"

namespace syncopate::accel::diannao {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("diannao", array::base_formats());
  return set;
}

}  // namespace syncopate::accel::diannao

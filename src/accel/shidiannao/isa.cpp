#include "accel/shidiannao/isa.h"

#include "array/program.h"

namespace syncopate::accel::shidiannao {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("shidiannao", array::base_formats());
  return set;
}

}  // namespace syncopate::accel::shidiannao

#pragma once

#include "arch/isa.h"

namespace syncopate::accel::sparten {

/// The common instructions of array machines and
///   chunks positions=   size of a chunk
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::sparten

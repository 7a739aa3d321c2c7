#pragma once

#include "arch/isa.h"

namespace syncopate::accel::cambricon_x {

/// The common instructions of array machines and
///   steps bits   width of a step index
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::cambricon_x

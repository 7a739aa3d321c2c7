#pragma once

#include "arch/isa.h"

namespace syncopate::accel::spots {

/// The common instructions of array machines and
///   pieces number=   pieces that the array is split into
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::spots

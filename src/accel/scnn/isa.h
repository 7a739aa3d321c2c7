#pragma once

#include "arch/isa.h"

namespace syncopate::accel::scnn {

/// The common instructions of array machines and
///   planes kc=   output channels of a group, which share the accumulators
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::scnn

#pragma once

#include "arch/isa.h"

namespace syncopate::accel::zena {

/// The common instructions of array machines: kernels are allocated to PEs by the controller, from
/// their masks.
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::zena

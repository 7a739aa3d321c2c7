#pragma once

#include "arch/isa.h"

namespace syncopate::accel::sense {

/// The common instructions and `array`, which sets the side of a PE's tile for a convolution.
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::sense

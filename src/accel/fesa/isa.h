#pragma once

#include "arch/isa.h"

namespace syncopate::accel::fesa {

/// The common instructions of array machines and
///   patterns number=   in the layer's table
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::fesa

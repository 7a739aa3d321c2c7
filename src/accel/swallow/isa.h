#pragma once

#include "arch/isa.h"

namespace syncopate::accel::swallow {

/// The common instructions of array machines and
///   barrier channels=   input maps between two barriers
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::swallow

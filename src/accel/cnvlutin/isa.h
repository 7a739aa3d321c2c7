#pragma once

#include "arch/isa.h"

namespace syncopate::accel::cnvlutin {

/// The common instructions of array machines; dense weights need no configuration of their own.
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::cnvlutin

#pragma once

#include "arch/isa.h"

namespace syncopate::accel::eyeriss {

/// The common instructions of array machines: how rows lie over the PEs follows from the layer.
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::eyeriss

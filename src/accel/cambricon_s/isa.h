#pragma once

#include "arch/isa.h"

namespace syncopate::accel::cambricon_s {

/// The common instructions of array machines and
///   synapses bits block entries   width of a stored synapse, inputs per index bit, codebook
///   entries
const arch::InstructionSet& isa();

}  // namespace syncopate::accel::cambricon_s

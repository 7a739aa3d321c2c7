#pragma once

#include "accel/flexflow/config.h"
#include "accel/flexflow/mapping.h"
#include "arch/isa.h"
#include "array/program.h"

namespace syncopate::accel::flexflow {

/// The common instructions and the machine's own: `flexflow` holds the fields of the two-word
/// format of flexflow.md section 3.5 [assumed], `stores` and `skip` configure local stores and
/// FlexFlow-Pro.
const arch::InstructionSet& isa();

/// A convolution as its instructions describe it.
struct LayerProgram {
  LayerSetup setup;
  Skip skip = Skip::none;
  std::int64_t slack = 1;  ///< 0: unbounded.
  std::int64_t n_min = 0, slices = 4;
  bool balanced = false;  ///< The layer's table holds a ChannelOrder.
};

/// Appends a convolution's own instructions.
void encode(const LayerProgram& layer, const map::Loops& loops,
            std::vector<sim::Instruction>& code);
/// Appends the configuration of the pooling unit for a window layer.
void encode_pooling(const map::Loops& loops, bool max, std::vector<sim::Instruction>& code);
/// InputError when the factors do not fit an array of `array` rows and columns.
LayerProgram decode(const array::DecodedLayer& layer, std::int64_t array);

}  // namespace syncopate::accel::flexflow

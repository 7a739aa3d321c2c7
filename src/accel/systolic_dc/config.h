#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/neurons.h"
#include "array/plain.h"
#include "base/params.h"
#include "map/tiling.h"

namespace syncopate::accel::systolic_dc {

/// The machine's numbers, and how a layer lies over its arrays.
struct Config {
  explicit Config(const arch::Spec& spec);

  std::int64_t arrays;  ///< Each works on one output map.
  std::int64_t side;    ///< PEs of an array: side x side.
  bool fifo_fill;       ///< Charge the time until the chain of PEs and FIFOs is full.
  std::int64_t fill_cycles;

  std::int64_t multipliers() const { return arrays * side * side; }
  array::ArrayShape shape(const map::Loops& loops) const;
  map::Grain grain(const map::Loops& loops) const;
};

/// Neurons lie map by map, dense.
inline constexpr array::NeuronFormat kNeurons{.block = 1};

/// Place in Spec::actions: a neuron moves on to the next PE, or through a FIFO.
inline constexpr std::size_t kShiftAct = array::kFirstOwnActWithoutIndex;

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::systolic_dc

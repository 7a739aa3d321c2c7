#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/neurons.h"
#include "array/plain.h"
#include "base/params.h"
#include "map/tiling.h"

namespace syncopate::accel::shidiannao {

/// The machine's numbers, and how a layer lies over its PEs.
struct Config {
  explicit Config(const arch::Spec& spec);

  std::int64_t rows, columns;  ///< Of PEs.
  bool classifier_outputs;     ///< Fully connected layers: a PE per output instead of per pixel.
  std::int64_t fill_cycles;

  std::int64_t pes() const { return rows * columns; }
  /// The layer has one pixel and the PEs are given to its outputs.
  bool by_outputs(const map::Loops& loops) const;
  array::ArrayShape shape(const map::Loops& loops) const;
  /// What one cycle unrolls.
  map::Grain grain(const map::Loops& loops) const;
};

/// Neurons lie map by map, dense.
inline constexpr array::NeuronFormat kNeurons{.block = 1};

/// Place in Spec::actions: a neuron passed from one PE to its neighbor.
inline constexpr std::size_t kPassAct = array::kFirstOwnActWithoutIndex;

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::shidiannao

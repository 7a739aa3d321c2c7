#pragma once

#include <cstdint>
#include <optional>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/neurons.h"
#include "array/plain.h"
#include "array/program.h"
#include "sim/layer_data.h"
#include "sim/machine.h"

namespace syncopate::array {

/// True sizes of neurons in DRAM, where they vary. `prefix` sums rectangles of a table, for whole
/// layers; otherwise elements are walked one by one, for single tiles.
class NeuronSizes {
 public:
  enum class By : std::uint8_t { prefix, walk };
  NeuronSizes(const sim::LayerData& data, const NeuronFormat& format, By by);
  std::int64_t input(const Piece& piece) const;
  std::int64_t second(const Piece& piece) const;
  std::int64_t output(const Piece& piece) const;
  /// The tables behind them; empty where sizes do not vary, or are walked.
  const std::optional<Density>& input_table() const { return input_; }
  const std::optional<Density>& second_table() const { return second_; }
  const std::optional<Density>& output_table() const { return output_; }

 private:
  std::int64_t bytes(const Piece& piece, const std::optional<Density>& density,
                     const NeuronMap& map, std::span<const std::int16_t> values) const;

  const sim::LayerData& data_;
  NeuronFormat format_;
  std::optional<Density> input_, second_, output_;
};

/// What is the same on all array machines and does not depend on the datapath: required pairs,
/// partial sums, buffers at their DMA side, DRAM, pipeline fill.
class Envelope {
 public:
  /// Keeps references to all but the last.
  Envelope(const arch::Spec& spec, const ArrayShape& shape, const DecodedLayer& layer,
           std::int64_t fill_cycles)
      : spec_(spec), shape_(shape), layer_(layer), fill_cycles_(fill_cycles) {}

  /// Of one tile, whose transfers come with dense sizes and get their true ones.
  void add(const map::TileBox& box, const NeuronSizes& sizes, sim::TileResult& result) const;
  /// Of all tiles of a layer, DMA and DRAM excepted.
  void add_layer(sim::Stats& stats) const;
  /// Cycles of pipeline fill, which are the first tile's.
  std::int64_t fill_cycles() const { return fill_cycles_; }

  /// Books a transfer of so many neurons (0 for weights) that happens `times` times.
  void book_load(const sim::Transfer& load, std::int64_t neurons, std::int64_t times,
                 sim::Stats& stats) const;
  /// Likewise of stores.
  void book_store(const sim::Transfer& store, std::int64_t neurons, std::int64_t times,
                  sim::Stats& stats) const;

 private:
  void book_neurons(std::int64_t neurons, std::int64_t times, sim::Stats& stats) const;
  /// Accesses to a memory that writing so many bits takes.
  std::int64_t rows(Act write, std::int64_t bits) const {
    return ceil_div(bits, spec_.actions[static_cast<std::size_t>(write)].bits);
  }
  void book_fill(sim::Stats& stats) const;

  const arch::Spec& spec_;
  const ArrayShape& shape_;
  const DecodedLayer& layer_;
  std::int64_t fill_cycles_;
};

/// A compressed transfer is one stretch: packing within its place is not modelled.
inline void shrink(sim::Transfer& transfer, std::int64_t bytes) {
  transfer.bytes = bytes;
  transfer.runs = 1;
  transfer.pitch = 0;
}

}  // namespace syncopate::array

#include "array/machine.h"

#include <tbb/parallel_for.h>

#include <cstring>
#include <optional>

#include "array/actions.h"
#include "array/neurons.h"
#include "array/plain.h"

namespace syncopate::array {
namespace {

/// Non-zeros of a piece, one element at a time.
std::int64_t walk_nonzero(const NeuronMap& map, std::span<const std::int16_t> values,
                          const Piece& piece) {
  std::int64_t found = 0;
  for (std::int64_t t = piece.low[0]; t < piece.high[0]; ++t) {
    for (std::int64_t y = piece.low[1]; y < piece.high[1]; ++y) {
      for (std::int64_t x = piece.low[2]; x < piece.high[2]; ++x) {
        const std::int64_t row =
            ((piece.batch * map.extent[0] + t) * map.extent[1] + y) * map.extent[2] + x;
        const std::int16_t* at = values.data() + (row * map.groups + piece.group) * map.channels;
        for (std::int64_t c = piece.channel0; c < piece.channel1; ++c) found += at[c] != 0;
      }
    }
  }
  return found;
}

}  // namespace

/// True sizes of neurons in DRAM. The counting engine sums rectangles of a prefix table, the
/// clocked engine walks the elements; without compression nothing needs to be known.
class ArrayMachine::Sizes {
 public:
  Sizes(const sim::LayerData& data, bool bitmap, bool prefix) : data_(data), bitmap_(bitmap) {
    if (!bitmap || !prefix) return;
    const map::Loops& loops = data.loops();
    input_.emplace(NeuronMap::input(loops), data.input_bits());
    output_.emplace(NeuronMap::output(loops), data.output());
    if (!data.second().empty()) second_.emplace(NeuronMap::output(loops), data.second());
  }
  bool bitmap() const { return bitmap_; }
  std::int64_t input(const Piece& p) const {
    return bytes(p, input_, NeuronMap::input(data_.loops()), data_.input());
  }
  std::int64_t second(const Piece& p) const {
    return bytes(p, second_, NeuronMap::output(data_.loops()), data_.second());
  }
  std::int64_t output(const Piece& p) const {
    return bytes(p, output_, NeuronMap::output(data_.loops()), data_.output());
  }

 private:
  static std::int64_t bytes(const Piece& piece, const std::optional<Density>& density,
                            const NeuronMap& map, std::span<const std::int16_t> values) {
    if (density) return density->bitmap_bytes(piece);
    return (piece.elements() + 7) / 8 + kNeuronBytes * walk_nonzero(map, values, piece);
  }

  const sim::LayerData& data_;
  bool bitmap_;
  std::optional<Density> input_, second_, output_;
};

namespace {

/// A compressed transfer is one stretch: packing within its place is not modelled.
void shrink(sim::Transfer& transfer, std::int64_t bytes) {
  transfer.bytes = bytes;
  transfer.runs = 1;
  transfer.pitch = 0;
}

void book_traffic(const sim::TileResult& result, std::int64_t row_bytes,
                  std::int64_t index_row_bytes, sim::Stats& stats) {
  for (const sim::Transfer& load : result.loads) {
    if (load.stream == sim::Stream::neurons) stats.neuron_read_bytes += load.bytes;
    if (load.stream == sim::Stream::synapses) {
      stats.synapse_read_bytes += load.bytes;
      tally(stats, Act::synapse_write, ceil_div(load.bytes, row_bytes));
    }
    if (load.stream == sim::Stream::index) {
      stats.index_read_bytes += load.bytes;
      tally(stats, Act::index_write, ceil_div(load.bytes, index_row_bytes));
    }
  }
  for (const sim::Transfer& store : result.stores) stats.write_bytes += store.bytes;
  tally(stats, Act::dram_read, stats.read_bytes() * 8);
  tally(stats, Act::dram_write, stats.write_bytes * 8);
}

}  // namespace

ArrayMachine::ArrayMachine(const arch::Spec& spec, const MachineTraits& traits,
                           std::unique_ptr<const ConvEngine> engine)
    : spec_(spec), traits_(traits), engine_(std::move(engine)) {}

std::vector<sim::Tile> ArrayMachine::tiles(const sim::Program& program, std::size_t layer) const {
  return decode_tiles(*traits_.isa, program, layer);
}

void ArrayMachine::start(const sim::Tile& tile, sim::TileResult& result) const {
  result.loads = tile.loads;
  result.stores = tile.stores;
  result.stats.actions.assign(spec_.actions.size(), 0);
}

/// Gives neuron transfers their true sizes; NBin holds neurons uncompressed.
void ArrayMachine::book_compressed(const sim::LayerData& data, const map::TileBox& box,
                                   const Sizes& sizes, sim::TileResult& result) const {
  const map::Loops& loops = data.loops();
  sim::Stats& stats = result.stats;
  const std::int64_t neuron_row = row_bytes(Act::neuron_write) / kNeuronBytes;
  thread_local std::vector<Piece> pieces;
  pieces.clear();
  if (box.load_neurons) {
    input_pieces(loops, box, pieces);
    const bool two = loops.kind == map::WorkKind::elementwise && data.gconv().kernel.has_value();
    for (std::size_t i = 0; i < pieces.size() * (two ? 2 : 1); ++i) {
      const Piece& piece = pieces[i % pieces.size()];
      tally(stats, Act::neuron_write, ceil_div(piece.elements(), neuron_row));
      shrink(result.loads[i], i < pieces.size() ? sizes.input(piece) : sizes.second(piece));
    }
  }
  if (!box.last) return;
  pieces.clear();
  output_pieces(loops, box, pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    tally(stats, Act::encode, pieces[i].elements());
    shrink(result.stores[i], sizes.output(pieces[i]));
  }
}

/// Bytes of one access to a memory.
std::int64_t ArrayMachine::row_bytes(Act act) const {
  return spec_.actions[static_cast<std::size_t>(act)].bits / 8;
}

/// What is the same on all array machines: required pairs, partial sums, DMA, pipeline fill.
void ArrayMachine::add_envelope(const sim::LayerData& data, const map::TileBox& box,
                                const Sizes& sizes, sim::TileResult& result) const {
  const map::Loops& loops = data.loops();
  sim::Stats& stats = result.stats;
  const std::int64_t outs = box.out1 - box.out0;
  const std::int64_t rows = box.pixels() * ceil_div(outs, spec_.lanes);
  stats.pairs_required = box.pixels() * outs * (box.in1 - box.in0) * loops.kernel_size();
  tally(stats, Act::sum_write, rows);
  if (!box.first) tally(stats, Act::sum_read, rows);
  if (box.last) tally(stats, Act::sum_read, rows);  // Drained to the DMA.

  if (sizes.bitmap()) {
    book_compressed(data, box, sizes, result);
  } else {
    for (const sim::Transfer& load : result.loads) {
      if (load.stream != sim::Stream::neurons) continue;
      tally(stats, Act::neuron_write, ceil_div(load.bytes, row_bytes(Act::neuron_write)));
    }
  }
  const bool index = spec_.actions.size() > static_cast<std::size_t>(Act::index_write);
  book_traffic(result, row_bytes(Act::synapse_write), index ? row_bytes(Act::index_write) : 1,
               stats);
  if (first_of_layer(box)) {
    stats.cycles += traits_.fill_cycles;
    stats[sim::Cause::fill] += traits_.fill_cycles * spec_.multipliers();
  }
}

std::vector<sim::TileResult> ArrayMachine::count(const sim::Program& program, std::size_t layer,
                                                 const sim::LayerData& data,
                                                 std::span<const sim::Tile> tiles) const {
  std::vector<sim::TileResult> results(tiles.size());
  using Range = tbb::blocked_range<std::size_t>;
  tbb::parallel_for(Range(0, tiles.size(), 64), [&](const Range& range) {
    for (std::size_t i = range.begin(); i < range.end(); ++i) {
      start(tiles[i], results[i]);
    }
  });
  if (data.loops().kind == map::WorkKind::conv) {
    engine_->count(data, decode_layer(*traits_.isa, program, layer), tiles, results);
  } else {
    const PlainCounter counter({spec_.lanes, spec_.multipliers()}, data);
    tbb::parallel_for(Range(0, tiles.size(), 8), [&](const Range& range) {
      for (std::size_t i = range.begin(); i < range.end(); ++i) {
        counter.count(tiles[i].box, results[i].stats);
      }
    });
  }
  const Sizes sizes(data, traits_.bitmap_neurons, true);
  tbb::parallel_for(Range(0, tiles.size(), 64), [&](const Range& range) {
    for (std::size_t i = range.begin(); i < range.end(); ++i) {
      add_envelope(data, tiles[i].box, sizes, results[i]);
    }
  });
  return results;
}

sim::ClockedTile ArrayMachine::clock(const sim::Program& program, std::size_t layer,
                                     const sim::Tile& tile, const sim::LayerData& data) const {
  const DecodedLayer config = decode_layer(*traits_.isa, program, layer);
  const map::TileBox& box = tile.box;
  sim::ClockedTile clocked;
  start(tile, clocked.result);
  clocked.sums.assign(static_cast<std::size_t>(box.pixels() * (box.out1 - box.out0)), 0);
  std::vector<std::byte> synapses, index, table;
  if (config.loops.weights && config.loops.kind != map::WorkKind::elementwise) {
    const Segments segments(config.loops, config.tiling);
    const DirectoryEntry entry =
        directory_entry(*program.image, config.directory, segments.number(box));
    synapses = program.image->read(entry.synapses, entry.synapse_bytes);
    index = program.image->read(entry.index, entry.index_bytes);
    table = program.image->read(config.table, config.table_bytes);
  }
  if (config.loops.kind == map::WorkKind::conv) {
    const Patches patches(data, box);
    engine_->clock({data, config, box, patches, synapses, index, table}, clocked.result.stats,
                   clocked.sums);
  } else {
    std::vector<std::int16_t> weights(synapses.size() / 2);
    if (!weights.empty()) std::memcpy(weights.data(), synapses.data(), synapses.size());
    clock_plain({spec_.lanes, spec_.multipliers()}, data, box, weights, clocked.result.stats,
                clocked.sums);
  }
  add_envelope(data, box, Sizes(data, traits_.bitmap_neurons, false), clocked.result);
  return clocked;
}

}  // namespace syncopate::array

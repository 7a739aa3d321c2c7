#include "array/envelope.h"

#include "array/program.h"

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

/// Entries of a run-length code in a piece. A run depends on what comes before it in the map, so
/// the walk begins there; what follows the piece does not matter.
std::int64_t walk_entries(const NeuronMap& map, std::int64_t run_bits,
                          std::span<const std::int16_t> values, const Piece& piece) {
  const std::int64_t longest = (std::int64_t{1} << run_bits) - 1;
  const std::int64_t pitch = map.groups * map.channels;  // From one pixel to the next.
  std::int64_t found = 0;
  for (std::int64_t c = piece.channel0; c < piece.channel1; ++c) {
    const std::int16_t* at =
        values.data() + piece.batch * map.plane() * pitch + piece.group * map.channels + c;
    std::int64_t zeros = 0;
    for (std::int64_t t = 0; t < piece.high[0]; ++t) {
      const bool last = t + 1 == piece.high[0];
      for (std::int64_t y = 0; y < (last ? piece.high[1] : map.extent[1]); ++y) {
        const bool inside = t >= piece.low[0] && y >= piece.low[1] && y < piece.high[1];
        for (std::int64_t x = 0; x < map.extent[2]; ++x, at += pitch) {
          const bool entry = *at != 0 || zeros == longest;
          zeros = entry ? 0 : zeros + 1;
          found += entry && inside && x >= piece.low[2] && x < piece.high[2];
        }
      }
    }
  }
  return found;
}

/// Blocks of `size` in an extent cut into tiles of `tile`, tails included.
std::int64_t covered(std::int64_t extent, std::int64_t tile, std::int64_t size) {
  const std::int64_t whole = extent / tile;
  return whole * ceil_div(tile, size) + ceil_div(extent % tile, size);
}

}  // namespace

NeuronSizes::NeuronSizes(const sim::LayerData& data, const NeuronFormat& format, By by)
    : data_(data), format_(format) {
  if (!format.varies() || by == By::walk) return;
  const map::Loops& loops = data.loops();
  const std::int64_t run = format.run_bits;
  input_.emplace(NeuronMap::input(loops, format), run, data.input_bits());
  output_.emplace(NeuronMap::output(loops, format), run, data.output());
  if (!data.second().empty()) second_.emplace(NeuronMap::output(loops, format), run, data.second());
}

std::int64_t NeuronSizes::bytes(const Piece& piece, const std::optional<Density>& density,
                                const NeuronMap& map, std::span<const std::int16_t> values) const {
  const std::int64_t entries = density ? density->entries(piece)
                               : format_.run_bits > 0
                                   ? walk_entries(map, format_.run_bits, values, piece)
                                   : walk_nonzero(map, values, piece);
  return format_.bytes(piece.elements(), entries);
}

std::int64_t NeuronSizes::input(const Piece& piece) const {
  return bytes(piece, input_, NeuronMap::input(data_.loops(), format_), data_.input());
}
std::int64_t NeuronSizes::second(const Piece& piece) const {
  return bytes(piece, second_, NeuronMap::output(data_.loops(), format_), data_.second());
}
std::int64_t NeuronSizes::output(const Piece& piece) const {
  return bytes(piece, output_, NeuronMap::output(data_.loops(), format_), data_.output());
}

/// NBin holds values; what their format keeps beside them on chip is in the index memory.
void Envelope::book_neurons(std::int64_t neurons, std::int64_t times, sim::Stats& stats) const {
  tally(stats, Act::neuron_write, rows(Act::neuron_write, neurons * spec_.word_bits) * times);
  const std::int64_t offsets = neurons * layer_.neurons.offset_bits;
  if (offsets > 0) tally(stats, Act::index_write, rows(Act::index_write, offsets) * times);
}

void Envelope::book_load(const sim::Transfer& load, std::int64_t neurons, std::int64_t times,
                         sim::Stats& stats) const {
  const std::int64_t bytes = load.bytes * times;
  switch (load.stream) {
    case sim::Stream::neurons:
      stats.neuron_read_bytes += bytes;
      book_neurons(neurons, times, stats);
      break;
    case sim::Stream::synapses:
      stats.synapse_read_bytes += bytes;
      tally(stats, Act::synapse_write, rows(Act::synapse_write, load.bytes * 8) * times);
      break;
    case sim::Stream::index:
      stats.index_read_bytes += bytes;
      tally(stats, Act::index_write, rows(Act::index_write, load.bytes * 8) * times);
      break;
    case sim::Stream::outputs:
      break;
  }
  tally(stats, Act::dram_read, bytes * 8);
}

void Envelope::book_store(const sim::Transfer& store, std::int64_t neurons, std::int64_t times,
                          sim::Stats& stats) const {
  stats.write_bytes += store.bytes * times;
  tally(stats, Act::dram_write, store.bytes * 8 * times);
  if (!layer_.neurons.dense()) tally(stats, Act::encode, neurons * times);
}

void Envelope::book_fill(sim::Stats& stats) const {
  stats.cycles += fill_cycles_;
  stats[sim::Cause::fill] += fill_cycles_ * spec_.multipliers();
}

void Envelope::add(const map::TileBox& box, const NeuronSizes& sizes,
                   sim::TileResult& result) const {
  const map::Loops& loops = layer_.loops;
  const bool varies = layer_.neurons.varies();
  sim::Stats& stats = result.stats;
  const std::int64_t sums = covering(shape_.sum_row, box);
  stats.pairs_required +=
      box.pixels() * (box.out1 - box.out0) * (box.in1 - box.in0) * loops.kernel_size();
  tally(stats, Act::sum_write, sums);
  if (!box.first) tally(stats, Act::sum_read, sums);
  if (box.last) tally(stats, Act::sum_read, sums);  // Drained to the DMA.
  if (first_of_layer(box)) book_fill(stats);

  std::vector<Piece> pieces;
  if (box.load_neurons) input_pieces(loops, layer_.neurons, box, pieces);
  for (std::size_t i = 0; i < result.loads.size(); ++i) {
    sim::Transfer& load = result.loads[i];
    if (load.stream != sim::Stream::neurons) {
      book_load(load, 0, 1, stats);
      continue;
    }
    const Piece& piece = pieces[i % pieces.size()];
    if (varies) shrink(load, i < pieces.size() ? sizes.input(piece) : sizes.second(piece));
    book_load(load, piece.elements(), 1, stats);
  }
  pieces.clear();
  if (box.last) output_pieces(loops, layer_.neurons, box, pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (varies) shrink(result.stores[i], sizes.output(pieces[i]));
    book_store(result.stores[i], pieces[i].elements(), 1, stats);
  }
}

void Envelope::add_layer(sim::Stats& stats) const {
  const map::Loops& loops = layer_.loops;
  const map::Tiling& tiling = layer_.tiling;
  std::int64_t sums =
      loops.batch * loops.groups * covered(loops.outs, tiling.outs, shape_.sum_row.outs);
  for (std::size_t d = 0; d < 3; ++d) {
    sums *= covered(loops.out[d], tiling.block[d], shape_.sum_row.pixels[d]);
  }
  sums *= ceil_div(loops.ins, tiling.ins);
  stats.pairs_required += loops.pairs();
  tally(stats, Act::sum_write, sums);
  tally(stats, Act::sum_read, sums);  // By all but the first, and drained by the last.
  book_fill(stats);
}

}  // namespace syncopate::array

#include "array/machine.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_pipeline.h>

#include <array>
#include <cstring>
#include <optional>

#include "array/actions.h"
#include "array/neurons.h"
#include "array/plain.h"
#include "array/sequence.h"

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

/// True sizes of neurons in DRAM, where they vary. The counting engine sums rectangles of a prefix
/// table, the clocked engine walks the elements.
class Sizes {
 public:
  Sizes(const sim::LayerData& data, const NeuronFormat& format, bool prefix)
      : data_(data), format_(format) {
    if (!format.varies() || !prefix) return;
    const map::Loops& loops = data.loops();
    input_.emplace(NeuronMap::input(loops, format), data.input_bits());
    output_.emplace(NeuronMap::output(loops, format), data.output());
    if (!data.second().empty()) second_.emplace(NeuronMap::output(loops, format), data.second());
  }
  std::int64_t input(const Piece& p) const {
    return bytes(p, input_, NeuronMap::input(data_.loops(), format_), data_.input());
  }
  std::int64_t second(const Piece& p) const {
    return bytes(p, second_, NeuronMap::output(data_.loops(), format_), data_.second());
  }
  std::int64_t output(const Piece& p) const {
    return bytes(p, output_, NeuronMap::output(data_.loops(), format_), data_.output());
  }

 private:
  std::int64_t bytes(const Piece& piece, const std::optional<Density>& density,
                     const NeuronMap& map, std::span<const std::int16_t> values) const {
    return format_.bytes(piece.elements(),
                         density ? density->nonzero(piece) : walk_nonzero(map, values, piece));
  }

  const sim::LayerData& data_;
  NeuronFormat format_;
  std::optional<Density> input_, second_, output_;
};

/// A compressed transfer is one stretch: packing within its place is not modelled.
void shrink(sim::Transfer& transfer, std::int64_t bytes) {
  transfer.bytes = bytes;
  transfer.runs = 1;
  transfer.pitch = 0;
}

void book_traffic(const arch::Spec& spec, const sim::TileResult& result, sim::Stats& stats) {
  const auto rows = [&](const sim::Transfer& load, Act write) {
    const std::int64_t bits = spec.actions[static_cast<std::size_t>(write)].bits;
    tally(stats, write, ceil_div(load.bytes * 8, bits));
  };
  std::int64_t read = 0, written = 0;
  for (const sim::Transfer& load : result.loads) {
    read += load.bytes;
    if (load.stream == sim::Stream::neurons) stats.neuron_read_bytes += load.bytes;
    if (load.stream == sim::Stream::synapses) {
      stats.synapse_read_bytes += load.bytes;
      rows(load, Act::synapse_write);
    }
    if (load.stream == sim::Stream::index) {
      stats.index_read_bytes += load.bytes;
      rows(load, Act::index_write);
    }
  }
  for (const sim::Transfer& store : result.stores) written += store.bytes;
  stats.write_bytes += written;
  tally(stats, Act::dram_read, read * 8);
  tally(stats, Act::dram_write, written * 8);
}

/// Of the pairs issued, all booked as work so far, some are effectual; the others are bubbles.
void book_effectual(std::int64_t effectual, sim::Stats& stats) {
  stats.pairs_effectual += effectual;
  stats[sim::Cause::work] += effectual - stats.pairs_issued;
  stats[sim::Cause::bubble] += stats.pairs_issued - effectual;
}

class ArrayRun : public sim::LayerRun {
 public:
  ArrayRun(const arch::Spec& spec, const MachineTraits& traits, const ConvEngine& engine,
           const sim::Program& program, std::size_t layer, const sim::LayerData& data);
  std::int64_t tiles() const override { return sequence_.size(); }
  sim::Tile tile(std::int64_t index) const override { return sequence_.tile(index); }
  sim::Stats count(const sim::TimeSink& sink) const override;
  sim::TileResult count_tile(std::int64_t index) const override;
  sim::ClockedTile clock(std::int64_t index) const override;

 private:
  using Totals = tbb::enumerable_thread_specific<sim::Stats>;
  sim::Stats zero() const;
  sim::TileResult start(const map::TileBox& box) const;
  void count_plain(Totals& totals, std::span<std::int64_t> cycles) const;
  void count_shapes(Totals& totals, std::span<std::int64_t> cycles) const;
  void count_blocks(Totals& totals, std::span<std::int64_t> cycles) const;
  void stream(Totals& totals, std::span<std::int64_t> cycles, const sim::TimeSink& sink) const;
  void stream_piece(std::int64_t begin, std::span<std::int64_t> cycles, const Sizes& sizes,
                    sim::Stats& stats, sim::TileTimes& times) const;
  void add_envelope(const map::TileBox& box, const Sizes& sizes, sim::TileResult& result) const;
  void book_neurons(const map::TileBox& box, const Sizes& sizes, sim::TileResult& result) const;
  std::int64_t row_bits(Act act) const;

  const arch::Spec& spec_;
  const MachineTraits& traits_;
  const ConvEngine& engine_;
  const sim::Image& image_;
  const sim::LayerData& data_;
  DecodedLayer layer_;
  TileSequence sequence_;
  ArrayShape shape_;
  std::unique_ptr<const ConvCounter> conv_;    ///< For convolutions,
  std::unique_ptr<const PlainCounter> plain_;  ///< for all else.
};

ArrayRun::ArrayRun(const arch::Spec& spec, const MachineTraits& traits, const ConvEngine& engine,
                   const sim::Program& program, std::size_t layer, const sim::LayerData& data)
    : spec_(spec),
      traits_(traits),
      engine_(engine),
      image_(*program.image),
      data_(data),
      layer_(decode_layer(*traits.isa, program, layer)),
      sequence_(layer_, *program.image),
      shape_(traits.shape ? traits.shape(layer_.loops)
                          : ArrayShape::lanes(spec.lanes, spec.multipliers())) {
  if (layer_.loops.kind == map::WorkKind::conv) {
    conv_ = engine.counter(data, layer_);
  } else {
    plain_ = std::make_unique<PlainCounter>(shape_, data);
  }
}

sim::Stats ArrayRun::zero() const {
  sim::Stats stats;
  stats.actions.assign(spec_.actions.size(), 0);
  return stats;
}

/// A tile's transfers, statistics zero.
sim::TileResult ArrayRun::start(const map::TileBox& box) const {
  sim::TileResult result;
  result.stats = zero();
  sequence_.transfers(box, result.loads, result.stores);
  return result;
}

/// Bits of one access to a memory.
std::int64_t ArrayRun::row_bits(Act act) const {
  return spec_.actions[static_cast<std::size_t>(act)].bits;
}

/// Writes to NBin, work of the encoder, and the true sizes of transfers that vary.
void ArrayRun::book_neurons(const map::TileBox& box, const Sizes& sizes,
                            sim::TileResult& result) const {
  const NeuronFormat& format = layer_.neurons;
  const map::Loops& loops = data_.loops();
  sim::Stats& stats = result.stats;
  thread_local std::vector<Piece> pieces;
  pieces.clear();
  if (box.load_neurons) {
    input_pieces(loops, format, box, pieces);
    const bool two = loops.kind == map::WorkKind::elementwise && data_.gconv().kernel.has_value();
    for (std::size_t i = 0; i < pieces.size() * (two ? 2 : 1); ++i) {
      const Piece& piece = pieces[i % pieces.size()];
      tally(stats, Act::neuron_write,
            ceil_div(piece.elements() * spec_.word_bits, row_bits(Act::neuron_write)));
      if (format.offset_bits > 0) {
        tally(stats, Act::index_write,
              ceil_div(piece.elements() * format.offset_bits, row_bits(Act::index_write)));
      }
      if (!format.varies()) continue;
      shrink(result.loads[i], i < pieces.size() ? sizes.input(piece) : sizes.second(piece));
    }
  }
  if (!box.last || format.dense()) return;
  pieces.clear();
  output_pieces(loops, format, box, pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    tally(stats, Act::encode, pieces[i].elements());
    if (format.varies()) shrink(result.stores[i], sizes.output(pieces[i]));
  }
}

/// What is the same on all array machines: required pairs, partial sums, DMA, pipeline fill.
void ArrayRun::add_envelope(const map::TileBox& box, const Sizes& sizes,
                            sim::TileResult& result) const {
  const map::Loops& loops = data_.loops();
  sim::Stats& stats = result.stats;
  const std::int64_t outs = box.out1 - box.out0;
  const std::int64_t rows = covering(shape_.sum_row, box);
  stats.pairs_required += box.pixels() * outs * (box.in1 - box.in0) * loops.kernel_size();
  tally(stats, Act::sum_write, rows);
  if (!box.first) tally(stats, Act::sum_read, rows);
  if (box.last) tally(stats, Act::sum_read, rows);  // Drained to the DMA.
  if (layer_.neurons.dense()) {
    for (const sim::Transfer& load : result.loads) {
      if (load.stream != sim::Stream::neurons) continue;
      tally(stats, Act::neuron_write, ceil_div(load.bytes * 8, row_bits(Act::neuron_write)));
    }
  } else {
    book_neurons(box, sizes, result);
  }
  book_traffic(spec_, result, stats);
  if (first_of_layer(box)) {
    stats.cycles += traits_.fill_cycles;
    stats[sim::Cause::fill] += traits_.fill_cycles * spec_.multipliers();
  }
}

using Range = tbb::blocked_range<std::int64_t>;

void ArrayRun::count_plain(Totals& totals, std::span<std::int64_t> cycles) const {
  tbb::parallel_for(Range(0, tiles(), 64), [&](const Range& range) {
    sim::Stats& stats = totals.local();
    for (std::int64_t i = range.begin(); i != range.end(); ++i) {
      const std::int64_t before = stats.cycles;
      plain_->count(sequence_.order().box(i), stats);
      cycles[static_cast<std::size_t>(i)] = stats.cycles - before;
    }
  });
}

/// Convolutions whose cycles do not depend on neurons.
void ArrayRun::count_shapes(Totals& totals, std::span<std::int64_t> cycles) const {
  tbb::parallel_for(Range(0, tiles(), 1024), [&](const Range& range) {
    const PixelMasks none;
    sim::Stats& stats = totals.local();
    map::TileStep step = sequence_.order().step(range.begin());
    for (std::int64_t i = range.begin(); i != range.end(); ++i, sequence_.order().advance(step)) {
      const std::int64_t before = stats.cycles;
      conv_->count(sequence_.order().box(step), none, stats);
      cycles[static_cast<std::size_t>(i)] = stats.cycles - before;
    }
  });
}

/// Convolutions, operand block by operand block: the tiles that read the same neurons.
void ArrayRun::count_blocks(Totals& totals, std::span<std::int64_t> cycles) const {
  const map::TileOrder& order = sequence_.order();
  static_cast<void>(data_.input_bits());  // Built here, not inside the loop below.
  const std::int64_t words = position_words(layer_.loops, layer_.tiling);
  const std::int64_t blocks = tiles() / order.out_blocks();
  tbb::parallel_for(Range(0, blocks, 4), [&](const Range& range) {
    PixelMasks neurons;
    sim::Stats& stats = totals.local();
    for (std::int64_t block = range.begin(); block != range.end(); ++block) {
      map::TileStep step = order.operand_block(block);
      neurons.load(data_, order.box(step), words);
      for (step.out = 0; step.out < order.out_blocks(); ++step.out) {
        const std::int64_t before = stats.cycles;
        conv_->count(order.box(step), neurons, stats);
        cycles[static_cast<std::size_t>(order.number(step))] = stats.cycles - before;
      }
    }
  });
}

/// Books the envelope of some tiles and lists their times.
void ArrayRun::stream_piece(std::int64_t begin, std::span<std::int64_t> cycles, const Sizes& sizes,
                            sim::Stats& stats, sim::TileTimes& times) const {
  const map::TileOrder& order = sequence_.order();
  map::TileStep step = order.step(begin);
  sim::TileResult result;
  result.stats = zero();
  for (const std::int64_t counted : cycles) {
    result.loads.clear();
    result.stores.clear();
    const map::TileBox box = order.box(step);
    sequence_.transfers(box, result.loads, result.stores);
    const std::int64_t before = result.stats.cycles;
    add_envelope(box, sizes, result);
    times.add(counted + result.stats.cycles - before, result.loads, result.stores);
    order.advance(step);
  }
  stats += result.stats;
}

/// Hands out all tiles in order, while others are prepared.
void ArrayRun::stream(Totals& totals, std::span<std::int64_t> cycles,
                      const sim::TimeSink& sink) const {
  constexpr std::int64_t kPiece = 512;
  constexpr std::size_t kPieces = 8;  ///< Prepared at a time.
  const Sizes sizes(data_, layer_.neurons, true);
  std::array<sim::TileTimes, kPieces> ring;
  std::int64_t next = 0;
  const auto feed = [&](tbb::flow_control& control) {
    const std::int64_t begin = next;
    if (begin >= tiles()) control.stop();
    next += kPiece;
    return begin;
  };
  const auto prepare = [&](std::int64_t begin) {
    // As many pieces are under way as there are places, and they leave in order.
    sim::TileTimes& times = ring[static_cast<std::size_t>(begin / kPiece) % kPieces];
    times.clear();
    const std::int64_t size = std::min(kPiece, tiles() - begin);
    stream_piece(begin,
                 cycles.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size)),
                 sizes, totals.local(), times);
    return &times;
  };
  const auto hand_out = [&](sim::TileTimes* times) {
    if (sink) sink(*times);
  };
  using tbb::filter_mode;
  tbb::parallel_pipeline(
      kPieces, tbb::make_filter<void, std::int64_t>(filter_mode::serial_in_order, feed) &
                   tbb::make_filter<std::int64_t, sim::TileTimes*>(filter_mode::parallel, prepare) &
                   tbb::make_filter<sim::TileTimes*, void>(filter_mode::serial_in_order, hand_out));
}

sim::Stats ArrayRun::count(const sim::TimeSink& sink) const {
  Totals totals([this] { return zero(); });
  std::vector<std::int64_t> cycles(static_cast<std::size_t>(tiles()));
  if (!conv_) {
    count_plain(totals, cycles);
  } else if (conv_->uses_neurons()) {
    count_blocks(totals, cycles);
  } else {
    count_shapes(totals, cycles);
  }
  stream(totals, cycles, sink);
  sim::Stats total = zero();
  for (const sim::Stats& part : totals) total += part;
  if (conv_) book_effectual(data_.effectual_pairs(), total);
  return total;
}

sim::TileResult ArrayRun::count_tile(std::int64_t index) const {
  const map::TileBox box = sequence_.order().box(index);
  sim::TileResult result = start(box);
  if (conv_) {
    PixelMasks neurons;
    if (conv_->uses_neurons()) {
      neurons.load(data_, box, position_words(layer_.loops, layer_.tiling));
    }
    conv_->count(box, neurons, result.stats);
    book_effectual(array::effectual_pairs(data_, box), result.stats);
  } else {
    plain_->count(box, result.stats);
  }
  add_envelope(box, Sizes(data_, layer_.neurons, false), result);
  return result;
}

sim::ClockedTile ArrayRun::clock(std::int64_t index) const {
  const map::TileBox box = sequence_.order().box(index);
  sim::ClockedTile clocked;
  clocked.result = start(box);
  clocked.sums.assign(static_cast<std::size_t>(box.pixels() * (box.out1 - box.out0)), 0);
  const DirectoryEntry entry = sequence_.weights(box);
  const auto read = [&](std::uint64_t address, std::int64_t bytes) {
    return bytes == 0 ? std::vector<std::byte>{} : image_.read(address, bytes);
  };
  const std::vector<std::byte> synapses = read(entry.synapses, entry.synapse_bytes);
  const std::vector<std::byte> index_bytes = read(entry.index, entry.index_bytes);
  if (conv_) {
    const std::vector<std::byte> table = read(layer_.table, layer_.table_bytes);
    const Patches patches(data_, box);
    engine_.clock({data_, layer_, box, patches, synapses, index_bytes, table}, clocked.result.stats,
                  clocked.sums);
  } else {
    std::vector<std::int16_t> weights(synapses.size() / 2);
    if (!weights.empty()) std::memcpy(weights.data(), synapses.data(), synapses.size());
    clock_plain(shape_, data_, box, weights, clocked.result.stats, clocked.sums);
  }
  add_envelope(box, Sizes(data_, layer_.neurons, false), clocked.result);
  return clocked;
}

}  // namespace

ArrayMachine::ArrayMachine(const arch::Spec& spec, const MachineTraits& traits,
                           std::unique_ptr<const ConvEngine> engine)
    : spec_(spec), traits_(traits), engine_(std::move(engine)) {}

std::unique_ptr<sim::LayerRun> ArrayMachine::open(const sim::Program& program, std::size_t layer,
                                                  const sim::LayerData& data) const {
  return std::make_unique<ArrayRun>(spec_, traits_, *engine_, program, layer, data);
}

}  // namespace syncopate::array

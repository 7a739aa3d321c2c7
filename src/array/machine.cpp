#include "array/machine.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_pipeline.h>

#include <array>
#include <cstring>
#include <optional>

#include "array/actions.h"
#include "array/envelope.h"
#include "array/neurons.h"
#include "array/plain.h"
#include "array/sequence.h"
#include "array/traffic.h"

namespace syncopate::array {
namespace {

using Range = tbb::blocked_range<std::int64_t>;

/// Bytes between a segment's synapses and its index that are worth reading along.
constexpr std::uint64_t kTogether = 4096;

/// Of the pairs issued, all booked as work so far, some are effectual; the others are bubbles.
void book_effectual(const ConvCounter& conv, std::int64_t effectual, sim::Stats& stats) {
  conv.count_effectual(effectual, stats);
  stats.pairs_effectual += effectual;
  stats[sim::Cause::work] += effectual - stats.pairs_issued;
  stats[sim::Cause::bubble] += stats.pairs_issued - effectual;
}

class ArrayRun : public sim::LayerRun {
 public:
  ArrayRun(const arch::Spec& spec, const MachineTraits& traits, const ConvEngine& engine,
           const sim::Image& image, DecodedLayer layer, const sim::LayerData& data);
  std::int64_t tiles() const override { return sequence_.size(); }
  sim::Tile tile(std::int64_t index) const override { return sequence_.tile(index); }
  sim::Stats count(const sim::TimeSink& sink) const override;
  map::TileBox box(std::int64_t index) const override { return sequence_.order().box(index); }
  sim::TileResult count_box(const map::TileBox& box) const override;
  sim::ClockedTile clock_box(const map::TileBox& box) const override;

 private:
  using Totals = tbb::enumerable_thread_specific<sim::Stats>;
  sim::Stats zero() const;
  sim::TileResult start(const map::TileBox& box) const;
  TileCycles count_tiles(Totals& totals) const;
  void count_plain(Totals& totals, TileCycles& cycles) const;
  void count_shapes(Totals& totals, TileCycles& cycles) const;
  void count_places(Totals& totals, TileCycles& cycles) const;
  void count_blocks(Totals& totals, TileCycles& cycles) const;

  const arch::Spec& spec_;
  const MachineTraits& traits_;
  const ConvEngine& engine_;
  const sim::Image& image_;
  const sim::LayerData& data_;
  DecodedLayer layer_;
  TileSequence sequence_;
  ArrayShape shape_;
  Envelope envelope_;
  std::unique_ptr<const ConvCounter> conv_;    ///< For convolutions,
  std::unique_ptr<const PlainCounter> plain_;  ///< for all else.
};

ArrayRun::ArrayRun(const arch::Spec& spec, const MachineTraits& traits, const ConvEngine& engine,
                   const sim::Image& image, DecodedLayer layer, const sim::LayerData& data)
    : spec_(spec),
      traits_(traits),
      engine_(engine),
      image_(image),
      data_(data),
      layer_(std::move(layer)),
      sequence_(layer_, image),
      shape_(traits.shape ? traits.shape(layer_.loops)
                          : ArrayShape::lanes(spec.lanes, spec.multipliers())),
      envelope_(spec, shape_, layer_, traits.fill_cycles) {
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

void ArrayRun::count_plain(Totals& totals, TileCycles& cycles) const {
  tbb::parallel_for(Range(0, tiles(), 64), [&](const Range& range) {
    sim::Stats& stats = totals.local();
    map::TileStep step = sequence_.order().step(range.begin());
    for (std::int64_t i = range.begin(); i != range.end(); ++i, sequence_.order().advance(step)) {
      const std::int64_t before = stats.cycles;
      plain_->count(sequence_.order().box(step), stats);
      cycles.at(i, step) = stats.cycles - before;
    }
  });
}

/// Convolutions whose cycles depend on weights and the number of pixels: a tile of each shape for
/// all.
void ArrayRun::count_shapes(Totals& totals, TileCycles& cycles) const {
  const map::TileOrder& order = sequence_.order();
  const auto& pixels = order.pixel_blocks();
  tbb::parallel_for(Range(0, layer_.loops.groups * order.out_blocks() * order.in_blocks(), 16),
                    [&](const Range& range) {
                      const PixelMasks none;
                      sim::Stats& stats = totals.local();
                      for (std::int64_t i = range.begin() * TileCycles::kShapes;
                           i != range.end() * TileCycles::kShapes; ++i) {
                        map::TileStep step;
                        std::int64_t times = layer_.loops.batch;
                        for (std::size_t d = 0; d < 3; ++d) {
                          const bool cut =
                              (i >> d & 1) != 0;  // The last block of pixels, which may be smaller.
                          times *= cut ? 1 : pixels[d] - 1;
                          if (cut) step.pixel[d] = pixels[d] - 1;
                        }
                        if (times == 0) continue;
                        const std::int64_t segment = i / TileCycles::kShapes;
                        step.in = segment % order.in_blocks();
                        step.out = segment / order.in_blocks() % order.out_blocks();
                        step.group = segment / order.in_blocks() / order.out_blocks();
                        sim::Stats one = zero();
                        conv_->count(order.box(step), none, one);
                        stats.add(one, times);
                        cycles.at(order.number(step), step) = one.cycles;
                      }
                    });
}

/// Convolutions whose cycles do not depend on neurons.
void ArrayRun::count_places(Totals& totals, TileCycles& cycles) const {
  tbb::parallel_for(Range(0, tiles(), 256), [&](const Range& range) {
    const PixelMasks none;
    sim::Stats& stats = totals.local();
    map::TileStep step = sequence_.order().step(range.begin());
    for (std::int64_t i = range.begin(); i != range.end(); ++i, sequence_.order().advance(step)) {
      const std::int64_t before = stats.cycles;
      conv_->count(sequence_.order().box(step), none, stats);
      cycles.at(i, step) = stats.cycles - before;
    }
  });
}

/// Convolutions, operand block by operand block: the tiles that read the same neurons.
void ArrayRun::count_blocks(Totals& totals, TileCycles& cycles) const {
  const map::TileOrder& order = sequence_.order();
  static_cast<void>(data_.input_bits());  // Built here, not inside the loop below.
  const std::int64_t words = position_words(layer_.loops, layer_.tiling);
  const std::int64_t blocks = tiles() / order.out_blocks();
  tbb::enumerable_thread_specific<std::unique_ptr<PixelMasks>> masks(
      [this] { return conv_->masks(); });
  tbb::parallel_for(Range(0, blocks, 4), [&](const Range& range) {
    const std::unique_ptr<PixelMasks>& neurons = masks.local();
    sim::Stats& stats = totals.local();
    for (std::int64_t block = range.begin(); block != range.end(); ++block) {
      map::TileStep step = order.operand_block(block);
      neurons->load(data_, order.box(step), words);
      for (step.out = 0; step.out < order.out_blocks(); ++step.out) {
        const std::int64_t before = stats.cycles;
        conv_->count(order.box(step), *neurons, stats);
        cycles.at(order.number(step), step) = stats.cycles - before;
      }
    }
  });
}

TileCycles ArrayRun::count_tiles(Totals& totals) const {
  const bool shapes = conv_ && !conv_->uses_neurons() && !conv_->uses_place();
  TileCycles cycles(sequence_.order(), layer_.loops.groups,
                    shapes ? TileCycles::Per::shape : TileCycles::Per::tile);
  if (!conv_) {
    count_plain(totals, cycles);
  } else if (conv_->uses_neurons()) {
    count_blocks(totals, cycles);
  } else if (shapes) {
    count_shapes(totals, cycles);
  } else {
    count_places(totals, cycles);
  }
  return cycles;
}

/// Hands out the times of all tiles in order, while others are listed.
void hand_out(const LayerTraffic& traffic, const TileCycles& cycles, std::int64_t tiles,
              std::int64_t fill_cycles, const sim::TimeSink& sink) {
  constexpr std::int64_t kPiece = 1024;
  constexpr std::size_t kPieces = 6;  ///< Under way at a time.
  std::array<sim::TileTimes, kPieces> ring;
  const auto list = [&](std::int64_t begin) {
    // As many pieces are under way as there are places, and they leave in order.
    sim::TileTimes& times = ring[static_cast<std::size_t>(begin / kPiece) % kPieces];
    times.clear();
    traffic.list(begin, std::min(tiles, begin + kPiece), cycles, sink.transfers, times);
    if (begin == 0) times.tiles[0].cycles += fill_cycles;
    return &times;
  };
  if (tiles <= kPiece) return sink(*list(0));
  std::int64_t next = 0;
  const auto feed = [&](tbb::flow_control& control) {
    const std::int64_t begin = next;
    if (begin >= tiles) control.stop();
    next += kPiece;
    return begin;
  };
  using tbb::filter_mode;
  tbb::parallel_pipeline(
      kPieces,
      tbb::make_filter<void, std::int64_t>(filter_mode::serial_in_order, feed) &
          tbb::make_filter<std::int64_t, sim::TileTimes*>(filter_mode::parallel, list) &
          tbb::make_filter<sim::TileTimes*, void>(
              filter_mode::serial_in_order, [&](const sim::TileTimes* times) { sink(*times); }));
}

sim::Stats ArrayRun::count(const sim::TimeSink& sink) const {
  Totals totals([this] { return zero(); });
  const TileCycles cycles = count_tiles(totals);
  sim::Stats total = zero();
  for (const sim::Stats& part : totals) total += part;
  if (conv_) book_effectual(*conv_, data_.effectual_pairs(), total);
  envelope_.add_layer(total);
  const NeuronSizes sizes(data_, layer_.neurons, NeuronSizes::By::prefix);
  const LayerTraffic traffic(layer_, sequence_, sizes, envelope_, total);
  if (sink) hand_out(traffic, cycles, tiles(), envelope_.fill_cycles(), sink);
  return total;
}

sim::TileResult ArrayRun::count_box(const map::TileBox& box) const {
  sim::TileResult result = start(box);
  if (conv_) {
    const std::unique_ptr<PixelMasks> neurons = conv_->masks();
    if (conv_->uses_neurons()) {
      neurons->load(data_, box, position_words(layer_.loops, layer_.tiling));
    }
    conv_->count(box, *neurons, result.stats);
    book_effectual(*conv_, array::effectual_pairs(data_, box), result.stats);
  } else {
    plain_->count(box, result.stats);
  }
  envelope_.add(box, NeuronSizes(data_, layer_.neurons, NeuronSizes::By::walk), result);
  return result;
}

/// A tile's weights in the image.
struct StoredWeights {
  std::vector<std::byte> bytes;
  std::span<const std::byte> synapses, index;  ///< In `bytes`.
};

StoredWeights read_weights(const sim::Image& image, const DirectoryEntry& entry) {
  StoredWeights read;
  std::uint64_t index = entry.synapse_bytes;  // Where it begins in what is read.
  const std::uint64_t end = entry.synapses + entry.synapse_bytes;
  if (entry.index_bytes > 0 && entry.index >= end && entry.index - end < kTogether) {
    // Side by side: a segment is encoded as a whole, so it is read as one.
    index = entry.index - entry.synapses;
    read.bytes = image.read(entry.synapses, static_cast<std::int64_t>(index + entry.index_bytes));
  } else {
    if (entry.synapse_bytes > 0) read.bytes = image.read(entry.synapses, entry.synapse_bytes);
    if (entry.index_bytes > 0) {
      const std::vector<std::byte> more = image.read(entry.index, entry.index_bytes);
      read.bytes.insert(read.bytes.end(), more.begin(), more.end());
    }
  }
  read.synapses = std::span(read.bytes).first(entry.synapse_bytes);
  read.index = std::span(read.bytes).subspan(index, entry.index_bytes);
  return read;
}

sim::ClockedTile ArrayRun::clock_box(const map::TileBox& box) const {
  sim::ClockedTile clocked;
  clocked.result = start(box);
  clocked.sums.assign(static_cast<std::size_t>(box.pixels() * (box.out1 - box.out0)), 0);
  const StoredWeights stored = read_weights(image_, sequence_.weights(box));
  const std::span<const std::byte> synapses = stored.synapses;
  if (conv_) {
    std::vector<std::byte> table;
    if (layer_.table_bytes > 0) table = image_.read(layer_.table, layer_.table_bytes);
    const Patches patches(data_, box);
    engine_.clock({data_, layer_, box, patches, synapses, stored.index, table},
                  clocked.result.stats, clocked.sums);
  } else {
    std::vector<std::int16_t> weights(synapses.size() / 2);
    if (!weights.empty()) std::memcpy(weights.data(), synapses.data(), synapses.size());
    clock_plain(shape_, data_, box, weights, clocked.result.stats, clocked.sums);
  }
  envelope_.add(box, NeuronSizes(data_, layer_.neurons, NeuronSizes::By::walk), clocked.result);
  return clocked;
}

/// DRAM bytes of a layer with the neurons as they are, from its transfers.
std::int64_t moved_bytes(const arch::Spec& spec, const DecodedLayer& layer, const sim::Image& image,
                         const NeuronSizes& sizes) {
  const ArrayShape shape = ArrayShape::lanes(spec.lanes, spec.multipliers());
  const Envelope envelope(spec, shape, layer, 0);
  sim::Stats stats;
  stats.actions.assign(spec.actions.size(), 0);
  LayerTraffic(layer, TileSequence(layer, image), sizes, envelope, stats);
  return stats.dram_bytes();
}

/// The alternative that moves the fewest bytes, the first of equals.
DecodedLayer choose(const arch::Spec& spec, const arch::InstructionSet& isa,
                    const sim::Program& program, std::size_t layer, const sim::LayerData& data) {
  const std::vector<sim::LayerCode> codes = alternatives(isa, program, layer);
  DecodedLayer best = decode_layer(isa, program, codes[0]);
  if (codes.size() == 1 || data.input().empty()) return best;
  const NeuronSizes sizes(data, best.neurons, NeuronSizes::By::prefix);
  std::int64_t least = moved_bytes(spec, best, *program.image, sizes);
  for (std::size_t i = 1; i < codes.size(); ++i) {
    DecodedLayer other = decode_layer(isa, program, codes[i]);
    if (!(other.loops == best.loops && other.neurons == best.neurons)) {
      fail("program: the alternatives of layer {} are not of one layer", layer);
    }
    const std::int64_t bytes = moved_bytes(spec, other, *program.image, sizes);
    if (bytes >= least) continue;
    least = bytes;
    best = std::move(other);
  }
  return best;
}

}  // namespace

ArrayMachine::ArrayMachine(const arch::Spec& spec, const MachineTraits& traits,
                           std::unique_ptr<const ConvEngine> engine)
    : spec_(spec), traits_(traits), engine_(std::move(engine)) {}

std::unique_ptr<sim::LayerRun> ArrayMachine::open(const sim::Program& program, std::size_t layer,
                                                  const sim::LayerData& data) const {
  return std::make_unique<ArrayRun>(spec_, traits_, *engine_, *program.image,
                                    choose(spec_, *traits_.isa, program, layer, data), data);
}

}  // namespace syncopate::array

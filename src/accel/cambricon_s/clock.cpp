#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/cambricon_s/engine.h"
#include "accel/cambricon_s/format.h"
#include "array/actions.h"
#include "array/bit_stream.h"
#include "base/simd.h"

namespace syncopate::accel::cambricon_s {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A neuron on its way to the PEs, with the indexing string's entry: where its synapse stands among
/// the stored ones of every lane.
struct Selected {
  std::int16_t neuron = 0;
  std::int32_t synapse = 0;
};

/// What one lane group's SIB and SBs hold for a tile.
struct GroupStore {
  std::vector<std::uint8_t> index;     ///< Per position 0 or 1, blocks expanded.
  std::vector<std::int16_t> synapses;  ///< [stored position][lane], as WDM delivers them.
  std::vector<std::int32_t> nonzero;   ///< [stored position] lanes whose synapse is not zero.
  std::int64_t stored = 0;             ///< Positions marked by the index.
  std::int64_t present = 0;            ///< Lanes with an output.
};

/// Neuron selector: ANDs the index with the neurons' own, and compacts what is left.
struct Nsm {
  bool skip_neurons = true;
  std::vector<Selected> selected;   ///< Of the step, in order of position.
  std::vector<std::int32_t> ends;   ///< Per window: number selected so far,
  std::vector<std::int32_t> marks;  ///< and number marked so far.

  /// Flags and prefix sums of a whole step, which the pipeline has ready when the step begins.
  void scan(std::span<const std::int16_t> neurons, const std::vector<std::uint8_t>& index,
            std::int64_t window) {
    selected.resize(neurons.size());
    ends.clear();
    marks.clear();
    std::int32_t position = 0;  // Prefix sum of the index: where the synapse stands.
    std::int32_t count = 0;     // Prefix sum of the flags: where the neuron goes.
    for (std::size_t i = 0; i < neurons.size();) {
      const std::size_t end = std::min(neurons.size(), i + static_cast<std::size_t>(window));
      for (; i < end; ++i) {
        // Written in any case, kept if flagged: flags are as good as random.
        selected[static_cast<std::size_t>(count)] = {neurons[i], position};
        count += index[i] & static_cast<std::int32_t>(!skip_neurons || neurons[i] != 0);
        position += index[i];
      }
      ends.push_back(count);
      marks.push_back(position);
    }
  }
};

/// Weight decoder: a code's value, or the value itself. Words are decoded once, as SBs are filled,
/// and booked where the hardware decodes them: in every step.
struct Wdm {
  std::vector<std::int16_t> lut;
  std::int16_t decode(std::uint16_t word) const {
    return lut.empty() ? static_cast<std::int16_t>(word) : lut[word];
  }
};

/// PEFU, sixteen multipliers and an adder tree per lane, for one cycle: the selected neurons
/// [begin, end) meet every lane's synapses. Returns how many products had two non-zero operands.
SYNCOPATE_MULTIVERSION std::int64_t issue(const Selected* begin, const Selected* end,
                                          const std::int16_t* synapses, const std::int32_t* nonzero,
                                          std::int64_t lanes, std::int64_t* accumulators) {
  std::int64_t effectual = 0;
  for (const Selected* s = begin; s != end; ++s) {
    const std::int32_t neuron = s->neuron;
    const std::int16_t* picked = synapses + s->synapse * lanes;  // By every lane's SSM.
    if (lanes == 16) {
      for (std::int64_t lane = 0; lane < 16; ++lane) accumulators[lane] += neuron * picked[lane];
    } else {
      for (std::int64_t lane = 0; lane < lanes; ++lane) accumulators[lane] += neuron * picked[lane];
    }
    effectual += neuron != 0 ? nonzero[s->synapse] : 0;
  }
  return effectual;
}

/// Work that shares the cycles of one barrier: a step in fifo mode, a window of it in window mode.
struct Pass {
  std::int64_t scans = 0;          ///< Windows NSM has still to scan.
  std::int64_t synapses = 0;       ///< Stored synapses SSM has still to scan.
  std::int32_t next = 0, end = 0;  ///< Selected neurons PEFU has still to take.
  bool done() const { return scans <= 0 && synapses <= 0 && next == end; }
};

/// The datapath at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats)
      : config_(config), tile_(tile), stats_(stats), layout_(tile.layer) {
    nsm_.skip_neurons = config.skip_neurons;
    wdm_.lut.resize(tile.table.size() / 2);
    if (!tile.table.empty()) std::memcpy(wdm_.lut.data(), tile.table.data(), tile.table.size());
  }
  void run(std::span<std::int64_t> sums);

 private:
  std::vector<GroupStore> load() const;
  void step(const GroupStore& store, std::int64_t* accumulators);
  void tick(Pass& pass, const GroupStore& store, std::int64_t* accumulators);

  const Config& config_;
  const array::ConvTile& tile_;
  sim::Stats& stats_;
  SynapseLayout layout_;
  Nsm nsm_;
  Wdm wdm_;
};

/// Unpacks the tile's segment into SIB and SBs.
std::vector<GroupStore> Datapath::load() const {
  const map::TileBox& box = tile_.box;
  const std::int64_t ins = box.in1 - box.in0, skip = box.in0 % layout_.block;
  array::BitReader index(tile_.index), synapses(tile_.synapses);
  std::vector<GroupStore> stores;
  for (std::int64_t out = box.out0; out < box.out1; out += config_.lanes) {
    GroupStore store;
    store.present = std::min(config_.lanes, box.out1 - out);
    for (std::int64_t k = 0; k < layout_.kernel; ++k) {
      bool marked = false;
      for (std::int64_t i = 0; i < ins; ++i) {
        if (i == 0 || (i + skip) % layout_.block == 0) marked = index.get(1) != 0;
        store.index.push_back(marked ? 1 : 0);
        store.stored += marked;
      }
    }
    store.synapses.resize(static_cast<std::size_t>(store.present * store.stored));
    store.nonzero.resize(static_cast<std::size_t>(store.stored));
    for (std::int64_t lane = 0; lane < store.present; ++lane) {
      for (std::int64_t s = 0; s < store.stored; ++s) {
        const std::int16_t synapse =
            wdm_.decode(static_cast<std::uint16_t>(synapses.get(layout_.bits)));
        store.synapses[static_cast<std::size_t>(s * store.present + lane)] = synapse;
        store.nonzero[static_cast<std::size_t>(s)] += synapse != 0;
      }
    }
    stores.push_back(std::move(store));
  }
  return stores;
}

/// One cycle.
void Datapath::tick(Pass& pass, const GroupStore& store, std::int64_t* accumulators) {
  // 1. NSM scans the next window of neurons and index for a step to come.
  --pass.scans;
  // 2. Every SSM walks on along its stored synapses.
  pass.synapses -= config_.synapse_window;
  // 3. PEFU takes up to a row of selected neurons; SSM and WDM deliver their synapses.
  const std::int32_t begin = pass.next;
  pass.next = std::min(pass.end, begin + static_cast<std::int32_t>(config_.width));
  const std::int64_t effectual =
      issue(nsm_.selected.data() + begin, nsm_.selected.data() + pass.next, store.synapses.data(),
            store.nonzero.data(), store.present, accumulators);
  // 4. Without a selected neuron the cycle belongs to the scan; else slots without a pair are
  //    underfilled, and pairs with a zero are bubbles.
  const std::int64_t multipliers = config_.lanes * config_.width;
  const std::int64_t issued = (pass.next - begin) * store.present;
  ++stats_.cycles;
  stats_.pairs_issued += issued;
  stats_.pairs_effectual += effectual;
  stats_[sim::Cause::work] += effectual;
  stats_[sim::Cause::bubble] += issued - effectual;
  stats_[pass.next == begin ? sim::Cause::index : sim::Cause::underfill] += multipliers - issued;
  tally(stats_, Act::multiply, issued);
  tally(stats_, Act::add, issued);
  tally(stats_, Act::pick, pass.next - begin + issued);
}

/// One step: 16 outputs at one pixel.
void Datapath::step(const GroupStore& store, std::int64_t* accumulators) {
  const std::size_t windows = nsm_.ends.size();
  if (config_.fifo) {
    Pass pass{static_cast<std::int64_t>(windows), store.stored, 0, nsm_.ends.back()};
    while (!pass.done()) tick(pass, store, accumulators);
  } else {
    for (std::size_t w = 0; w < windows; ++w) {
      const std::int32_t begin = w == 0 ? 0 : nsm_.ends[w - 1];
      Pass pass{1, nsm_.marks[w] - (w == 0 ? 0 : nsm_.marks[w - 1]), begin, nsm_.ends[w]};
      while (!pass.done()) tick(pass, store, accumulators);
    }
  }
  const StepReads reads = layout_.reads(tile_.box, store.stored);
  const std::int64_t positions = tile_.patches.positions();
  tally(stats_, Act::neuron_read, ceil_div(positions, config_.width));
  tally(stats_, Act::index_read, reads.index);
  tally(stats_, Act::synapse_read, store.present * reads.synapses);
  tally(stats_, Act::select, positions);
  if (!wdm_.lut.empty()) tally(stats_, Act::lookup, store.present * store.stored);
}

void Datapath::run(std::span<std::int64_t> sums) {
  const std::int64_t outs = tile_.box.out1 - tile_.box.out0;
  std::vector<std::int16_t> neurons(static_cast<std::size_t>(tile_.patches.positions()));
  std::int64_t first = 0;
  for (const GroupStore& store : load()) {
    for (std::int64_t pixel = 0; pixel < tile_.box.pixels(); ++pixel) {
      tile_.patches.values(pixel, neurons);
      nsm_.scan(neurons, store.index, config_.neuron_window);
      step(store, sums.data() + pixel * outs + first);
    }
    first += store.present;
  }
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats).run(sums);
}

}  // namespace syncopate::accel::cambricon_s

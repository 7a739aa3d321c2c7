#include <algorithm>
#include <optional>

#include "accel/flexflow/book.h"
#include "accel/flexflow/engine.h"
#include "accel/flexflow/masks.h"
#include "accel/flexflow/relaxed.h"
#include "array/actions.h"

namespace syncopate::accel::flexflow {
namespace {

using array::ceil_div;

RelaxedRules rules_of(const Config& config, const LayerProgram& layer) {
  RelaxedRules rules;
  rules.array = config.array;
  rules.slack = layer.slack;
  rules.refill = config.refill;
  rules.slices = layer.slices;
  rules.bus = config.fill == Fill::bus;
  return rules;
}

/// What the scanner makes of the pairs of a pass over `ins` inputs: see Segment.
struct Scan {
  std::vector<std::uint32_t> floors, minimum;
};

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);

  bool uses_neurons() const override { return layer_.skip != Skip::none || config_.compress; }
  std::unique_ptr<array::PixelMasks> masks() const override {
    return std::make_unique<Windows>(passes_, layer_.skip != Skip::synapse, config_.compress);
  }
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  Scan scan_of(std::int64_t ins) const;
  void fill_full_masks();
  TileWork count_dense(const map::TileBox& box, const Words& words, sim::Stats& stats) const;
  TileWork count_relaxed(const map::TileBox& box, const Words& words, const Windows& windows,
                         sim::Stats& stats) const;
  void run_pass(const map::TileBox& box, std::int64_t out0, std::int64_t pass, const Words& words,
                const Windows& windows, const SynapseBlock& synapses, RelaxedArray& array) const;
  /// Of Tm outputs; without masks when synapses are neither skipped nor compressed.
  const SynapseBlock& block(const map::TileBox& box, std::int64_t out0, std::int64_t pass) const {
    thread_local SynapseBlock scratch;
    static const SynapseBlock none;
    return synapses_ ? synapses_->block(box.group, out0, pass, scratch) : none;
  }

  const Config& config_;
  LayerProgram layer_;
  Passes passes_;
  bool one_pixel_;                        ///< Every row computes another map of the same pixel.
  std::optional<SynapseMasks> synapses_;  ///< When synapses are skipped or compressed.
  /// When synapses are not skipped: masks of Tm outputs that have all pairs, then as many without.
  std::vector<std::uint32_t> full_;
  std::vector<std::vector<std::int32_t>> alive_;  ///< By outputs in a block: rows that have one.
};

Passes passes_for(const Config& config, const sim::LayerData& data,
                  const array::DecodedLayer& layer, const LayerProgram& program) {
  const map::Loops& loops = data.loops();
  const Mapping mapping(loops, program.setup, config.array);
  if (!program.balanced) return {mapping, layer.tiling, plain_order(loops)};
  const auto weights = sim::weights_of(data.chain(), data.gconv(), loops);
  return {mapping, layer.tiling,
          balanced_order(*weights, layer.tiling, program.setup.factors.in.maps)};
}

/// Tiles that share weights.
std::int64_t uses(const map::Loops& loops, const map::Tiling& tiling) {
  std::int64_t tiles = loops.batch;
  for (std::size_t d = 0; d < 3; ++d) tiles *= ceil_div(loops.out[d], tiling.block[d]);
  return tiles;
}

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      layer_(decode(layer, config.array)),
      passes_(passes_for(config, data, layer, layer_)),
      one_pixel_(layer_.setup.factors.out == Side{16, 1, 1} && passes_.mapping().phases() == 1) {
  const bool skips = layer_.skip == Skip::synapse || layer_.skip == Skip::both;
  if (skips || config.compress) synapses_.emplace(data, passes_, uses(data.loops(), layer.tiling));
  if (!skips) fill_full_masks();
  const Side& out = layer_.setup.factors.out;
  for (std::int64_t outs = 0; outs <= out.maps; ++outs) {
    std::vector<std::int32_t> rows(static_cast<std::size_t>(passes_.lanes()), 0);
    std::fill_n(rows.begin(), outs * out.rows * out.cols, -1);
    alive_.push_back(std::move(rows));
  }
}

void Counter::fill_full_masks() {
  const std::int64_t entries = layer_.setup.factors.out.maps * passes_.mapping().phases();
  full_.assign(static_cast<std::size_t>(2 * entries * passes_.stride()), 0);
  std::fill_n(full_.begin(), entries * passes_.stride(), ~0U);
}

Scan Counter::scan_of(std::int64_t ins) const {
  Scan scan;
  const Mapping& mapping = passes_.mapping();
  const std::int64_t lanes = passes_.lanes(), slots = mapping.slots(ins);
  const std::int64_t columns = mapping.columns(ins);
  if (layer_.n_min != 0) {
    scan.minimum.assign(static_cast<std::size_t>(lanes), 0);
    std::fill_n(scan.minimum.begin(), columns, static_cast<std::uint32_t>(layer_.n_min));
  }
  if (layer_.slices == 4) return scan;
  scan.floors.assign(static_cast<std::size_t>(passes_.stride()), 0);
  for (std::int64_t at = 0; at < slots; at += 16) {
    const std::uint32_t floor = layer_.slices == 2 || at % 32 == 0 ? 1 : 1U << 16;
    for (std::int64_t c = 0; c < columns; ++c) {
      scan.floors[static_cast<std::size_t>(at / 32 * lanes + c)] |= floor;
    }
  }
  return scan;
}

/// All PEs take the same time.
TileWork Counter::count_dense(const map::TileBox& box, const Words& words,
                              sim::Stats& stats) const {
  const Mapping& mapping = passes_.mapping();
  const std::int64_t steps = mapping.steps(box), most = layer_.setup.segment_steps;
  TileWork work;
  work.issued = work.busy =
      box.pixels() * (box.out1 - box.out0) * (box.in1 - box.in0) * mapping.loops().kernel_size();
  std::int64_t through[2] = {0, 0}, filled = 0;
  const std::int64_t maps = layer_.setup.factors.out.maps;
  for (std::int64_t out = box.out0; out < box.out1; out += maps) {
    const std::int64_t outs = std::min(maps, box.out1 - out);
    for (std::int64_t p = 0; p < passes_.count(box.in0); ++p) {
      const std::int64_t pass = passes_.first(box.in0) + p, ins = passes_.ins(pass);
      const std::int64_t found = block(box, out, pass).nonzero;
      book_pass(config_, mapping, words.pass(ins, outs, found), ins, stats);
      if (config_.fill != Fill::bus) {
        through[0] += steps * mapping.slots(ins);
        continue;
      }
      for (std::int64_t begin = 0; begin < steps; begin += most) {
        const std::int64_t end = std::min(steps, begin + most);
        const std::int64_t gate = config_.refill == Refill::skew      ? through[1]
                                  : config_.refill == Refill::barrier ? through[0]
                                                                      : 0;
        filled = std::max(filled, gate) + words.segment(ins, outs, found, begin, end);
        work.refilling += std::max<std::int64_t>(0, filled - through[0]);
        through[1] = through[0];
        through[0] = std::max(through[0], filled) + (end - begin) * mapping.slots(ins);
      }
    }
  }
  work.cycles = through[0];
  return work;
}

void Counter::run_pass(const map::TileBox& box, std::int64_t out0, std::int64_t pass,
                       const Words& words, const Windows& windows, const SynapseBlock& synapses,
                       RelaxedArray& array) const {
  const Mapping& mapping = passes_.mapping();
  const std::int64_t outs = std::min(layer_.setup.factors.out.maps, box.out1 - out0);
  const std::int64_t ins = passes_.ins(pass), steps = windows.steps();
  const std::int64_t lanes = passes_.lanes(), most = layer_.setup.segment_steps;
  const Scan scan = scan_of(ins);
  Segment segment;
  segment.neurons = windows.masks(pass - passes_.first(box.in0));
  const std::int64_t entries = layer_.setup.factors.out.maps * mapping.phases();
  segment.synapses = full_.empty()
                         ? synapses.masks.data()
                         : full_.data() + (entries - outs * mapping.phases()) * passes_.stride();
  segment.words = passes_.words(pass);
  segment.one_pixel = one_pixel_;
  segment.stride = passes_.stride();
  segment.alive = alive_[static_cast<std::size_t>(outs)].data();
  if (!scan.floors.empty()) segment.floors = scan.floors.data();
  if (!scan.minimum.empty()) segment.minimum = scan.minimum.data();
  for (std::int64_t begin = 0; begin < steps; begin += most) {
    segment.steps = std::min(most, steps - begin);
    segment.neurons_at = windows.neurons_at() + begin * lanes;
    segment.synapses_at = windows.synapses_at() + begin * lanes;
    segment.present = windows.present() + begin * lanes;
    if (config_.fill == Fill::bus) {
      segment.refill_words =
          words.segment(ins, outs, synapses.nonzero, begin, begin + segment.steps);
    }
    array.run(segment);
  }
}

TileWork Counter::count_relaxed(const map::TileBox& box, const Words& words, const Windows& windows,
                                sim::Stats& stats) const {
  RelaxedArray relaxed(rules_of(config_, layer_));
  const Mapping& mapping = passes_.mapping();
  const std::int64_t maps = layer_.setup.factors.out.maps;
  TileWork work;
  for (std::int64_t out = box.out0; out < box.out1; out += maps) {
    const std::int64_t outs = std::min(maps, box.out1 - out);
    for (std::int64_t p = 0; p < passes_.count(box.in0); ++p) {
      const std::int64_t pass = passes_.first(box.in0) + p, ins = passes_.ins(pass);
      const SynapseBlock& synapses = block(box, out, pass);
      run_pass(box, out, pass, words, windows, synapses, relaxed);
      book_pass(config_, mapping, words.pass(ins, outs, synapses.nonzero), ins, stats);
      work.places += windows.steps() * config_.array * config_.array;
      work.used += outs * box.pixels() * mapping.columns(ins);
    }
  }
  work.cycles = relaxed.cycles();
  work.issued = relaxed.issued();
  work.busy = relaxed.busy();
  work.refilling = relaxed.refilling();
  return work;
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const Mapping& mapping = passes_.mapping();
  const auto* windows = dynamic_cast<const Windows*>(&neurons);
  const Words words(config_, mapping, box, windows == nullptr ? 0 : windows->nonzero());
  const TileWork work = layer_.skip == Skip::none ? count_dense(box, words, stats)
                                                  : count_relaxed(box, words, *windows, stats);
  book_work(config_, layer_, work, stats);
  book_tile(config_, mapping, box, work, passes_.count(box.in0), stats);
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::flexflow

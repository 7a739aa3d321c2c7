#include <algorithm>
#include <deque>
#include <mutex>
#include <vector>

#include "accel/zena/engine.h"
#include "accel/zena/match.h"
#include "accel/zena/schedule.h"
#include "accel/zena/stealing.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/masks.h"

namespace syncopate::accel::zena {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// Pairs of a layer's kernels and spatial tiles, and their schedule.
class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  /// Weights of the kernels of a box.
  std::span<const std::int32_t> nonzero(const map::TileBox& box) const {
    return {weights_.nonzeros(box.group, box.out0, box.in0),
            static_cast<std::size_t>(box.out1 - box.out0)};
  }
  const Allocation& usual(const map::TileBox& box) const;
  void count_pairs(const array::PixelMasks& neurons, const map::TileBox& box, const Split& split,
                   std::vector<std::int32_t>& pairs) const;

  const Config& config_;
  const array::DecodedLayer& layer_;
  array::OutputMasks weights_;
  array::Segments segments_;
  /// Kernels of every segment given to as many PEs as a full block's spatial tiles have; made on
  /// first use.
  std::int64_t usual_pes_;
  mutable std::vector<Allocation> usual_;
  mutable std::vector<std::once_flag> made_;
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      layer_(layer),
      weights_(data, layer.tiling),
      segments_(layer.loops, layer.tiling),
      usual_(static_cast<std::size_t>(segments_.size())),
      made_(usual_.size()) {
  const map::Tiling& tiling = layer.tiling;
  const Split full =
      split(config, tiling.block[0] * tiling.block[1] * tiling.block[2], tiling.outs);
  usual_pes_ = full.pe_begin(1);
}

const Allocation& Counter::usual(const map::TileBox& box) const {
  const auto segment = static_cast<std::size_t>(segments_.number(box));
  std::call_once(made_[segment], [&] { usual_[segment] = allocate(nonzero(box), usual_pes_); });
  return usual_[segment];
}

/// [spatial tile][kernel]: the neurons of a spatial tile's pixels, counted per position, meet the
/// kernel's mask.
void Counter::count_pairs(const array::PixelMasks& neurons, const map::TileBox& box,
                          const Split& split, std::vector<std::int32_t>& pairs) const {
  const std::int64_t words = weights_.words();
  const auto make = [&](TileCounts& made) {
    made.reset(words);
    for (std::int64_t part = 0; part < split.parts; ++part) {
      const std::int64_t first = split.pixel_begin(part);
      made.add(neurons.row(first), split.pixel_begin(part + 1) - first);
    }
  };
  // A last block of few kernels may be split in another way than the others.
  TileCounts others;
  const TileCounts* tiles = &neurons.derived<TileCounts>(make);
  if (tiles->tiles() != split.parts) {
    make(others);
    tiles = &others;
  }
  const std::int64_t kernels = box.out1 - box.out0;
  pairs.resize(static_cast<std::size_t>(split.parts * kernels));
  const std::uint64_t* masks = weights_.rows(box.group, box.out0, box.in0);
  for (std::int64_t k = 0; k < kernels; ++k, masks += words) {
    tiles->match(masks, pairs.data() + k, kernels);
  }
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const std::span<const std::int32_t> nonzero = this->nonzero(box);
  const auto kernels = static_cast<std::int64_t>(nonzero.size());
  const Split parts = split(config_, box.pixels(), kernels);
  thread_local std::vector<std::int32_t> pairs;
  count_pairs(neurons, box, parts, pairs);
  std::deque<Allocation> others;  // Sets of PEs differ in size by one at most.
  std::vector<const Allocation*> own;
  for (std::int64_t part = 0; part < parts.parts; ++part) {
    const std::int64_t pes = parts.pe_begin(part + 1) - parts.pe_begin(part);
    const auto same = [pes](const Allocation* a) { return std::ssize(a->begin) == pes + 1; };
    const auto known = std::find_if(own.begin(), own.end(), same);
    if (known != own.end()) {
      own.push_back(*known);
    } else if (pes == usual_pes_) {
      own.push_back(&usual(box));
    } else {
      own.push_back(&others.emplace_back(allocate(nonzero, pes)));
    }
  }
  const Outcome outcome = play(config_, {parts, own, nonzero, pairs});

  std::int64_t work = 0, synapse_rows = 0;
  for (const std::int32_t count : pairs) work += count;
  for (const std::int32_t count : nonzero) synapse_rows += ceil_div(count, config_.synapse_row);
  const std::int64_t jobs = parts.parts * kernels;
  const std::int64_t positions = (box.in1 - box.in0) * layer_.loops.kernel_size();
  const std::int64_t index = jobs * config_.kernel_overhead + outcome.stolen * config_.steal_cost;
  stats.cycles += outcome.cycles;
  stats.pairs_issued += work;
  stats[sim::Cause::work] += work;
  stats[sim::Cause::index] += index;
  stats[sim::Cause::imbalance] += outcome.worked * outcome.cycles - work - index;
  stats[sim::Cause::underfill] += (config_.pes() - outcome.worked) * outcome.cycles;
  tally(stats, Act::multiply, work);
  tally(stats, Act::add, work);
  tally(stats, Act::pick, 2 * work);
  tally(stats, kOperandRead, work);
  tally(stats, Act::neuron_read,
        (box.pixels() + outcome.moved_pixels) * ceil_div(positions, config_.neuron_row));
  tally(stats, Act::synapse_read, parts.parts * synapse_rows);
  tally(stats, Act::index_read, jobs * ceil_div(positions, config_.mask_row));
  tally(stats, Act::select, box.pixels() * kernels * positions);
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::zena

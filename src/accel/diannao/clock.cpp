#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/diannao/engine.h"
#include "array/actions.h"
#include "base/simd.h"

namespace syncopate::accel::diannao {
namespace {

using array::Act;
using array::tally;

/// Synapses of a tile as SB holds them: [output][kernel position][input].
class SynapseBuffer {
 public:
  SynapseBuffer(std::span<const std::byte> bytes, std::int64_t positions)
      : values_(bytes.size() / 2), positions_(positions) {
    if (!values_.empty()) std::memcpy(values_.data(), bytes.data(), bytes.size());
  }
  const std::int16_t* row(std::int64_t output, std::int64_t position) const {
    return values_.data() + output * positions_ + position;
  }

 private:
  std::vector<std::int16_t> values_;
  std::int64_t positions_;
};

/// One cycle of NFU: a row of neurons meets a row of synapses per lane, `stride` apart. Returns how
/// many products had two non-zero operands.
SYNCOPATE_MULTIVERSION std::int64_t issue(const std::int16_t* nbin, const std::int16_t* synapses,
                                          std::int64_t stride, std::int64_t width,
                                          std::int64_t lanes, std::int64_t* accumulators) {
  std::int64_t all = 0;
  for (std::int64_t lane = 0; lane < lanes; ++lane, synapses += stride) {
    // NFU-1 multiplies, NFU-2 adds, the partial sum rotates through NBout.
    std::int64_t tree = 0;
    std::int32_t effectual = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      tree += std::int32_t{nbin[i]} * std::int32_t{synapses[i]};
      effectual +=
          static_cast<std::int32_t>(nbin[i] != 0) & static_cast<std::int32_t>(synapses[i] != 0);
    }
    accumulators[lane] += tree;
    all += effectual;
  }
  return all;
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  const map::TileBox& box = tile.box;
  const std::int64_t outs = box.out1 - box.out0, ins = box.in1 - box.in0;
  const std::int64_t positions = tile.patches.positions();
  const SynapseBuffer sb(tile.synapses, positions);
  std::vector<std::int16_t> neurons(static_cast<std::size_t>(positions));
  // 1. Groups of 16 outputs outside, pixels inside: synapses stay, neurons stream.
  for (std::int64_t out = 0; out < outs; out += lanes_) {
    const std::int64_t present = std::min(lanes_, outs - out);
    for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) {
      tile.patches.values(pixel, neurons);
      std::int64_t* accumulators = sums.data() + pixel * outs + out;
      for (std::int64_t base = 0; base < positions; base += ins) {
        for (std::int64_t in = 0; in < ins; in += width_) {
          // 2. One cycle. NBin gives a row of neurons of one kernel position, SB a row per lane.
          const std::int64_t width = std::min(width_, ins - in);
          const std::int16_t* nbin = neurons.data() + base + in;
          const std::int64_t effectual =
              issue(nbin, sb.row(out, base + in), positions, width, present, accumulators);
          // 3. Every multiplier had a product of two non-zeros, of a zero, or no pair at all.
          const std::int64_t issued = present * width;
          ++stats.cycles;
          stats.pairs_issued += issued;
          stats.pairs_effectual += effectual;
          stats[sim::Cause::work] += effectual;
          stats[sim::Cause::bubble] += issued - effectual;
          stats[sim::Cause::underfill] += lanes_ * width_ - issued;
          tally(stats, Act::multiply, issued);
          tally(stats, Act::add, issued);
          tally(stats, Act::neuron_read, 1);
          tally(stats, Act::synapse_read, present);
        }
      }
    }
  }
}

}  // namespace syncopate::accel::diannao

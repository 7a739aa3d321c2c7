#include "accel/diannao/engine.h"
#include "array/actions.h"
#include "array/masks.h"

namespace syncopate::accel::diannao {

using array::Act;
using array::tally;

void Engine::count(const sim::LayerData& data, const array::DecodedLayer& layer,
                   std::span<const sim::Tile> tiles, std::span<sim::TileResult> results) const {
  const array::LaneMasks weights(data, layer.tiling, lanes_);
  const std::int64_t kernel = data.loops().kernel_size();
  array::for_each_operand_block(
      data, layer.tiling, tiles, weights.words(),
      [&](const array::PixelMasks& neurons, std::span<const std::uint32_t> block) {
        for (const std::uint32_t index : block) {
          const map::TileBox& box = tiles[index].box;
          sim::Stats& stats = results[index].stats;
          const std::int64_t pixels = box.pixels(), outs = box.out1 - box.out0;
          const std::int64_t ins = box.in1 - box.in0;
          std::int64_t effectual = 0;
          for (std::int64_t out = box.out0; out < box.out1; out += lanes_) {
            effectual +=
                neurons.effectual(weights.lane_counts(weights.entry(box.group, out, box.in0)));
          }
          const std::int64_t beats =
              pixels * array::ceil_div(outs, lanes_) * kernel * array::ceil_div(ins, width_);
          const std::int64_t issued = pixels * outs * kernel * ins;
          stats.cycles = beats;
          stats.pairs_issued = issued;
          stats.pairs_effectual = effectual;
          stats[sim::Cause::work] = effectual;
          stats[sim::Cause::bubble] = issued - effectual;
          stats[sim::Cause::underfill] = beats * lanes_ * width_ - issued;
          tally(stats, Act::multiply, issued);
          tally(stats, Act::add, issued);
          tally(stats, Act::neuron_read, beats);
          tally(stats, Act::synapse_read, pixels * outs * kernel * array::ceil_div(ins, width_));
        }
      });
}

}  // namespace syncopate::accel::diannao

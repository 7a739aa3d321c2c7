#include <algorithm>

#include "accel/eyeriss/engine.h"
#include "accel/eyeriss/row_sets.h"
#include "array/bit_counter.h"

namespace syncopate::accel::eyeriss {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const map::Loops& loops) : config_(config), loops_(loops) {}

  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override {
    const RowSets sets(config_, loops_, box);
    const std::int64_t outs = box.out1 - box.out0, ins = box.in1 - box.in0;
    const std::int64_t outputs = box.pixels() * outs, maps = outs * ins * loops_.kernel[0];
    const std::int64_t issued = outputs * ins * loops_.kernel_size();
    const std::int64_t multiplied = config_.gating ? outs * nonzero(neurons) : issued;
    stats.cycles += sets.cycles();
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += sets.cycles() * config_.pes() - issued;
    tally(stats, Act::multiply, multiplied);
    tally(stats, kFilterRead, multiplied);
    tally(stats, kSumUpdate, multiplied);
    tally(stats, kNeuronRead, issued);
    // Sums of a set's rows are added up along its columns.
    const std::int64_t passed = box.pixels() * maps * (loops_.kernel[1] - sets.chunks);
    tally(stats, kPass, passed);
    tally(stats, Act::add, multiplied + passed);
    // Every strip fills the filter stores anew.
    const std::int64_t frames = box.end[0] - box.begin[0];
    tally(stats, Act::synapse_read,
          frames * sets.strips * maps * ceil_div(loops_.kernel[1] * loops_.kernel[2], 4));
    tally(stats, kFilterWrite, frames * sets.strips * maps * loops_.kernel[1] * loops_.kernel[2]);
    tally(stats, Act::neuron_read,
          ceil_div(outs, sets.filters_at_once) * ceil_div(ins * area(box), 4));
    const std::int64_t again = (sets.passes - 1) * outs * frames * (box.end[1] - box.begin[1]) *
                               ceil_div(box.end[2] - box.begin[2], 4);
    tally(stats, Act::sum_read, again);
    tally(stats, Act::sum_write, again);
  }

 private:
  /// Neurons of all windows that are not zero: once per operand block.
  static std::int64_t nonzero(const array::PixelMasks& neurons) {
    return neurons.derived<std::int64_t>([&](std::int64_t& made) {
      made = array::count_bits(neurons.rows(), neurons.pixels() * neurons.words());
    });
  }
  /// Neurons of one map that the tile reads.
  std::int64_t area(const map::TileBox& box) const {
    std::int64_t product = 1;
    for (int d = 0; d < 3; ++d) {
      const auto i = static_cast<std::size_t>(d);
      const auto range = map::input_range(loops_, d, box.begin[i], box.end[i]);
      product *= range[1] - range[0];
    }
    return product;
  }

  Config config_;
  map::Loops loops_;
};

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer&) const {
  return std::make_unique<Counter>(config_, data.loops());
}

}  // namespace syncopate::accel::eyeriss

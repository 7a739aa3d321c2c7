#include <algorithm>

#include "accel/shidiannao/engine.h"
#include "array/actions.h"

namespace syncopate::accel::shidiannao {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const map::Loops& loops) : config_(config), loops_(loops) {}

  bool uses_neurons() const override { return false; }
  void count(const map::TileBox& box, const array::PixelMasks&, sim::Stats& stats) const override {
    const std::int64_t outs = box.out1 - box.out0, ins = box.in1 - box.in0;
    const std::int64_t kernel = loops_.kernel_size();
    const std::int64_t cycles = array::covering(config_.grain(loops_), box) * ins * kernel;
    const std::int64_t issued = box.pixels() * outs * ins * kernel;
    stats.cycles += cycles;
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += cycles * config_.pes() - issued;
    tally(stats, Act::multiply, issued);
    tally(stats, Act::add, issued);
    if (config_.by_outputs(loops_)) {
      tally(stats, Act::neuron_read, cycles);
      tally(stats, Act::synapse_read, issued);
      return;
    }
    tally(stats, Act::synapse_read, cycles);
    const Reads reads = map_reads(box);
    tally(stats, Act::neuron_read, outs * ins * loops_.kernel[0] * reads.rows);
    tally(stats, kPassAct, issued - outs * ins * loops_.kernel[0] * reads.neurons);
  }

 private:
  struct Reads {
    std::int64_t rows = 0, neurons = 0;  ///< Of NBin.
  };

  /// Reads for one input map and one slice of the kernel, over all blocks of PEs in a tile.
  Reads map_reads(const map::TileBox& box) const {
    const std::int64_t kh = loops_.kernel[1], kw = loops_.kernel[2];
    const std::int64_t down = std::min(kh, shift_of(loops_, 1));
    const std::int64_t right = std::min(kw, shift_of(loops_, 2));
    Reads total;
    const auto add = [&](std::int64_t times, std::int64_t neurons) {
      total.rows += times * ceil_div(neurons, config_.columns);
      total.neurons += times * neurons;
    };
    for (std::int64_t y = box.begin[1]; y < box.end[1]; y += config_.rows) {
      const std::int64_t h = std::min(config_.rows, box.end[1] - y);
      for (std::int64_t x = box.begin[2]; x < box.end[2]; x += config_.columns) {
        const std::int64_t w = std::min(config_.columns, box.end[2] - x);
        add(down * right, h * w);     // No neighbor has used them: all PEs read.
        add(down * (kw - right), h);  // The last column has no neighbor to the right.
        add((kh - down) * right, w);  // The last row has none below.
        add((kh - down) * (kw - right), 1);
      }
    }
    total.rows *= box.end[0] - box.begin[0];
    total.neurons *= box.end[0] - box.begin[0];
    return total;
  }

  Config config_;
  map::Loops loops_;
};

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer&) const {
  return std::make_unique<Counter>(config_, data.loops());
}

}  // namespace syncopate::accel::shidiannao

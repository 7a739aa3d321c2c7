#include <algorithm>

#include "accel/systolic/engine.h"

namespace syncopate::accel::systolic {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const map::Loops& loops)
      : config_(config), kernel_(loops.kernel_size()) {}

  bool uses_neurons() const override { return false; }
  bool uses_place() const override { return false; }
  void count(const map::TileBox& box, const array::PixelMasks&, sim::Stats& stats) const override {
    const std::int64_t outs = box.out1 - box.out0, pixels = box.pixels();
    const std::int64_t positions = (box.in1 - box.in0) * kernel_;
    const std::int64_t across = ceil_div(outs, config_.columns);
    const std::int64_t down = ceil_div(positions, config_.rows);
    // All passes but those with the last positions fill every row.
    const std::int64_t tail = positions - (down - 1) * config_.rows;
    std::int64_t cycles = std::max(pixels, config_.loading ? tail : 0);
    cycles += (down - 1) * std::max(pixels, config_.loading ? config_.rows : 0);
    const std::int64_t issued = pixels * outs * positions;
    stats.cycles += across * cycles;
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += across * down * pixels * config_.pes() - issued;
    stats[sim::Cause::fill] += across * (cycles - down * pixels) * config_.pes();
    tally(stats, Act::multiply, issued);
    tally(stats, Act::add, issued);
    tally(stats, Act::neuron_read, across * down * pixels);
    tally(stats, Act::synapse_read, outs * down);
    tally(stats, Act::sum_read, across * (down - 1) * pixels);
    tally(stats, Act::sum_write, across * (down - 1) * pixels);
    tally(stats, kNeuronHop, issued);
    tally(stats, kSumHop, issued);
  }

 private:
  Config config_;
  std::int64_t kernel_;
};

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer&) const {
  return std::make_unique<Counter>(config_, data.loops());
}

}  // namespace syncopate::accel::systolic

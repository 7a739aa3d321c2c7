#include <algorithm>

#include "accel/systolic_dc/engine.h"

namespace syncopate::accel::systolic_dc {
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
    const std::int64_t groups = ceil_div(outs, config_.arrays);
    const std::int64_t kernel = loops_.kernel_size();
    // Blocks of a slice of the kernel; their rows and columns add up to whole kernels.
    const std::int64_t down = ceil_div(loops_.kernel[1], config_.side);
    const std::int64_t across = ceil_div(loops_.kernel[2], config_.side);
    const std::int64_t blocks = loops_.kernel[0] * down * across;
    const std::int64_t cycles = box.pixels() * groups * ins * blocks;
    const std::int64_t issued = box.pixels() * outs * ins * kernel;
    stats.cycles += cycles;
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += cycles * config_.multipliers() - issued;
    if (config_.fifo_fill) {
      const std::int64_t slices = box.end[0] - box.begin[0];
      const std::int64_t fill = groups * ins * slices * loops_.kernel[0] * slice_fill(box);
      stats.cycles += fill;
      stats[sim::Cause::fill] += fill * config_.multipliers();
    }
    tally(stats, Act::multiply, issued);
    tally(stats, Act::add, issued);
    tally(stats, Act::neuron_read, groups * ins * down * across * streamed(box));
    tally(stats, Act::synapse_read, (box.end[0] - box.begin[0]) * outs * ins * kernel);
    // A shift per PE and per FIFO between rows.
    tally(
        stats, kShiftAct,
        issued + box.pixels() * outs * ins * loops_.kernel[0] * across * (loops_.kernel[1] - down));
    const std::int64_t again = box.pixels() * groups * (ins * blocks - 1);
    tally(stats, Act::sum_read, again);
    tally(stats, Act::sum_write, again);
  }

 private:
  /// Filling the chain for all blocks of one slice of the kernel.
  std::int64_t slice_fill(const map::TileBox& box) const {
    std::int64_t total = 0;
    for (std::int64_t y = 0; y < loops_.kernel[1]; y += config_.side) {
      for (std::int64_t x = 0; x < loops_.kernel[2]; x += config_.side) {
        total += chain_fill(loops_, box, std::min(config_.side, loops_.kernel[1] - y),
                            std::min(config_.side, loops_.kernel[2] - x));
      }
    }
    return total;
  }

  /// Neurons of one input map that enter the arrays, over the tile's slices and those of the
  /// kernel; those in the padding come from nowhere.
  std::int64_t streamed(const map::TileBox& box) const {
    const auto rows = map::input_range(loops_, 1, box.begin[1], box.end[1]);
    const auto columns = map::input_range(loops_, 2, box.begin[2], box.end[2]);
    std::int64_t slices = 0;
    for (std::int64_t t = box.begin[0]; t < box.end[0]; ++t) {
      for (std::int64_t k = 0; k < loops_.kernel[0]; ++k) {
        const std::int64_t at = t * loops_.stride[0] + k * loops_.dilation[0] - loops_.pad[0];
        slices += at >= 0 && at < loops_.in[0];
      }
    }
    return slices * (rows[1] - rows[0]) * (columns[1] - columns[0]);
  }

  Config config_;
  map::Loops loops_;
};

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer&) const {
  return std::make_unique<Counter>(config_, data.loops());
}

}  // namespace syncopate::accel::systolic_dc

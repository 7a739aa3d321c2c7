#include <tbb/parallel_for.h>

#include <algorithm>
#include <vector>

#include "accel/fesa/engine.h"
#include "accel/fesa/patterns.h"

namespace syncopate::accel::fesa {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// What the weights of a segment come to.
struct Work {
  std::int64_t positions = 0;  ///< Of all kernels.
  std::int64_t cycles = 0;     ///< Of one group of pixels, over all groups of output maps.
  std::int64_t index = 0;      ///< Of these, such in which no kernel has a weight.
  std::int64_t slots = 0;      ///< Kernel-cycles: per group, its kernels times its cycles.
  std::int64_t vain = 0;       ///< Of these, such without any weight.
};

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
      : config_(config),
        loops_(data.loops()),
        patterns_(data.constant(), config.patterns),
        segments_(layer.loops, layer.tiling),
        work_(static_cast<std::size_t>(segments_.size())) {
    tbb::parallel_for(std::int64_t{0}, segments_.size(), [this](std::int64_t s) {
      work_[static_cast<std::size_t>(s)] = measure(segments_.at(s));
    });
  }

  bool uses_neurons() const override { return false; }
  bool uses_place() const override { return false; }
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  Work measure(const array::Segment& segment) const;
  void measure_group(const array::Segment& segment, std::int64_t out, Work& work) const;

  const Config& config_;
  map::Loops loops_;
  Patterns patterns_;
  array::Segments segments_;
  std::vector<Work> work_;
};

Work Counter::measure(const array::Segment& s) const {
  Work work;
  for (std::int64_t out = s.out0; out < s.out1; out += config_.columns) {
    measure_group(s, out, work);
  }
  return work;
}

/// A group of output maps from `out` on.
void Counter::measure_group(const array::Segment& s, std::int64_t out, Work& work) const {
  const std::int64_t end = std::min(s.out1, out + config_.columns), kernels = end - out;
  const std::int64_t inputs = Config::by_inputs(loops_) ? config_.rows : 1;  // At once.
  std::int64_t cycles = 0;
  if (patterns_.row(0) == nullptr) {  // Kernels are whole.
    const std::int64_t size = patterns_.size(0);
    cycles = ceil_div(s.in1 - s.in0, inputs) * size;
    work.positions += kernels * (s.in1 - s.in0) * size;
  } else {
    std::vector<std::int64_t> most(static_cast<std::size_t>(ceil_div(s.in1 - s.in0, inputs)));
    for (std::int64_t o = out; o < end; ++o) {
      const std::uint8_t* row = patterns_.row(s.group * loops_.outs + o) + s.in0;
      for (std::int64_t in = 0; in < s.in1 - s.in0; ++in) {
        const std::int64_t size = patterns_.size(row[in]);
        std::int64_t& at = most[static_cast<std::size_t>(in / inputs)];
        at = std::max(at, size);
        work.positions += size;
      }
    }
    for (const std::int64_t size : most) cycles += size;
  }
  const std::int64_t vain = cycles == 0;  // Nothing to do takes a cycle to find out.
  work.cycles += cycles + vain;
  work.index += vain;
  work.slots += kernels * (cycles + vain);
  work.vain += kernels * vain;
}

void Counter::count(const map::TileBox& box, const array::PixelMasks&, sim::Stats& stats) const {
  const Work& work = work_[static_cast<std::size_t>(segments_.number(box))];
  const std::int64_t pixels = box.pixels(), groups = ceil_div(pixels, config_.rows);
  const std::int64_t kernels = (box.out1 - box.out0) * (box.in1 - box.in0);
  const std::int64_t issued = pixels * work.positions;
  // Rows at work: those with a pixel, or, in a layer of one pixel, all.
  const std::int64_t rows = Config::by_inputs(loops_) ? config_.rows : pixels;
  stats.cycles += groups * work.cycles;
  stats.pairs_issued += issued;
  stats[sim::Cause::work] += issued;
  stats[sim::Cause::index] += rows * work.vain;
  stats[sim::Cause::imbalance] += rows * (work.slots - work.vain) - issued;
  stats[sim::Cause::underfill] += groups * work.cycles * config_.pes() - rows * work.slots;
  tally(stats, Act::multiply, issued);
  tally(stats, Act::add, issued);
  // A weight goes down its column, neurons are broadcast along rows.
  tally(stats, Act::synapse_read, groups * work.positions);
  tally(stats, Act::neuron_read, groups * (work.cycles - work.index));
  if (patterns_.row(0) != nullptr) tally(stats, Act::index_read, groups * kernels);
  tally(stats, Act::pick, issued);  // A pattern picks its neuron.
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::fesa

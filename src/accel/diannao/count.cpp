#include "accel/diannao/engine.h"
#include "array/actions.h"

namespace syncopate::accel::diannao {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

class Counter : public array::ConvCounter {
 public:
  Counter(std::int64_t lanes, std::int64_t width, std::int64_t kernel)
      : lanes_(lanes), width_(width), kernel_(kernel) {}

  bool uses_neurons() const override { return false; }
  bool uses_place() const override { return false; }
  void count(const map::TileBox& box, const array::PixelMasks&, sim::Stats& stats) const override {
    const std::int64_t outs = box.out1 - box.out0, ins = box.in1 - box.in0;
    const std::int64_t rows = box.pixels() * kernel_ * ceil_div(ins, width_);
    const std::int64_t beats = rows * ceil_div(outs, lanes_);
    const std::int64_t issued = box.pixels() * kernel_ * ins * outs;
    stats.cycles += beats;
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += beats * lanes_ * width_ - issued;
    tally(stats, Act::multiply, issued);
    tally(stats, Act::add, issued);
    tally(stats, Act::neuron_read, beats);
    tally(stats, Act::synapse_read, rows * outs);
  }

 private:
  std::int64_t lanes_, width_, kernel_;
};

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer&) const {
  return std::make_unique<Counter>(lanes_, width_, data.loops().kernel_size());
}

}  // namespace syncopate::accel::diannao

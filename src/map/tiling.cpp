#include "map/tiling.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::map {
namespace {

/// Takes the innermost of some nested indices off a number.
std::int64_t take(std::int64_t& number, std::int64_t count) {
  const std::int64_t index = number % count;
  number /= count;
  return index;
}

bool has_weights(const Loops& loops) {
  return loops.weights && loops.kind != WorkKind::elementwise;
}

bool has_second(const Loops& loops) {
  return loops.kind == WorkKind::elementwise && (loops.weights || loops.second_operand);
}

/// Channels of neurons that a tile reads per input pixel.
std::int64_t neuron_channels(const Loops& loops, const TileBox& box) {
  return loops.kind == WorkKind::conv ? box.in1 - box.in0 : box.out1 - box.out0;
}

}  // namespace

std::array<std::int64_t, 2> input_range(const Loops& loops, int dim, std::int64_t begin,
                                        std::int64_t end) {
  const auto d = static_cast<std::size_t>(dim);
  const std::int64_t low = begin * loops.stride[d] - loops.pad[d];
  const std::int64_t high =
      (end - 1) * loops.stride[d] - loops.pad[d] + (loops.kernel[d] - 1) * loops.dilation[d] + 1;
  const std::int64_t first = std::clamp<std::int64_t>(low, 0, loops.in[d]);
  return {first, std::clamp<std::int64_t>(high, first, loops.in[d])};
}

TileOrder::TileOrder(const Loops& loops, const Tiling& tiling) : loops_(loops), tiling_(tiling) {
  double tiles = 1;
  const auto blocks = [&](std::int64_t extent, std::int64_t size) {
    if (extent < 1 || size < 1)
      fail("a layer of {} in tiles of {}: the program is damaged", extent, size);
    const std::int64_t count = (extent - 1) / size + 1;
    tiles *= static_cast<double>(count);
    return count;
  };
  blocks(loops.batch, 1);
  blocks(loops.groups, 1);
  outs_ = blocks(loops.outs, tiling.outs);
  ins_ = blocks(loops.ins, tiling.ins);
  for (std::size_t d = 0; d < 3; ++d) pixels_[d] = blocks(loops.out[d], tiling.block[d]);
  if (tiles > 0x1p40) fail("a layer of over 2^40 tiles: the program is damaged");
  all_pixels_ = pixels_[0] * pixels_[1] * pixels_[2];
  size_ = loops.batch * loops.groups * outs_ * all_pixels_ * ins_;
  count_loads();
}

/// A block of operands is loaded unless the previous tile used it: with several blocks of inputs
/// each tile needs another one, with a single one it depends on which loop is the inner one.
void TileOrder::count_loads() {
  const bool by_neurons = tiling_.order == Order::neuron_reuse;
  images_ = loops_.batch * all_pixels_;
  shared_ = loops_.kind == WorkKind::conv;
  synapse_loads_ = images_;
  if (shared_ && (ins_ > 1 || (!by_neurons && images_ > 1))) neuron_loads_ = outs_;
  if (ins_ == 1 && by_neurons && outs_ == 1) synapse_loads_ = loops_.groups == 1 ? 1 : loops_.batch;
  if (!by_neurons && (ins_ == 1 || tiling_.resident)) synapse_loads_ = 1;
}

TileStep TileOrder::step(std::int64_t number) const {
  TileStep step;
  const bool by_neurons = tiling_.order == Order::neuron_reuse;
  step.in = take(number, ins_);
  if (by_neurons) step.out = take(number, outs_);
  for (std::size_t d = 3; d-- > 0;) step.pixel[d] = take(number, pixels_[d]);
  if (by_neurons) {
    step.group = take(number, loops_.groups);
    step.batch = number;
  } else {
    step.batch = take(number, loops_.batch);
    step.out = take(number, outs_);
    step.group = number;
  }
  return step;
}

TileStep TileOrder::operand_block(std::int64_t number) const {
  TileStep step;
  step.in = take(number, ins_);
  for (std::size_t d = 3; d-- > 0;) step.pixel[d] = take(number, pixels_[d]);
  step.group = take(number, loops_.groups);
  step.batch = number;
  return step;
}

TileStep TileOrder::output_block(std::int64_t number) const {
  TileStep step;
  step.in = ins_ - 1;
  step.out = take(number, outs_);
  for (std::size_t d = 3; d-- > 0;) step.pixel[d] = take(number, pixels_[d]);
  step.group = take(number, loops_.groups);
  step.batch = number;
  return step;
}

bool TileOrder::advance(TileStep& step) const {
  const auto next = [](std::int64_t& index, std::int64_t count) {
    if (++index < count) return true;
    index = 0;
    return false;
  };
  auto& p = step.pixel;
  if (next(step.in, ins_)) return true;
  if (tiling_.order == Order::neuron_reuse) {
    return next(step.out, outs_) || next(p[2], pixels_[2]) || next(p[1], pixels_[1]) ||
           next(p[0], pixels_[0]) || next(step.group, loops_.groups) ||
           next(step.batch, loops_.batch);
  }
  return next(p[2], pixels_[2]) || next(p[1], pixels_[1]) || next(p[0], pixels_[0]) ||
         next(step.batch, loops_.batch) || next(step.out, outs_) || next(step.group, loops_.groups);
}

std::int64_t TileOrder::number(const TileStep& s) const {
  const std::int64_t pixel = pixel_number(s);
  if (tiling_.order == Order::neuron_reuse) {
    return (((s.batch * loops_.groups + s.group) * all_pixels_ + pixel) * outs_ + s.out) * ins_ +
           s.in;
  }
  return (((s.group * outs_ + s.out) * loops_.batch + s.batch) * all_pixels_ + pixel) * ins_ + s.in;
}

TileBox TileOrder::box(const TileStep& s) const {
  TileBox box;
  box.batch = s.batch;
  box.group = s.group;
  box.out0 = s.out * tiling_.outs;
  box.out1 = std::min(loops_.outs, box.out0 + tiling_.outs);
  box.in0 = s.in * tiling_.ins;
  box.in1 = std::min(loops_.ins, box.in0 + tiling_.ins);
  for (std::size_t d = 0; d < 3; ++d) {
    box.begin[d] = s.pixel[d] * tiling_.block[d];
    box.end[d] = std::min(loops_.out[d], box.begin[d] + tiling_.block[d]);
  }
  box.first = s.in == 0;
  box.last = s.in == ins_ - 1;
  box.load_neurons = loads_neurons(s);
  box.load_synapses = !has_weights(loops_) || loads_synapses(s);
  return box;
}

std::vector<TileBox> walk(const Loops& loops, const Tiling& tiling) {
  const TileOrder order(loops, tiling);
  std::vector<TileBox> boxes;
  boxes.reserve(static_cast<std::size_t>(order.size()));
  TileStep step;
  do {
    boxes.push_back(order.box(step));
  } while (order.advance(step));
  return boxes;
}

Traffic traffic(const Loops& loops, const Tiling& tiling, const Footprint& footprint) {
  Traffic total;
  for (const TileBox& box : walk(loops, tiling)) {
    if (box.load_neurons) {
      std::int64_t elements = neuron_channels(loops, box);
      for (int d = 0; d < 3; ++d) {
        const auto i = static_cast<std::size_t>(d);
        const auto [first, last] = input_range(loops, d, box.begin[i], box.end[i]);
        elements *= last - first;
      }
      total.neurons +=
          footprint.neuron_bytes * static_cast<double>(elements) * (has_second(loops) ? 2 : 1);
    }
    if (box.load_synapses && has_weights(loops)) {
      total.synapses += static_cast<double>(
          footprint.synapse_bytes(box.group, box.out0, box.out1, box.in0, box.in1));
      total.index += static_cast<double>(
          footprint.index_bytes(box.group, box.out0, box.out1, box.in0, box.in1));
    }
    if (box.last) {
      total.outputs +=
          footprint.output_bytes * static_cast<double>((box.out1 - box.out0) * box.pixels());
    }
  }
  return total;
}

std::string to_text(const Tiling& tiling) {
  return fmt::format("{} outs={} ins={} block={}x{}x{}{}{}",
                     tiling.order == Order::neuron_reuse ? "neuron_reuse" : "synapse_reuse",
                     tiling.outs, tiling.ins, tiling.block[0], tiling.block[1], tiling.block[2],
                     tiling.resident ? " resident" : "", tiling.streamed ? " streamed" : "");
}

}  // namespace syncopate::map

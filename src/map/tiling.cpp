#include "map/tiling.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::map {
namespace {

bool same_neurons(const Loops& loops, const TileStep& a, const TileStep& b) {
  const bool own_channels = loops.kind != WorkKind::conv;
  return a.batch == b.batch && a.group == b.group && a.pixel == b.pixel && a.in == b.in &&
         (!own_channels || a.out == b.out);
}

bool same_synapses(const TileStep& a, const TileStep& b) {
  return a.group == b.group && a.out == b.out && a.in == b.in;
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
}

TileStep TileOrder::step(std::int64_t number) const {
  TileStep step;
  std::int64_t rest = number;
  const auto take = [&](std::int64_t count) {
    const std::int64_t index = rest % count;
    rest /= count;
    return index;
  };
  const bool by_neurons = tiling_.order == Order::neuron_reuse;
  step.in = take(ins_);
  if (by_neurons) step.out = take(outs_);
  for (std::size_t d = 3; d-- > 0;) step.pixel[d] = take(pixels_[d]);
  if (by_neurons) {
    step.group = take(loops_.groups);
    step.batch = rest;
  } else {
    step.batch = take(loops_.batch);
    step.out = take(outs_);
    step.group = rest;
  }
  return step;
}

TileStep TileOrder::operand_block(std::int64_t number) const {
  TileStep step;
  const auto take = [&](std::int64_t count) {
    const std::int64_t index = number % count;
    number /= count;
    return index;
  };
  step.in = take(ins_);
  for (std::size_t d = 3; d-- > 0;) step.pixel[d] = take(pixels_[d]);
  step.group = take(loops_.groups);
  step.batch = number;
  return step;
}

/// Visits the loops' indices from the innermost to the outermost until `visit` returns true.
template <class Visit>
bool TileOrder::carry(TileStep& step, const Visit& visit) const {
  auto& p = step.pixel;
  if (visit(step.in, ins_)) return true;
  if (tiling_.order == Order::neuron_reuse) {
    return visit(step.out, outs_) || visit(p[2], pixels_[2]) || visit(p[1], pixels_[1]) ||
           visit(p[0], pixels_[0]) || visit(step.group, loops_.groups) ||
           visit(step.batch, loops_.batch);
  }
  return visit(p[2], pixels_[2]) || visit(p[1], pixels_[1]) || visit(p[0], pixels_[0]) ||
         visit(step.batch, loops_.batch) || visit(step.out, outs_) ||
         visit(step.group, loops_.groups);
}

bool TileOrder::advance(TileStep& step) const {
  return carry(step, [](std::int64_t& index, std::int64_t count) {
    if (++index < count) return true;
    index = 0;
    return false;
  });
}

bool TileOrder::retreat(TileStep& step) const {
  return carry(step, [](std::int64_t& index, std::int64_t count) {
    if (--index >= 0) return true;
    index = count - 1;
    return false;
  });
}

std::int64_t TileOrder::number(const TileStep& s) const {
  const std::int64_t pixel = (s.pixel[0] * pixels_[1] + s.pixel[1]) * pixels_[2] + s.pixel[2];
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
  TileStep before = s;
  const bool begins = !retreat(before);
  const bool again = tiling_.resident && tiling_.order == Order::synapse_reuse &&
                     (s.batch > 0 || s.pixel != std::array<std::int64_t, 3>{});
  box.load_neurons = begins || !same_neurons(loops_, s, before);
  box.load_synapses = !has_weights(loops_) || begins || !(again || same_synapses(s, before));
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

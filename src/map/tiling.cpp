#include "map/tiling.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::map {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Number of blocks along each loop.
struct Blocks {
  std::int64_t outs, ins;
  std::array<std::int64_t, 3> pixels;
  Blocks(const Loops& loops, const Tiling& tiling)
      : outs(ceil_div(loops.outs, tiling.outs)), ins(ceil_div(loops.ins, tiling.ins)) {
    for (std::size_t d = 0; d < 3; ++d) pixels[d] = ceil_div(loops.out[d], tiling.block[d]);
  }
  std::int64_t pixel_blocks() const { return pixels[0] * pixels[1] * pixels[2]; }
};

/// Position of a tile in its block loops.
struct Step {
  std::int64_t batch, group, out, pixel, in;
  bool operator==(const Step&) const = default;
};

TileBox box_of(const Loops& loops, const Tiling& tiling, const Blocks& blocks, const Step& step) {
  TileBox box;
  box.batch = step.batch;
  box.group = step.group;
  box.out0 = step.out * tiling.outs;
  box.out1 = std::min(loops.outs, box.out0 + tiling.outs);
  box.in0 = step.in * tiling.ins;
  box.in1 = std::min(loops.ins, box.in0 + tiling.ins);
  std::int64_t pixel = step.pixel;
  for (std::size_t d = 3; d-- > 0;) {
    box.begin[d] = pixel % blocks.pixels[d] * tiling.block[d];
    box.end[d] = std::min(loops.out[d], box.begin[d] + tiling.block[d]);
    pixel /= blocks.pixels[d];
  }
  box.first = step.in == 0;
  box.last = step.in == blocks.ins - 1;
  return box;
}

/// Calls visit(step) for every tile in execution order.
template <class Visit>
void for_each_step(const Loops& loops, const Tiling& tiling, const Blocks& blocks,
                   const Visit& visit) {
  const std::int64_t pixels = blocks.pixel_blocks();
  const auto inputs = [&](Step step) {
    for (step.in = 0; step.in < blocks.ins; ++step.in) visit(step);
  };
  if (tiling.order == Order::neuron_reuse) {
    for (std::int64_t b = 0; b < loops.batch; ++b) {
      for (std::int64_t g = 0; g < loops.groups; ++g) {
        for (std::int64_t p = 0; p < pixels; ++p) {
          for (std::int64_t o = 0; o < blocks.outs; ++o) inputs({b, g, o, p, 0});
        }
      }
    }
    return;
  }
  for (std::int64_t g = 0; g < loops.groups; ++g) {
    for (std::int64_t o = 0; o < blocks.outs; ++o) {
      for (std::int64_t b = 0; b < loops.batch; ++b) {
        for (std::int64_t p = 0; p < pixels; ++p) inputs({b, g, o, p, 0});
      }
    }
  }
}

bool same_neurons(const Loops& loops, const Step& a, const Step& b) {
  const bool own_channels = loops.kind != WorkKind::conv;
  return a.batch == b.batch && a.group == b.group && a.pixel == b.pixel && a.in == b.in &&
         (!own_channels || a.out == b.out);
}

bool same_synapses(const Step& a, const Step& b) {
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

std::vector<TileBox> walk(const Loops& loops, const Tiling& tiling) {
  const Blocks blocks(loops, tiling);
  std::vector<TileBox> boxes;
  boxes.reserve(static_cast<std::size_t>(loops.batch * loops.groups * blocks.pixel_blocks() *
                                         blocks.outs * blocks.ins));
  Step previous{-1, -1, -1, -1, -1};
  for_each_step(loops, tiling, blocks, [&](const Step& step) {
    TileBox& box = boxes.emplace_back(box_of(loops, tiling, blocks, step));
    box.load_neurons = !same_neurons(loops, step, previous);
    const bool again = tiling.resident && tiling.order == Order::synapse_reuse &&
                       (step.batch > 0 || step.pixel > 0);
    box.load_synapses = !has_weights(loops) || !(again || same_synapses(step, previous));
    previous = step;
  });
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

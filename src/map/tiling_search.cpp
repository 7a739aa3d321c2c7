// Compiled alone: other files of the folder have names of their own that are the same.
#include <algorithm>
#include <optional>

#include "base/error.h"
#include "map/tiling.h"

// The search behind choose_tiling. Traffic is separable: neurons depend on the pixel blocks through
// sums of input ranges per dimension, synapses on the output and input blocks through the
// footprint. Both are computed once per block size, so that a candidate costs a few
// multiplications. tiling_test.cpp shows that the result equals the count over walk().

namespace syncopate::map {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A block size in one pixel dimension.
struct PixelChoice {
  std::int64_t size = 1, count = 1;
  std::int64_t sum_inputs = 0;  ///< Input range, added over blocks.
  std::int64_t max_inputs = 0;  ///< The largest one.
};

/// The weights of a layer cut into blocks of one size.
struct WeightChoice {
  bool fits = true;
  bool resident = true;  ///< All input blocks of every output block fit together.
  std::int64_t synapse_bytes = 0, index_bytes = 0;  ///< All blocks.
};

/// Sizes worth trying for an extent: its even parts and powers of two, in steps of `step`,
/// descending.
std::vector<std::int64_t> sizes(std::int64_t extent, std::int64_t step, std::int64_t parts) {
  std::vector<std::int64_t> result;
  for (std::int64_t n = 1; n <= parts; ++n) {
    result.push_back(ceil_div(ceil_div(extent, n), step) * step);
  }
  for (std::int64_t size = step; size < extent; size *= 2) result.push_back(size);
  std::sort(result.rbegin(), result.rend());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

class Search {
 public:
  Search(const Loops& loops, const Capacity& capacity, const Footprint& footprint)
      : loops_(loops),
        capacity_(capacity),
        footprint_(footprint),
        grain_(capacity.grain),
        conv_(loops.kind == WorkKind::conv),
        weights_(loops.weights && loops.kind != WorkKind::elementwise),
        outs_(sizes(loops.outs, grain_.outs, 8)),
        ins_(conv_ ? sizes(loops.ins, grain_.ins, 8) : std::vector<std::int64_t>{grain_.ins}),
        known_weights_(outs_.size() * ins_.size()) {
    for (std::size_t d = 0; d < 3; ++d) grain_.pixels[d] = std::min(grain_.pixels[d], loops.out[d]);
  }

  Tiling run();

 private:
  std::vector<PixelChoice> pixel_choices(int dim) const;
  const WeightChoice& weights(std::size_t out, std::size_t in);
  WeightChoice cut_weights(std::int64_t outs, std::int64_t ins) const;
  void try_outputs(const std::array<std::vector<PixelChoice>, 3>& choices);
  void try_pixels(std::size_t out, const std::array<PixelChoice, 3>& pixels);
  void consider(const Tiling& tiling, const std::array<PixelChoice, 3>& pixels,
                const WeightChoice& weights);
  Tiling smallest() const;

  const Loops& loops_;
  const Capacity& capacity_;
  const Footprint& footprint_;
  Grain grain_;  ///< Pixels no more than the layer has, and fewer where the buffers are small.
  bool conv_, weights_;
  std::vector<std::int64_t> outs_, ins_;
  std::vector<std::optional<WeightChoice>> known_weights_;  ///< By sizes of outputs, then inputs.
  bool once_ = false;  ///< What stays on chip must be fetched once.
  std::optional<Tiling> best_;
  double best_bytes_ = 0;
  std::int64_t best_tiles_ = 0;
};

std::vector<PixelChoice> Search::pixel_choices(int dim) const {
  const std::int64_t extent = loops_.out[static_cast<std::size_t>(dim)];
  std::vector<PixelChoice> result;
  std::int64_t before = 0;
  for (std::int64_t size : sizes(extent, grain_.pixels[static_cast<std::size_t>(dim)], 12)) {
    size = std::min(size, extent);
    if (size == before) continue;
    before = size;
    PixelChoice choice{size, ceil_div(extent, size), 0, 0};
    for (std::int64_t begin = 0; begin < extent; begin += size) {
      const auto [first, last] = input_range(loops_, dim, begin, std::min(extent, begin + size));
      choice.sum_inputs += last - first;
      choice.max_inputs = std::max(choice.max_inputs, last - first);
    }
    result.push_back(choice);
  }
  return result;
}

const WeightChoice& Search::weights(std::size_t out, std::size_t in) {
  std::optional<WeightChoice>& known = known_weights_[out * ins_.size() + in];
  if (!known) known = cut_weights(outs_[out], ins_[in]);
  return *known;
}

WeightChoice Search::cut_weights(std::int64_t outs, std::int64_t ins) const {
  WeightChoice choice;
  if (!weights_) return choice;
  const auto fit = [&](std::int64_t synapses, std::int64_t index) {
    return synapses <= capacity_.synapse_bytes &&
           (capacity_.index_bytes == 0 || index <= capacity_.index_bytes);
  };
  for (std::int64_t g = 0; g < loops_.groups; ++g) {
    for (std::int64_t o = 0; o < loops_.outs; o += outs) {
      const std::int64_t out1 = std::min(loops_.outs, o + outs);
      std::int64_t all_synapses = 0, all_index = 0;
      for (std::int64_t i = 0; i < loops_.ins; i += ins) {
        const std::int64_t in1 = std::min(loops_.ins, i + ins);
        const std::int64_t synapses = footprint_.synapse_bytes(g, o, out1, i, in1);
        const std::int64_t index = footprint_.index_bytes(g, o, out1, i, in1);
        all_synapses += synapses;
        all_index += index;
        choice.fits = fit(synapses, index);
        if (!choice.fits) return choice;
      }
      choice.synapse_bytes += all_synapses;
      choice.index_bytes += all_index;
      choice.resident = choice.resident && fit(all_synapses, all_index);
    }
  }
  return choice;
}

/// Scores a tiling that fits.
void Search::consider(const Tiling& tiling, const std::array<PixelChoice, 3>& pixels,
                      const WeightChoice& weights) {
  const std::int64_t out_blocks = ceil_div(loops_.outs, tiling.outs);
  const std::int64_t in_blocks = ceil_div(loops_.ins, tiling.ins);
  const std::int64_t pixel_blocks = pixels[0].count * pixels[1].count * pixels[2].count;
  const std::int64_t images = loops_.batch * pixel_blocks;
  const bool by_neurons = tiling.order == Order::neuron_reuse;
  // How often each neuron of a pixel block, and each synapse, is loaded.
  std::int64_t neuron_loads = out_blocks, synapse_loads = images;
  if (in_blocks == 1) {
    if (by_neurons || images == 1) neuron_loads = 1;
    if (!by_neurons) synapse_loads = 1;
    if (by_neurons && out_blocks == 1) synapse_loads = loops_.groups == 1 ? 1 : loops_.batch;
  }
  if (tiling.resident) synapse_loads = 1;
  if (!conv_) neuron_loads = 1;
  if (once_ && (by_neurons ? neuron_loads : synapse_loads) > 1) return;
  const std::int64_t channels = conv_ ? loops_.groups * loops_.ins : loops_.outs;
  const std::int64_t neurons =
      pixels[0].sum_inputs * pixels[1].sum_inputs * pixels[2].sum_inputs * loops_.batch * channels;
  const double bytes =
      footprint_.neuron_bytes * static_cast<double>(neurons * neuron_loads) +
      static_cast<double>((weights.synapse_bytes + weights.index_bytes) * synapse_loads);
  const std::int64_t tiles = images * loops_.groups * out_blocks * in_blocks;
  if (best_ && (bytes > best_bytes_ || (bytes == best_bytes_ && tiles >= best_tiles_))) return;
  best_ = tiling;
  best_bytes_ = bytes;
  best_tiles_ = tiles;
}

/// The largest input block that fits beside a block of outputs and pixels, in both orders.
void Search::try_pixels(std::size_t out, const std::array<PixelChoice, 3>& pixels) {
  const std::int64_t outs = outs_[out];
  const std::int64_t used_outs = std::min(outs, loops_.outs);
  const std::int64_t area = pixels[0].max_inputs * pixels[1].max_inputs * pixels[2].max_inputs;
  if (used_outs * pixels[0].size * pixels[1].size * pixels[2].size > capacity_.partial_sums) return;
  for (std::size_t in = 0; in < ins_.size(); ++in) {
    const std::int64_t ins = ins_[in];
    const std::int64_t channels = conv_ ? std::min(ins, loops_.ins) : used_outs;
    if (area * channels > capacity_.neurons) continue;
    const WeightChoice& block = weights(out, in);
    if (!block.fits) continue;
    Tiling tiling{Order::neuron_reuse,
                  outs,
                  ins,
                  {pixels[0].size, pixels[1].size, pixels[2].size},
                  false,
                  false};
    if (capacity_.order != Order::synapse_reuse) consider(tiling, pixels, block);
    if (capacity_.order == Order::neuron_reuse) return;
    tiling.order = Order::synapse_reuse;
    tiling.resident = weights_ && ins < loops_.ins && block.resident;
    consider(tiling, pixels, block);
    return;
  }
}

void Search::try_outputs(const std::array<std::vector<PixelChoice>, 3>& choices) {
  for (std::size_t out = 0; out < outs_.size(); ++out) {
    for (const PixelChoice& t : choices[0]) {
      for (const PixelChoice& h : choices[1]) {
        for (const PixelChoice& w : choices[2]) try_pixels(out, {t, h, w});
      }
    }
  }
}

/// What remains when nothing fits: one pixel, one output per lane, streamed.
Tiling Search::smallest() const {
  if (std::min(grain_.outs, loops_.outs) > capacity_.partial_sums) {
    fail("the partial sums of {} lanes do not fit the output buffer ({} per tile)", grain_.outs,
         capacity_.partial_sums);
  }
  return {capacity_.order.value_or(Order::neuron_reuse),
          grain_.outs,
          grain_.ins,
          {1, 1, 1},
          false,
          true};
}

Tiling Search::run() {
  for (;;) {
    const std::array<std::vector<PixelChoice>, 3> choices = {pixel_choices(0), pixel_choices(1),
                                                             pixel_choices(2)};
    for (const bool once : {true, false}) {
      if (once && !capacity_.once) continue;
      once_ = once;
      try_outputs(choices);
      if (best_) return *best_;
    }
    std::int64_t& most = *std::max_element(grain_.pixels.begin(), grain_.pixels.end());
    if (most == 1) return smallest();
    most = ceil_div(most, 2);
  }
}

}  // namespace

Tiling choose_tiling(const Loops& loops, const Capacity& capacity, const Footprint& footprint) {
  return Search(loops, capacity, footprint).run();
}

}  // namespace syncopate::map

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "map/loops.h"

namespace syncopate::map {

/// Which operand stays on chip while the other streams. Output-stationary throughout: partial sums
/// never leave the chip.
enum class Order : std::uint8_t {
  neuron_reuse,  ///< Loops batch, group, pixels, outputs, inputs: neurons stay, weights stream.
  synapse_reuse  ///< Loops group, outputs, batch, pixels, inputs: weights stay, neurons stream.
};

/// Block sizes of one layer; the input block spans the whole kernel window.
struct Tiling {
  Order order = Order::neuron_reuse;
  std::int64_t outs = 16;  ///< Outputs per tile; a multiple of the grain except in the last tile.
  std::int64_t ins = 16;   ///< Input channels per tile.
  std::array<std::int64_t, 3> block{1, 1, 1};  ///< Output pixels per tile {T, H, W}.
  /// With synapse_reuse: the weights of an output block stay on chip for all its inputs, block by
  /// block, while pixels pass. They are loaded once although neurons come in several input blocks.
  bool resident = false;
  /// The smallest tile (one pixel, one grain of channels) exceeds the neuron or synapse buffer. It
  /// uses every neuron and synapse once, so they stream through the buffers in parts while the
  /// partial sums stay; traffic is the same.
  bool streamed = false;
  bool operator==(const Tiling&) const = default;
};

/// One step of the block loops. Window and elementwise work has group 0, outputs = channels, and
/// the one input block [0, 1): outputs [out0,out1) of `group` at pixels [begin,end) of image
/// `batch`, reduced over input channels [in0,in1).
struct TileBox {
  std::int64_t batch = 0, group = 0;
  std::int64_t out0 = 0, out1 = 0;
  std::int64_t in0 = 0, in1 = 0;
  std::array<std::int64_t, 3> begin{}, end{};
  bool first = true, last = true;  ///< First and last input block of its outputs.
  /// False when the previous tile used the same block of neurons, so that it is still on chip.
  bool load_neurons = true;
  /// False when the previous tile used the same block of synapses, or the tiling keeps it resident;
  /// true for work without weights.
  bool load_synapses = true;
  bool operator==(const TileBox&) const = default;

  std::int64_t pixels() const {
    return (end[0] - begin[0]) * (end[1] - begin[1]) * (end[2] - begin[2]);
  }
};

/// What a machine unrolls in one step of a layer. Blocks are multiples of it, so that cutting a
/// layer into tiles adds no partly filled step to those at the layer's own edges; the last block in
/// each direction is what is left. The default is an array of 16 outputs by 16 inputs.
struct Grain {
  std::int64_t outs = 16;                       ///< Outputs in parallel.
  std::int64_t ins = 16;                        ///< Input channels in parallel.
  std::array<std::int64_t, 3> pixels{1, 1, 1};  ///< Output pixels in parallel {T, H, W}.
  bool operator==(const Grain&) const = default;
};

/// What one tile may occupy on chip. Double buffering is the caller's matter: pass half; likewise
/// the second operand of elementwise work, which needs as many neurons as the first.
struct Capacity {
  Grain grain;
  std::int64_t neurons = 0;       ///< Input elements.
  std::int64_t partial_sums = 0;  ///< Output elements.
  /// Weights, all lanes, compressed as the machine stores them: those of a tile, or of an output
  /// block's all inputs where they stay resident.
  std::int64_t synapse_bytes = 0;
  std::int64_t index_bytes = 0;  ///< Likewise; 0 when the machine has no index buffer.
  std::optional<Order> order;    ///< For machines that know only one; both are tried without.
  /// With `order`: what stays on chip (all neurons, or all synapses) is fetched once wherever any
  /// tiling can.
  bool once = false;
};

/// Bytes as the machine stores them, for a block of outputs [out0,out1) and inputs [in0,in1) of a
/// group (whole kernel window).
struct Footprint {
  std::function<std::int64_t(std::int64_t group, std::int64_t out0, std::int64_t out1,
                             std::int64_t in0, std::int64_t in1)>
      synapse_bytes;
  std::function<std::int64_t(std::int64_t group, std::int64_t out0, std::int64_t out1,
                             std::int64_t in0, std::int64_t in1)>
      index_bytes;
  double neuron_bytes = 2;  ///< Per input element, average.
  double output_bytes = 2;
};

/// DRAM bytes of a whole layer under a tiling. The second operand of elementwise work counts as
/// neurons.
struct Traffic {
  double neurons = 0, synapses = 0, index = 0, outputs = 0;
  double total() const { return neurons + synapses + index + outputs; }
};

/// Input extent [first, last) that output pixels [begin, end) read in one dimension, clipped to the
/// map; first == last when they read padding only.
std::array<std::int64_t, 2> input_range(const Loops& loops, int dim, std::int64_t begin,
                                        std::int64_t end);

/// A tile's place in the block loops: which block of every loop it is.
struct TileStep {
  std::int64_t batch = 0, group = 0;
  std::int64_t out = 0;  ///< Block of outputs.
  std::array<std::int64_t, 3> pixel{};
  std::int64_t in = 0;  ///< Block of inputs.
  bool operator==(const TileStep&) const = default;
};

/// The tiles of a layer in execution order, by number: nothing is stored. Thread-safe.
class TileOrder {
 public:
  /// InputError when a size is not positive or there are more than 2^40 tiles: such loops come from
  /// a damaged program.
  TileOrder(const Loops& loops, const Tiling& tiling);
  /// Number of tiles.
  std::int64_t size() const { return size_; }
  TileStep step(std::int64_t number) const;
  std::int64_t number(const TileStep& step) const;
  /// Moves to the next tile; false (and back to the first one) at the end.
  bool advance(TileStep& step) const;
  TileBox box(const TileStep& step) const;
  TileBox box(std::int64_t number) const { return box(step(number)); }
  /// The first tile, by outputs, of one of the size() / out_blocks() sets of tiles of a convolution
  /// that read the same neurons.
  TileStep operand_block(std::int64_t number) const;
  /// The last tile, by inputs, of one of the size() / in_blocks() blocks of outputs, and the
  /// block's number.
  TileStep output_block(std::int64_t number) const;
  std::int64_t output_block_of(const TileStep& s) const {
    return ((s.batch * loops_.groups + s.group) * all_pixels_ + pixel_number(s)) * outs_ + s.out;
  }
  std::int64_t operand_block_of(const TileStep& s) const {
    return ((s.batch * loops_.groups + s.group) * all_pixels_ + pixel_number(s)) * ins_ + s.in;
  }
  /// How often each such set's neurons are loaded (other work loads each tile's own neurons once),
  /// and how often each block of synapses.
  std::int64_t neuron_loads() const { return neuron_loads_; }
  std::int64_t synapse_loads() const { return synapse_loads_; }
  /// See TileBox; synapses for work with weights only.
  bool loads_neurons(const TileStep& step) const {
    return neuron_loads_ > 1 || !shared_ || step.out == 0;
  }
  bool loads_synapses(const TileStep& step) const {
    return synapse_loads_ == images_ ||
           (step.pixel[0] == 0 && step.pixel[1] == 0 && step.pixel[2] == 0 &&
            (synapse_loads_ > 1 || step.batch == 0));
  }
  /// Blocks along each loop.
  std::int64_t out_blocks() const { return outs_; }
  std::int64_t in_blocks() const { return ins_; }
  const std::array<std::int64_t, 3>& pixel_blocks() const { return pixels_; }

 private:
  void count_loads();
  std::int64_t pixel_number(const TileStep& s) const {
    return (s.pixel[0] * pixels_[1] + s.pixel[1]) * pixels_[2] + s.pixel[2];
  }

  Loops loops_;
  Tiling tiling_;
  std::int64_t outs_ = 1, ins_ = 1, all_pixels_ = 1, size_ = 0;
  std::array<std::int64_t, 3> pixels_{1, 1, 1};
  bool shared_ = false;  ///< Several blocks of outputs read the same neurons.
  std::int64_t images_ = 1, neuron_loads_ = 1, synapse_loads_ = 1;
};

/// The tiles of a layer in execution order.
std::vector<TileBox> walk(const Loops& loops, const Tiling& tiling);
/// Traffic of the tiling, counted tile by tile over `walk` with `footprint`.
Traffic traffic(const Loops& loops, const Tiling& tiling, const Footprint& footprint);
/// The tiling with the least DRAM traffic that fits; ties go to fewer tiles. Blocks of outputs and
/// inputs are multiples of the grain, blocks of pixels are too or span the whole extent. Where the
/// buffers cannot hold a grain, its largest pixel extent is halved until they can, so that only
/// pixels leave steps partly filled; a single pixel that does not fit either is streamed.
/// InputError naming the buffer when not even its partial sums fit.
Tiling choose_tiling(const Loops& loops, const Capacity& capacity, const Footprint& footprint);
/// "neuron_reuse outs=16 ins=64 block=1x7x7"
std::string to_text(const Tiling& tiling);

}  // namespace syncopate::map

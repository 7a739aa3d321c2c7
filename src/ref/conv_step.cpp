#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "ref/digit_plane.h"
#include "ref/dot_tile.h"
#include "ref/fixed_step.h"
#include "ref/loops.h"
#include "ref/packed_weights.h"
#include "ref/post_row.h"
#include "ref/weight_sums.h"

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::GConv;

/// Products worth a task of their own.
constexpr std::int64_t kTaskProducts = 1 << 21;
/// Of the largest tile of any kernel.
constexpr int kMostPixels = 8;

bool within_a_byte(const Tensor& weights) {
  if (weights.dtype() == DType::i8) return true;
  return std::ranges::all_of(weights.data<std::int16_t>(),
                             [](std::int16_t w) { return w >= -127 && w <= 127; });
}

/// A convolution's loops, sorted by what a tile does with them.
struct ConvLoops {
  Loop lanes;                ///< Output channels of one tile.
  std::vector<Loop> outer;   ///< Has weights of its own: groups, kernels of other dimensions.
  std::vector<Loop> pixels;  ///< Shares weights.
  std::vector<Loop> taps;    ///< Outermost first.
};

void sort_by_input(std::vector<Loop>& loops) {
  std::ranges::stable_sort(loops, [](const Loop& a, const Loop& b) { return a.input > b.input; });
}

ConvLoops conv_loops(const GConv& gconv) {
  Loops all = loops_of(gconv);
  ConvLoops result;
  result.pixels = all.positions;
  for (const Loop& loop : all.groups) {
    (loop.kernel == 0 ? result.pixels : result.outer).push_back(loop);
  }
  const auto largest = std::ranges::max_element(
      all.kernels, [](const Loop& a, const Loop& b) { return a.extent < b.extent; });
  for (auto loop = all.kernels.begin(); loop != all.kernels.end(); ++loop) {
    if (loop == largest) {
      result.lanes = *loop;
    } else {
      result.outer.push_back(*loop);
    }
  }
  result.taps = all.taps;
  sort_by_input(result.pixels);
  sort_by_input(result.taps);
  return result;
}

/// Merges the innermost taps into runs and lists the runs.
ReductionOrder order_of(std::vector<Loop> taps) {
  ReductionOrder order;
  std::vector<Loop> run;
  while (!taps.empty() && taps.back().input == order.run) {
    order.run *= taps.back().extent;
    run.insert(run.begin(), taps.back());
    taps.pop_back();
  }
  Odometer tap(run);
  order.in_place = true;
  for (std::int64_t i = 0; i < order.run; ++i, tap.next()) {
    order.taps.push_back(tap.kernel);
    order.in_place = order.in_place && tap.kernel == i;
  }
  Odometer start(taps);
  for (std::int64_t i = count_of(taps); i > 0; --i, start.next()) {
    order.run_inputs.push_back(start.input);
    order.run_kernels.push_back(start.kernel);
  }
  return order;
}

/// The split with the fewest multiplications: upper bytes take three for four elements, digits two
/// for two.
Split choose_split(DType activations, const Tensor& weights, const ReductionOrder& order,
                   const TileKernel& kernel) {
  if (activations == DType::i8 || within_a_byte(weights)) return Split::none;
  const bool cheaper = 3 * (order.pairs(Split::bytes) / 2) < 2 * order.pairs(Split::digits);
  return kernel.bytes[0] != nullptr && cheaper ? Split::bytes : Split::digits;
}

class ConvStep : public FixedStep {
 public:
  ConvStep(const GConv& gconv, const ConvLoops& loops, const Tensor& weights, DType input,
           const ConvOptions& options)
      : kernel_(*options.kernel),
        weights_(weights),
        lanes_(loops.lanes),
        order_(order_of(loops.taps)),
        plane_(gconv, choose_split(input, weights, order_, kernel_)),
        post_(gconv.fixed ? &*gconv.fixed : nullptr),
        whole_values_(plane_.split() == Split::none && input == DType::i16) {
    Odometer pixel(loops.pixels);
    for (std::int64_t i = count_of(loops.pixels); i > 0; --i, pixel.next()) {
      pixels_.push_back({static_cast<std::int32_t>(pixel.input),
                         static_cast<std::int32_t>(pixel.channel), pixel.output});
    }
    add_blocks(loops.outer, gconv);
    if (options.runs == Runs::once) return;
    kept_ = Tensor::uninitialized(DType::i16, {packed_elements_});
    packed_ = pack(kept_.mutable_data<std::int16_t>().data());
  }

  void run(const StepOperands& operands) const override {
    std::int16_t* plane = operands.scratch.reserve(plane_.reserve());
    // Tiles take four elements at a time, which must not reach beyond the input.
    const DigitPlane::Filled planes = plane_.fill(operands.input, order_.run % 4 == 0, plane);
    std::optional<Packed> fresh;
    if (!packed_) fresh = pack(operands.scratch.reserve_weights(packed_elements_));
    const Packed& packed = packed_ ? *packed_ : *fresh;
    const DType dtype = operands.output.dtype();
    std::byte* out = operands.output.mutable_raw().data();
    const auto pixels = static_cast<std::int64_t>(pixels_.size());
    const std::int64_t tiles = (pixels + kernel_.pixels - 1) / kernel_.pixels;
    const std::int64_t per_tile = order_.pairs(plane_.split()) * 2 * kernel_.lanes * kernel_.pixels;
    const std::int64_t chunk = std::clamp<std::int64_t>(kTaskProducts / per_tile, 1, tiles);
    const std::int64_t chunks = (tiles + chunk - 1) / chunk;
    const auto tasks = static_cast<std::int64_t>(blocks_.size()) * chunks;
    tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, tasks), [&](const auto& range) {
      for (std::int64_t task = range.begin(); task < range.end(); ++task) {
        const auto block = static_cast<std::size_t>(task / chunks);
        const std::int64_t first = task % chunks * chunk;
        for (std::int64_t t = first; t < std::min(first + chunk, tiles); ++t) {
          run_tile(blocks_[block], packed.blocks[block], packed.weights, t * kernel_.pixels, planes,
                   dtype, out);
        }
      }
    });
  }

 private:
  struct Block {
    WeightBlock weights;  ///< Where it goes; nothing is packed.
    std::int64_t input = 0, output = 0, channel = 0, kernel = 0;  ///< Of the outer loops.
  };
  struct Pixel {
    std::int32_t input = 0, channel = 0;
    std::int64_t output = 0;
  };

  /// Weights of all blocks, ready for tiles.
  struct Packed {
    std::vector<WeightBlock> blocks;
    const std::int16_t* weights = nullptr;
  };

  void add_blocks(const std::vector<Loop>& outer, const GConv& gconv) {
    std::int64_t address = 0;
    Odometer at(outer);
    for (std::int64_t i = count_of(outer); i > 0; --i, at.next()) {
      for (std::int64_t first = 0; first < lanes_.extent; first += kernel_.lanes) {
        Block block;
        block.weights.first = first;
        block.weights.count = std::min<std::int64_t>(kernel_.lanes, lanes_.extent - first);
        block.weights.lanes =
            block.weights.count <= kernel_.lanes / 2 ? kernel_.lanes / 2 : kernel_.lanes;
        block.weights.address = address;
        block.input = at.input;
        block.output = gconv.output.base + at.output + first * lanes_.output;
        block.channel = at.channel + first * lanes_.channel;
        block.kernel = gconv.kernel->base + at.kernel;
        address += packed_size(plane_.split(), order_.pairs(plane_.split()), block.weights.lanes);
        blocks_.push_back(std::move(block));
      }
    }
    packed_elements_ = address;
  }

  Packed pack(std::int16_t* to) const {
    Packed packed;
    packed.weights = to;
    for (const Block& block : blocks_) packed.blocks.push_back(block.weights);
    tbb::parallel_for(std::size_t{0}, blocks_.size(), [&](std::size_t b) {
      PackRequest request;
      request.weights = &weights_;
      request.order = &order_;
      request.base = blocks_[b].kernel;
      request.channel_step = lanes_.kernel;
      request.split = plane_.split();
      request.largest_digit = whole_values_ ? 32768 : 128;
      pack_block(request, packed.blocks[b], to);
    });
    return packed;
  }

  void run_tile(const Block& block, const WeightBlock& weights, const std::int16_t* packed,
                std::int64_t first, const DigitPlane::Filled& planes, DType dtype,
                std::byte* out) const {
    alignas(64) std::int64_t sums[kMostPixels * kMostLanes];
    std::int64_t pixels[kMostPixels];
    const auto last = static_cast<std::int64_t>(pixels_.size()) - 1;
    const auto width = static_cast<std::int64_t>(size_of(dtype));
    for (int p = 0; p < kernel_.pixels; ++p) {  // past the end, the last pixel once more
      const Pixel& pixel = pixels_[static_cast<std::size_t>(std::min(first + p, last))];
      pixels[p] = block.input + pixel.input;
      // What the post writes is on its way while the products are added up.
      __builtin_prefetch(out + (block.output + pixel.output) * width, 1);
    }
    const Split split = plane_.split();
    TileArgs args;
    args.pixels = pixels;
    args.first = planes.first;
    args.second = planes.second;
    args.weights = packed + weights.address;
    args.starts = weights.starts.data();
    args.segments = weights.segments;
    args.sums = sums;
    args.sum_step = kMostLanes;
    kernel_.function(split, weights.lanes < kernel_.lanes)(args);
    store(block, first, sums, static_cast<std::size_t>(weights.count), dtype, out);
  }

  /// Sends the sums of a tile through the post: pixels of the same channel together.
  void store(const Block& block, std::int64_t first, const std::int64_t* sums, std::size_t count,
             DType dtype, std::byte* out) const {
    const std::int64_t end = std::min(first + kernel_.pixels, std::ssize(pixels_));
    void* to[kMostPixels];
    for (std::int64_t p = first; p < end;) {
      const std::int32_t channel = pixels_[static_cast<std::size_t>(p)].channel;
      const std::int64_t* from = sums + (p - first) * kMostLanes;
      std::size_t rows = 0;
      for (; p < end && pixels_[static_cast<std::size_t>(p)].channel == channel; ++p, ++rows) {
        const std::int64_t at = block.output + pixels_[static_cast<std::size_t>(p)].output;
        to[rows] = out + at * static_cast<std::int64_t>(size_of(dtype));
      }
      post_.apply_rows(from, kMostLanes, count, block.channel + channel, lanes_.channel, dtype,
                       {to, rows}, lanes_.output);
    }
  }

  const TileKernel& kernel_;
  const Tensor& weights_;
  Loop lanes_;
  ReductionOrder order_;
  DigitPlane plane_;
  PostRow post_;
  bool whole_values_;  ///< 16-bit activations in one plane, for 8-bit weights.
  std::vector<Pixel> pixels_;
  std::vector<Block> blocks_;
  std::int64_t packed_elements_ = 0;
  Tensor kept_;
  std::optional<Packed> packed_;  ///< In `kept_`; absent when every run packs for itself.
};

}  // namespace

std::unique_ptr<FixedStep> make_conv_step(const Chain& chain, const GConv& gconv,
                                          const ConvOptions& options) {
  if (!constant_products(chain, gconv)) return nullptr;
  const DigitPlane plane(gconv, Split::none);
  const ConvLoops loops = conv_loops(plane.on_plane(gconv));
  // Few output channels would leave lanes empty; windows of negative dilation or stride are not
  // worth a plane.
  const bool usable = std::ranges::all_of(
      gconv.dims, [](const gconv::Dim& dim) { return dim.stride > 0 && dim.dilation > 0; });
  if (!usable || loops.lanes.extent < 4 ||
      plane.elements() > std::numeric_limits<std::int32_t>::max()) {
    return nullptr;
  }
  return std::make_unique<ConvStep>(gconv, loops, *chain.tensors.at(gconv.kernel->tensor).constant,
                                    chain.tensors.at(gconv.input.tensor).dtype, options);
}

}  // namespace syncopate::ref

#include <tbb/parallel_for.h>

#include <algorithm>
#include <vector>

#include "accel/swallow/engine.h"
#include "accel/swallow/match.h"
#include "array/masks.h"

namespace syncopate::accel::swallow {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// How the positions of so many input maps are cut.
struct Cut {
  std::int64_t ins = 0, block = 0, kernel = 0;
  std::int64_t blocks() const { return ceil_div(ins, block); }
  std::int64_t ins_of(std::int64_t b) const { return std::min(block, ins - b * block); }
  std::int64_t units_of(std::int64_t b) const { return block_units(kernel, ins_of(b)); }
  /// Units before a block.
  std::int64_t before(std::int64_t b) const { return b * block_units(kernel, block); }
  std::int64_t units() const { return before(blocks() - 1) + units_of(blocks() - 1); }
};

/// One tile's windows: [kPixels pixels][block][unit][pixel], in a layer of one pixel [block][unit].
struct Windows {
  std::vector<std::uint32_t> units;
  std::int64_t reads = 0;  ///< NBin rows that hold them, compressed block by block.
};

/// A segment's kernels: [group of output maps][block][kernel][unit].
struct Kernels {
  std::vector<std::uint32_t> units;
  std::int64_t reads = 0;  ///< SB rows that hold them, compressed block by block.
};

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  Cut cut(std::int64_t ins) const { return {ins, config_.block, loops_.kernel_size()}; }
  void arrange(const array::Segment& segment, Kernels& kernels) const;
  void make_reads();
  bool in_place(const map::Tiling& tiling) const;
  void load(const array::PixelMasks& neurons, const Cut& cut, Windows& windows) const;
  void load_pixel(const std::uint64_t* row, const Cut& cut, std::uint32_t* to, std::int64_t pitch,
                  Windows& windows) const;
  std::int64_t count_pixels(const Windows& windows, const Cut& cut, const std::uint32_t* kernels,
                            std::int64_t number, std::int64_t pixels, sim::Stats& stats) const;
  std::int64_t count_blocks(const Windows& windows, const Cut& cut, const std::uint32_t* kernels,
                            std::int64_t number, sim::Stats& stats) const;
  PlaneMatch count_plane(const Windows& windows, const map::TileBox& box, std::int64_t out,
                         std::int64_t number, sim::Stats& stats) const;
  void book_waves(const std::vector<std::int32_t>& most, std::int64_t jobs, std::int64_t kernels,
                  sim::Stats& stats) const;

  const Config& config_;
  map::Loops loops_;
  const sim::BitPlane& plane_;  ///< Of the weights.
  bool by_blocks_, in_place_;   ///< Blocks in place: units of the plane.
  array::Segments segments_;
  std::vector<Kernels> kernels_;                            ///< Per segment; none if in place.
  std::vector<std::int64_t> neuron_reads_, synapse_reads_;  ///< Rows that hold so many values.
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      loops_(data.loops()),
      plane_(data.weight_bits()),
      by_blocks_(Config::by_blocks(loops_)),
      in_place_(in_place(layer.tiling)),
      segments_(layer.loops, layer.tiling),
      kernels_(in_place_ ? 0 : static_cast<std::size_t>(segments_.size())) {
  make_reads();
  if (in_place_) return;
  tbb::parallel_for(std::int64_t{0}, segments_.size(), [this](std::int64_t s) {
    arrange(segments_.at(s), kernels_[static_cast<std::size_t>(s)]);
  });
}

void Counter::make_reads() {
  const std::int64_t most = block_units(loops_.kernel_size(), config_.block) * kUnitBits;
  for (std::int64_t values = 0; values <= most; ++values) {
    neuron_reads_.push_back(ceil_div(values, config_.rows));
    synapse_reads_.push_back(ceil_div(values, config_.columns));
  }
}

/// Copying the weights of a fully connected layer would cost more than counting them once.
bool Counter::in_place(const map::Tiling& tiling) const {
  return by_blocks_ && loops_.kernel_size() == 1 && config_.block == kUnitBits &&
         (tiling.ins % kUnitBits == 0 || tiling.ins >= loops_.ins);
}

void Counter::arrange(const array::Segment& s, Kernels& kernels) const {
  const Cut cut = this->cut(s.in1 - s.in0);
  kernels.units.resize(static_cast<std::size_t>((s.out1 - s.out0) * cut.units()));
  std::uint32_t* to = kernels.units.data();
  for (std::int64_t out = s.out0; out < s.out1; out += config_.columns) {
    const std::int64_t end = std::min(s.out1, out + config_.columns);
    for (std::int64_t b = 0; b < cut.blocks(); ++b) {
      for (std::int64_t o = out; o < end; ++o, to += cut.units_of(b)) {
        const std::int64_t row = (s.group * loops_.outs + o) * cut.kernel;
        cut_block(plane_.data.data() + row * plane_.words, cut.kernel, plane_.words * 64,
                  s.in0 + b * cut.block, cut.ins_of(b), to);
        kernels.reads += synapse_reads_[static_cast<std::size_t>(count_units(to, cut.units_of(b)))];
      }
    }
  }
}

/// A pixel's blocks, whose units lie `pitch` apart.
void Counter::load_pixel(const std::uint64_t* row, const Cut& cut, std::uint32_t* to,
                         std::int64_t pitch, Windows& windows) const {
  thread_local std::vector<std::uint32_t> units;
  units.resize(static_cast<std::size_t>(block_units(cut.kernel, cut.block)));
  for (std::int64_t b = 0; b < cut.blocks(); ++b) {
    cut_block(row, cut.kernel, cut.ins, b * cut.block, cut.ins_of(b), units.data());
    windows.reads +=
        neuron_reads_[static_cast<std::size_t>(count_units(units.data(), cut.units_of(b)))];
    for (std::int64_t u = 0; u < cut.units_of(b); ++u, to += pitch) {
      *to = units[static_cast<std::size_t>(u)];
    }
  }
}

void Counter::load(const array::PixelMasks& neurons, const Cut& cut, Windows& windows) const {
  const std::int64_t pixels = neurons.pixels(), pitch = by_blocks_ ? 1 : kPixels;
  const std::int64_t vectors = by_blocks_ ? pixels : ceil_div(pixels, kPixels);
  windows.units.assign(static_cast<std::size_t>(vectors * cut.units() * pitch), 0);
  windows.reads = 0;
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    load_pixel(neurons.row(pixel), cut,
               windows.units.data() + pixel / pitch * cut.units() * pitch + pixel % pitch, pitch,
               windows);
  }
}

/// Jobs, rows at a time, each with so many kernels side by side; the slowest decides.
void Counter::book_waves(const std::vector<std::int32_t>& most, std::int64_t jobs,
                         std::int64_t kernels, sim::Stats& stats) const {
  for (std::int64_t first = 0; first < jobs; first += config_.rows) {
    const std::int64_t end = std::min(jobs, first + config_.rows);
    std::int32_t slowest = 0;
    for (std::int64_t j = first; j < end; ++j) {
      slowest = std::max(slowest, most[static_cast<std::size_t>(j)]);
    }
    const std::int64_t cycles = std::max<std::int64_t>(config_.block_cycles, slowest);
    const std::int64_t present = (end - first) * kernels;
    stats.cycles += cycles;
    stats[sim::Cause::imbalance] += present * slowest;  // Less the pairs, which follow.
    stats[sim::Cause::index] += present * (cycles - slowest);
    stats[sim::Cause::underfill] += (config_.pes() - present) * cycles;
  }
}

/// A group of kernels, waves of pixels. Returns the pairs.
std::int64_t Counter::count_pixels(const Windows& windows, const Cut& cut,
                                   const std::uint32_t* kernels, std::int64_t number,
                                   std::int64_t pixels, sim::Stats& stats) const {
  thread_local std::vector<std::int32_t> most;
  const std::int64_t vectors = ceil_div(pixels, kPixels);
  most.resize(static_cast<std::size_t>(vectors * kPixels));
  std::int64_t pairs = 0;
  for (std::int64_t b = 0; b < cut.blocks(); ++b) {
    const KernelBlock block{kernels + number * cut.before(b), number, cut.units_of(b)};
    for (std::int64_t v = 0; v < vectors; ++v) {
      pairs += match(windows.units.data() + (v * cut.units() + cut.before(b)) * kPixels, block,
                     most.data() + v * kPixels);
    }
    book_waves(most, pixels, number, stats);
  }
  return pairs;
}

/// A group of kernels, waves of blocks.
std::int64_t Counter::count_blocks(const Windows& windows, const Cut& cut,
                                   const std::uint32_t* kernels, std::int64_t number,
                                   sim::Stats& stats) const {
  thread_local std::vector<std::int32_t> most;
  most.assign(static_cast<std::size_t>(cut.blocks()), 0);
  std::int64_t pairs = 0;
  for (std::int64_t b = 0; b < cut.blocks(); ++b) {
    const KernelBlock block{kernels + number * cut.before(b), number, cut.units_of(b)};
    pairs +=
        match_one(windows.units.data() + cut.before(b), block, most[static_cast<std::size_t>(b)]);
  }
  book_waves(most, cut.blocks(), number, stats);
  return pairs;
}

/// The same with kernels in place; of these, also the reads.
PlaneMatch Counter::count_plane(const Windows& windows, const map::TileBox& box, std::int64_t out,
                                std::int64_t number, sim::Stats& stats) const {
  thread_local std::vector<std::int32_t> most;
  const std::int64_t blocks = this->cut(box.in1 - box.in0).blocks();
  most.resize(static_cast<std::size_t>(blocks));
  const std::int64_t row = box.group * loops_.outs + out;
  const PlaneMatch match = match_plane(
      windows.units.data(), {plane_.row(row).data(), number, plane_.words, box.in0 / kUnitBits},
      blocks, synapse_reads_.data(), most.data());
  book_waves(most, blocks, number, stats);
  return match;
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const Cut cut = this->cut(box.in1 - box.in0);
  const Windows& windows =
      neurons.derived<Windows>([&](Windows& made) { load(neurons, cut, made); });
  const Kernels* kernels =
      in_place_ ? nullptr : &kernels_[static_cast<std::size_t>(segments_.number(box))];
  const std::int64_t pixels = box.pixels(), outs = box.out1 - box.out0;
  const std::int64_t waves = ceil_div(pixels, config_.rows);
  const std::int64_t groups = ceil_div(outs, config_.columns);
  std::int64_t pairs = 0, kernel_reads = kernels != nullptr ? kernels->reads : 0;
  for (std::int64_t out = 0; out < outs; out += config_.columns) {
    const std::int64_t number = std::min(config_.columns, outs - out);
    if (kernels == nullptr) {
      const PlaneMatch match = count_plane(windows, box, box.out0 + out, number, stats);
      pairs += match.pairs;
      kernel_reads += match.reads;
      continue;
    }
    const std::uint32_t* group = kernels->units.data() + out * cut.units();
    pairs += by_blocks_ ? count_blocks(windows, cut, group, number, stats)
                        : count_pixels(windows, cut, group, number, pixels, stats);
  }
  stats[sim::Cause::imbalance] -= pairs;
  stats[sim::Cause::work] += pairs;
  stats.pairs_issued += pairs;
  tally(stats, Act::multiply, pairs);
  tally(stats, Act::add, pairs);
  tally(stats, kMatch, pairs);
  tally(stats, Act::neuron_read, groups * windows.reads);
  tally(stats, Act::synapse_read, waves * kernel_reads);
  tally(stats, Act::index_read, (groups * pixels + waves * outs) * cut.units());
  tally(stats, kPass, pixels * outs * cut.units());
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::swallow

#include <tbb/parallel_for.h>

#include <algorithm>
#include <vector>

#include "accel/sparten/engine.h"
#include "accel/sparten/format.h"
#include "accel/sparten/join.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/masks.h"

namespace syncopate::accel::sparten {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A group of filters of a segment.
struct Group {
  GroupMasks masks;
  std::int64_t filters = 0;
  std::int64_t synapse_rows = 0;  ///< SB rows that hold it.
};

/// One tile's windows, eight pixels side by side: [block of pixels][chunk][word][pixel].
struct Windows {
  std::vector<std::uint64_t> words;
  std::int64_t neuron_rows = 0;  ///< NBin rows that hold them, compressed chunk by chunk.
};

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  void build(std::int64_t segment);
  void load(const array::PixelMasks& neurons, Windows& windows) const;
  std::int64_t count_group(const Windows& windows, const Group& group, std::int64_t first_step,
                           std::int64_t pixels, std::vector<std::int64_t>& busy,
                           sim::Stats& stats) const;
  std::int64_t positions(const array::Segment& s) const {
    return (s.in1 - s.in0) * layer_.loops.kernel_size();
  }

  const Config& config_;
  const array::DecodedLayer& layer_;
  array::Segments segments_;
  array::OutputMasks rows_;
  std::int64_t chunk_words_, chunks_;                 ///< Of a full input block.
  std::vector<std::vector<Group>> groups_;            ///< Per segment.
  std::vector<std::vector<std::uint64_t>> arranged_;  ///< Likewise: masks as CUs hold them.
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      layer_(layer),
      segments_(layer.loops, layer.tiling),
      rows_(data, layer.tiling),
      chunk_words_(config.chunk / 64),
      chunks_(ceil_div(rows_.words(), chunk_words_)),
      groups_(static_cast<std::size_t>(segments_.size())),
      arranged_(groups_.size()) {
  tbb::parallel_for(std::int64_t{0}, segments_.size(), [this](std::int64_t s) { build(s); });
}

/// Gives a segment's filters to CUs.
void Counter::build(std::int64_t segment) {
  const array::Segment s = segments_.at(segment);
  const std::int64_t words = rows_.words();
  const std::span<const std::uint64_t> masks(rows_.rows(s.group, s.out0, s.in0),
                                             static_cast<std::size_t>((s.out1 - s.out0) * words));
  const Order order = balance(config_, masks, words, positions(s));
  const std::int64_t per_unit = config_.balance == Balance::none ? 1 : 2;
  const std::int64_t group_words = order.chunks() * config_.units * per_unit * chunk_words_;
  std::vector<std::uint64_t>& arranged = arranged_[static_cast<std::size_t>(segment)];
  arranged.assign(static_cast<std::size_t>(order.groups() * group_words), 0);
  for (std::int64_t g = 0; g < order.groups(); ++g) {
    Group group;
    group.filters = order.filters(g);
    const std::int64_t units = std::min(config_.units, group.filters);
    const std::int64_t slots = group.filters > config_.units ? 2 : 1;
    std::uint64_t* to = arranged.data() + g * group_words;
    group.masks = {to, order.chunks(), units, slots, chunk_words_};
    for (std::int64_t chunk = 0; chunk < order.chunks(); ++chunk) {
      for (std::int64_t place = 0; place < group.filters; ++place) {
        const std::int64_t begin = chunk * chunk_words_;
        const std::int64_t count = std::min(chunk_words_, words - begin);
        const std::uint64_t* from = masks.data() + order.at(g, chunk, place) * words + begin;
        const std::int64_t slot = place >= config_.units;
        const std::int64_t unit = chunk * units + config_.unit_of(place);
        std::copy_n(from, count, to + (unit * slots + slot) * chunk_words_);
        group.synapse_rows += ceil_div(array::count_bits(from, count), config_.row);
      }
    }
    groups_[static_cast<std::size_t>(segment)].push_back(group);
  }
}

void Counter::load(const array::PixelMasks& neurons, Windows& windows) const {
  const std::int64_t pixels = neurons.pixels(), words = rows_.words();
  const std::int64_t blocks = ceil_div(pixels, kPixels), block_words = chunks_ * chunk_words_;
  windows.words.assign(static_cast<std::size_t>(blocks * block_words * kPixels), 0);
  windows.neuron_rows = 0;
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    const std::uint64_t* from = neurons.rows() + pixel * words;
    std::uint64_t* to =
        windows.words.data() + pixel / kPixels * block_words * kPixels + pixel % kPixels;
    for (std::int64_t w = 0; w < words; ++w) to[w * kPixels] = from[w];
    for (std::int64_t w = 0; w < words; w += chunk_words_) {
      windows.neuron_rows +=
          ceil_div(array::count_bits(from + w, std::min(chunk_words_, words - w)), config_.row);
    }
  }
}

/// All steps of a group; `busy` collects the cycles of each cluster. Returns the pairs.
std::int64_t Counter::count_group(const Windows& windows, const Group& group,
                                  std::int64_t first_step, std::int64_t pixels,
                                  std::vector<std::int64_t>& busy, sim::Stats& stats) const {
  const std::int64_t units = group.masks.units;
  std::int64_t cycles = 0, slowest = 0, pairs = 0;
  for (std::int64_t first = 0; first < pixels; first += kPixels) {
    const Joined joined = join(windows.words.data() + first * chunks_ * chunk_words_, group.masks,
                               config_.chunk_cycles);
    for (std::int64_t i = 0; i < std::min(kPixels, pixels - first); ++i) {
      const auto p = static_cast<std::size_t>(i);
      const std::int64_t step = joined.cycles[p] + config_.step_overhead();
      busy[static_cast<std::size_t>((first_step + first + i) % config_.clusters)] += step;
      cycles += step;
      slowest += joined.slowest[p];
      pairs += joined.pairs[p];
    }
  }
  stats[sim::Cause::imbalance] += units * slowest - pairs;
  stats[sim::Cause::index] += units * (cycles - slowest);
  stats[sim::Cause::underfill] += (config_.units - units) * cycles;
  return pairs;
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const std::int64_t pixels = box.pixels();
  const auto number = static_cast<std::size_t>(segments_.number(box));
  const std::int64_t positions = (box.in1 - box.in0) * layer_.loops.kernel_size();
  const std::int64_t chunks = config_.chunks(positions);
  const Windows& windows = neurons.derived<Windows>([&](Windows& made) { load(neurons, made); });
  std::vector<std::int64_t> busy(static_cast<std::size_t>(config_.clusters), 0);
  const std::vector<Group>& groups = groups_[number];
  const std::int64_t loaders = std::min(pixels, config_.clusters);  // Clusters that see a group.
  std::int64_t pairs = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Group& group = groups[g];
    pairs +=
        count_group(windows, group, static_cast<std::int64_t>(g) * pixels, pixels, busy, stats);
    tally(stats, Act::neuron_read, windows.neuron_rows);
    tally(stats, Act::synapse_read, loaders * group.synapse_rows);
    tally(stats, Act::index_read, chunks * (pixels + loaders * group.filters));
    tally(stats, Act::select, pixels * group.filters * positions);
    if (config_.balance == Balance::chunk) {
      tally(stats, kPermute, pixels * group.filters * chunks);
    }
  }
  const std::int64_t cycles = *std::max_element(busy.begin(), busy.end());
  stats.cycles += cycles;
  const std::int64_t steps = static_cast<std::int64_t>(groups.size()) * pixels;
  for (std::int64_t cluster = 0; cluster < config_.clusters; ++cluster) {
    stats[cluster < steps ? sim::Cause::imbalance : sim::Cause::underfill] +=
        (cycles - busy[static_cast<std::size_t>(cluster)]) * config_.units;
  }
  stats.pairs_issued += pairs;
  stats[sim::Cause::work] += pairs;
  tally(stats, Act::multiply, pairs);
  tally(stats, Act::add, pairs);
  tally(stats, kOperandRead, pairs);
  tally(stats, kJoin, pairs);
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::sparten

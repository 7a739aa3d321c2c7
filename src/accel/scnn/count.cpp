#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "accel/scnn/collisions.h"
#include "accel/scnn/engine.h"
#include "accel/scnn/format.h"
#include "accel/scnn/geometry.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/masks.h"

namespace syncopate::accel::scnn {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// Vectors of many streams: each stream has room for as many vectors.
struct Vectors {
  std::int64_t room = 0;               ///< Of a stream.
  std::vector<std::uint16_t> classes;  ///< [stream][vector]
  std::vector<std::int32_t> values;    ///< Non-zeros of each stream.

  void reset(std::int64_t streams, std::int64_t new_room) {
    room = new_room;
    classes.resize(static_cast<std::size_t>(streams * room));
    values.assign(static_cast<std::size_t>(streams), 0);
  }
  std::int64_t count(std::int64_t stream, std::int64_t size) const {
    return ceil_div(values[static_cast<std::size_t>(stream)], size);
  }
  const std::uint16_t* of(std::int64_t stream) const { return classes.data() + stream * room; }
};

/// Cuts streams into vectors of `size` as their values come, in any order of streams. A stream is a
/// channel of the current phase.
class Filler {
 public:
  Filler(const Collisions& collisions, std::int64_t banks, std::int64_t size)
      : collisions_(collisions),
        banks_(static_cast<std::int32_t>(banks)),
        size_(static_cast<int>(size)) {}

  /// One value for every channel whose bit is set in [in0, in1) of `row`; `first` is the stream of
  /// channel in0, the next channel's comes `step` streams later.
  void add(const std::uint64_t* row, std::int64_t in0, std::int64_t in1, std::int64_t value,
           std::int64_t first, std::int64_t step, Vectors& vectors) {
    pending_.resize(vectors.values.size());
    const auto bank = static_cast<std::int32_t>((value % banks_ + banks_) % banks_);
    for (std::int64_t w = in0 / 64; w * 64 < in1; ++w) {
      std::uint64_t word = row[w];
      if (w * 64 < in0) word &= ~std::uint64_t{0} << (in0 % 64);
      if (in1 - w * 64 < 64) word &= (std::uint64_t{1} << (in1 - w * 64)) - 1;
      for (; word != 0; word &= word - 1) {
        const std::int64_t channel = w * 64 + std::countr_zero(word) - in0;
        const auto stream = static_cast<std::size_t>(first + channel * step);
        const std::int32_t place = vectors.values[stream]++;
        if (!pending_[stream].add(bank, banks_, size_)) continue;
        vectors.classes[stream * static_cast<std::size_t>(vectors.room) +
                        static_cast<std::size_t>(place / size_)] =
            pending_[stream].take(collisions_);
      }
    }
  }
  /// Ends the vectors that are not full.
  void finish(Vectors& vectors) {
    for (std::size_t stream = 0; stream < pending_.size(); ++stream) {
      if (pending_[stream].empty()) continue;
      vectors.classes[stream * static_cast<std::size_t>(vectors.room) +
                      static_cast<std::size_t>((vectors.values[stream] - 1) / size_)] =
          pending_[stream].take(collisions_);
    }
    pending_.clear();
  }

 private:
  const Collisions& collisions_;
  std::int32_t banks_;
  int size_;
  std::vector<Vector> pending_;
};

/// The neurons of an operand block as the PEs hold them.
struct Neurons {
  Vectors vectors;                     ///< Streams [PE][channel][phase]; not for folded layers.
  std::vector<std::int32_t> channels;  ///< Folded: the inputs that are not zero.
  std::vector<std::uint8_t> present;   ///< PEs that own inputs.
  array::BitCounter counts;            ///< Pixels per position.
};

/// A group of output channels of a segment.
struct Group {
  std::int64_t outputs = 0;
  Vectors vectors;                   ///< Streams [channel][phase].
  std::vector<std::int32_t> cycles;  ///< Folded: of one activation with a channel's weights.
};

/// What a PE does in a channel, and all of them in a tile.
struct Work {
  std::int64_t cycles = 0;    ///< Of all PEs, without waiting.
  std::int64_t meetings = 0;  ///< Of two vectors.
  std::int64_t products = 0;
  std::int64_t neuron_vectors = 0;  ///< Read.
  std::int64_t waiting = 0;         ///< Cycles of PEs for slower ones.
  std::int64_t absent = 0;          ///< Cycles of PEs without inputs.
  std::int64_t makespan = 0;
};

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  void build(std::int64_t segment, std::int64_t number);
  void load(const map::TileBox& box, const array::PixelMasks& masks, Neurons& neurons) const;
  void load_planes(const map::TileBox& box, Neurons& neurons) const;
  void load_folded(const map::TileBox& box, const array::PixelMasks& masks, Neurons& neurons) const;
  void run_group(const Group& group, const Neurons& neurons, std::int64_t channels,
                 Work& work) const;
  void run_folded(const Group& group, const Neurons& neurons, std::int64_t channels,
                  Work& work) const;
  void wait(std::span<const std::int64_t> busy, const Neurons& neurons, Work& work) const;

  Config config_;
  const sim::LayerData& data_;
  const array::DecodedLayer& layer_;
  Geometry geometry_;
  const Collisions& collisions_;
  array::Segments segments_;
  array::LaneMasks weights_;                ///< A lane group is a segment's outputs.
  std::vector<std::vector<Group>> groups_;  ///< Per segment.
  std::vector<std::int64_t> weight_rows_;   ///< Per segment: vectors that are broadcast.
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      data_(data),
      layer_(layer),
      geometry_(config, layer.loops, layer.tiling),
      collisions_(Collisions::of(config.hash.banks)),
      segments_(layer.loops, layer.tiling),
      weights_(data, layer.tiling, layer.tiling.outs),
      groups_(static_cast<std::size_t>(segments_.size())),
      weight_rows_(groups_.size(), 0) {
  tbb::parallel_for(std::int64_t{0}, segments_.size(), [this](std::int64_t s) {
    const array::Segment segment = segments_.at(s);
    std::vector<Group>& groups = groups_[static_cast<std::size_t>(s)];
    groups.resize(static_cast<std::size_t>(geometry_.groups(segment.out1 - segment.out0)));
    tbb::parallel_for(std::int64_t{0}, std::ssize(groups), [&](std::int64_t g) { build(s, g); });
    for (const Group& group : groups) {
      for (std::int64_t stream = 0; stream < std::ssize(group.vectors.values); ++stream) {
        weight_rows_[static_cast<std::size_t>(s)] += group.vectors.count(stream, config_.weights);
      }
    }
  });
}

/// Cuts the weights of a group into vectors.
void Counter::build(std::int64_t segment, std::int64_t number) {
  const array::Segment s = segments_.at(segment);
  const map::Loops& loops = layer_.loops;
  const std::int64_t channels = s.in1 - s.in0, phases = geometry_.phases();
  const std::int64_t kc = geometry_.group_outputs(), out0 = s.out0 + number * kc;
  Group& group = groups_[static_cast<std::size_t>(segment)][static_cast<std::size_t>(number)];
  group.outputs = std::min(kc, s.out1 - out0);
  std::int64_t most = 0;
  for (std::int64_t p = 0; p < phases; ++p) most = std::max(most, std::ssize(geometry_.taps(p)));
  group.vectors.reset(channels * phases, ceil_div(group.outputs * most, config_.weights));
  const sim::BitPlane& bits = data_.weight_bits();
  const BankHash& hash = config_.hash;
  Filler filler(collisions_, hash.banks, config_.weights);
  for (std::int64_t phase = 0; phase < phases; ++phase) {
    const std::vector<Tap>& taps = geometry_.taps(phase);
    for_each_place(config_, group.outputs, std::ssize(taps), [&](std::int64_t out, std::int64_t t) {
      const Tap& tap = taps[static_cast<std::size_t>(t)];
      const std::int64_t row =
          (s.group * loops.outs + out0 + out) * loops.kernel_size() + tap.position;
      const std::int64_t value = hash.channel * out - tap.offset[2] - hash.row * tap.offset[1] -
                                 hash.frame * tap.offset[0];
      filler.add(bits.data.data() + row * bits.words, s.in0, s.in1, value, phase, phases,
                 group.vectors);
    });
  }
  filler.finish(group.vectors);
  if (!geometry_.folded()) return;
  Vector one;
  one.add(0, 1, kVector);
  const std::uint8_t* cycles = collisions_.row(one.take(collisions_));
  for (std::int64_t c = 0; c < channels; ++c) {
    std::int32_t sum = 0;
    for (std::int64_t v = 0; v < group.vectors.count(c, config_.weights); ++v) {
      sum += cycles[group.vectors.of(c)[v]];
    }
    group.cycles.push_back(sum);
  }
  group.vectors.classes = {};
}

/// Cuts the activations of every PE into vectors.
void Counter::load_planes(const map::TileBox& box, Neurons& neurons) const {
  const map::Loops& loops = layer_.loops;
  const sim::BitPlane& bits = data_.input_bits();
  const std::int64_t channels = box.in1 - box.in0, phases = geometry_.phases();
  const std::int64_t in0 = box.group * loops.ins + box.in0;
  const Area first = geometry_.inputs(box, 0);  // No PE has more.
  std::int64_t places = 1;
  for (std::size_t d = 0; d < 3; ++d) places *= ceil_div(first[d].size(), loops.stride[d]);
  neurons.vectors.reset(config_.pes() * channels * phases, ceil_div(places, config_.neurons));
  const BankHash& hash = config_.hash;
  Filler filler(collisions_, hash.banks, config_.neurons);
  for (std::int64_t pe = 0; pe < config_.pes(); ++pe) {
    const Area area = geometry_.inputs(box, pe);
    for (std::int64_t t = area[0].begin; t < area[0].end; ++t) {
      const Place pt = geometry_.place(0, t);
      for (std::int64_t y = area[1].begin; y < area[1].end; ++y) {
        const Place py = geometry_.place(1, y);
        const std::int64_t line = ((box.batch * loops.in[0] + t) * loops.in[1] + y) * loops.in[2];
        for (std::int64_t x = area[2].begin; x < area[2].end; ++x) {
          neurons.present[static_cast<std::size_t>(pe)] = 1;
          const Place px = geometry_.place(2, x);
          const std::int64_t phase = geometry_.phase({pt.phase, py.phase, px.phase});
          filler.add(bits.data.data() + (line + x) * bits.words, in0, in0 + channels,
                     px.at + hash.row * py.at + hash.frame * pt.at, pe * channels * phases + phase,
                     phases, neurons.vectors);
        }
      }
    }
  }
  filler.finish(neurons.vectors);
}

void Counter::load_folded(const map::TileBox& box, const array::PixelMasks& masks,
                          Neurons& neurons) const {
  neurons.channels.clear();
  for (std::int64_t c = 0; c < box.in1 - box.in0; ++c) {
    neurons.present[static_cast<std::size_t>(geometry_.fold_owner(c))] = 1;
    if (masks.row(0)[c / 64] >> (c % 64) & 1) {
      neurons.channels.push_back(static_cast<std::int32_t>(c));
    }
  }
}

void Counter::load(const map::TileBox& box, const array::PixelMasks& masks,
                   Neurons& neurons) const {
  neurons.present.assign(static_cast<std::size_t>(config_.pes()), 0);
  neurons.counts.reset(masks.words());
  neurons.counts.add(masks.rows(), masks.pixels());
  if (geometry_.folded()) {
    load_folded(box, masks, neurons);
  } else {
    load_planes(box, neurons);
  }
}

/// PEs that were busy so long wait for the slowest.
void Counter::wait(std::span<const std::int64_t> busy, const Neurons& neurons, Work& work) const {
  const std::int64_t slowest = *std::max_element(busy.begin(), busy.end());
  work.makespan += slowest;
  for (std::size_t pe = 0; pe < busy.size(); ++pe) {
    work.cycles += busy[pe];
    (neurons.present[pe] ? work.waiting : work.absent) += slowest - busy[pe];
  }
}

/// Cycles of all vectors of activations with all vectors of weights.
std::int64_t meet(const Collisions& collisions, const std::uint16_t* neurons, std::int64_t n,
                  const std::uint16_t* weights, std::int64_t w) {
  std::int64_t total = 0, i = 0;
  for (; i + 2 <= n; i += 2) {
    const std::uint8_t* a = collisions.row(neurons[i]);
    const std::uint8_t* b = collisions.row(neurons[i + 1]);
    std::uint32_t sum = 0;
    for (std::int64_t j = 0; j < w; ++j) {
      sum += static_cast<std::uint32_t>(a[weights[j]]) + b[weights[j]];
    }
    total += sum;
  }
  if (i < n) {
    const std::uint8_t* a = collisions.row(neurons[i]);
    for (std::int64_t j = 0; j < w; ++j) total += a[weights[j]];
  }
  return total;
}

void Counter::run_group(const Group& group, const Neurons& neurons, std::int64_t channels,
                        Work& work) const {
  const std::int64_t phases = geometry_.phases();
  std::vector<std::int64_t> busy(static_cast<std::size_t>(config_.pes()));
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t pe = 0; pe < config_.pes(); ++pe) {
      std::int64_t cycles = 0;
      for (std::int64_t phase = 0; phase < phases; ++phase) {
        const std::int64_t a = (pe * channels + c) * phases + phase, b = c * phases + phase;
        const std::int64_t w = group.vectors.count(b, config_.weights);
        if (w == 0) continue;
        const std::int64_t n = neurons.vectors.count(a, config_.neurons);
        cycles += meet(collisions_, neurons.vectors.of(a), n, group.vectors.of(b), w);
        work.neuron_vectors += n;
        work.meetings += n * w;
        work.products += std::int64_t{neurons.vectors.values[static_cast<std::size_t>(a)]} *
                         group.vectors.values[static_cast<std::size_t>(b)];
      }
      busy[static_cast<std::size_t>(pe)] = cycles;
    }
    wait(busy, neurons, work);
  }
}

/// Every activation meets the weights of its own input alone.
void Counter::run_folded(const Group& group, const Neurons& neurons, std::int64_t channels,
                         Work& work) const {
  std::vector<std::int64_t> busy(static_cast<std::size_t>(config_.pes()));
  std::size_t at = 0;
  for (std::int64_t first = 0; first < channels; first += kFold) {
    std::fill(busy.begin(), busy.end(), 0);
    for (; at < neurons.channels.size() && neurons.channels[at] < first + kFold; ++at) {
      const std::int64_t c = neurons.channels[at];
      const std::int64_t w = group.vectors.count(c, config_.weights);
      busy[static_cast<std::size_t>(geometry_.fold_owner(c))] +=
          group.cycles[static_cast<std::size_t>(c)];
      work.neuron_vectors += w > 0;
      work.meetings += w;
      work.products += group.vectors.values[static_cast<std::size_t>(c)];
    }
    wait(busy, neurons, work);
  }
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& masks,
                    sim::Stats& stats) const {
  const Neurons& neurons = masks.derived<Neurons>([&](Neurons& made) { load(box, masks, made); });
  const auto segment = static_cast<std::size_t>(segments_.number(box));
  const std::int64_t channels = box.in1 - box.in0, multipliers = config_.multipliers();
  Work work;
  for (const Group& group : groups_[segment]) {
    if (geometry_.folded()) {
      run_folded(group, neurons, channels, work);
    } else {
      run_group(group, neurons, channels, work);
    }
  }
  const std::int64_t halo = box.last ? geometry_.halo(box) * (box.out1 - box.out0) : 0;
  const std::int64_t needed = array::dot(
      neurons.counts.all(), weights_.lane_counts(weights_.entry(box.group, box.out0, box.in0)),
      weights_.words());
  stats.cycles += work.makespan + halo;
  stats.pairs_issued += needed;
  stats[sim::Cause::work] += needed;
  stats[sim::Cause::underfill] += (work.meetings + work.absent) * multipliers - needed;
  stats[sim::Cause::index] += (work.cycles - work.meetings) * multipliers;
  stats[sim::Cause::imbalance] += work.waiting * multipliers;
  stats[sim::Cause::fill] += halo * config_.pes() * multipliers;
  tally(stats, Act::multiply, work.products);
  tally(stats, Act::add, needed);
  tally(stats, Act::neuron_read, work.neuron_vectors);
  tally(stats, Act::synapse_read, weight_rows_[segment]);
  tally(stats, Act::index_read, work.neuron_vectors + weight_rows_[segment]);
  tally(stats, kFifoRead, work.meetings);
  tally(stats, kCoordinate, work.products);
  tally(stats, kRoute, work.products);
  tally(stats, kBankRead, needed);
  tally(stats, kBankWrite, needed);
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::scnn

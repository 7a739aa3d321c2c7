#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <optional>
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

/// Streams of values cut into vectors. Values come in any order of streams.
class Vectors {
 public:
  /// Memory for values, which is used again and again.
  using Scratch = std::vector<std::uint8_t>;

  /// Empty streams with room for that many values each in `scratch`, to be cut into vectors of
  /// `size`.
  void reset(std::int64_t streams, std::int64_t values, std::int64_t size, Scratch& scratch) {
    size_ = size;
    room_ = values;
    counts_.assign(static_cast<std::size_t>(streams), 0);
    const auto needed = static_cast<std::size_t>(streams * values);
    if (scratch.size() < needed) scratch.resize(needed);
    values_ = scratch.data();
  }
  /// One value for every channel whose bit is set in [in0, in1) of `row`; `first` is the stream of
  /// channel in0, the next channel's comes `step` streams later.
  void add(const std::uint64_t* row, std::int64_t in0, std::int64_t in1, std::uint8_t value,
           std::int64_t first, std::int64_t step) {
    for (std::int64_t w = in0 / 64; w * 64 < in1; ++w) {
      std::uint64_t word = row[w];
      if (w * 64 < in0) word &= ~std::uint64_t{0} << (in0 % 64);
      if (in1 - w * 64 < 64) word &= (std::uint64_t{1} << (in1 - w * 64)) - 1;
      for (; word != 0; word &= word - 1) {
        const std::int64_t channel = w * 64 + std::countr_zero(word) - in0;
        const std::int64_t stream = first + channel * step;
        values_[stream * room_ + counts_[static_cast<std::size_t>(stream)]++] = value;
      }
    }
  }
  /// Finds the classes of all vectors; the scratch memory is free again.
  void finish(const Collisions& collisions) {
    classes_.clear();
    begin_.clear();
    for (std::int64_t stream = 0; stream < std::ssize(counts_); ++stream) {
      begin_.push_back(std::ssize(classes_));
      const std::uint8_t* values = values_ + stream * room_;
      for (std::int64_t left = values_of(stream); left > 0; left -= size_, values += size_) {
        classes_.push_back(collisions.of(values, std::min(left, size_)));
      }
    }
    values_ = nullptr;
  }
  void forget_classes() { classes_ = {}; }

  std::int64_t streams() const { return std::ssize(counts_); }
  std::int64_t values_of(std::int64_t stream) const {
    return counts_[static_cast<std::size_t>(stream)];
  }
  std::int64_t vectors_of(std::int64_t stream) const { return ceil_div(values_of(stream), size_); }
  const std::uint16_t* classes_of(std::int64_t stream) const {
    return classes_.data() + begin_[static_cast<std::size_t>(stream)];
  }

 private:
  std::int64_t size_ = 1;
  std::int64_t room_ = 0;  ///< Values of a stream, at most.
  std::uint8_t* values_ = nullptr;
  std::vector<std::int32_t> counts_;
  std::vector<std::int64_t> begin_;  ///< Of each stream's classes.
  std::vector<std::uint16_t> classes_;
};

/// A sum of banks as one of them.
std::uint8_t bank_of(std::int64_t value, std::int64_t banks) {
  return static_cast<std::uint8_t>((value % banks + banks) % banks);
}

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
  /// A lane group is a segment's outputs; none for folded layers, which need every product.
  std::optional<array::LaneMasks> weights_;
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
      groups_(static_cast<std::size_t>(segments_.size())),
      weight_rows_(groups_.size(), 0) {
  if (!geometry_.folded()) weights_.emplace(data, layer.tiling, layer.tiling.outs);
  static_cast<void>(data.weight_bits());  // Built here, not inside the loop below.
  tbb::parallel_for(std::int64_t{0}, segments_.size(), [this](std::int64_t s) {
    const array::Segment segment = segments_.at(s);
    std::vector<Group>& groups = groups_[static_cast<std::size_t>(s)];
    groups.resize(static_cast<std::size_t>(geometry_.groups(segment.out1 - segment.out0)));
    tbb::parallel_for(std::int64_t{0}, std::ssize(groups), [&](std::int64_t g) { build(s, g); });
    for (const Group& group : groups) {
      for (std::int64_t stream = 0; stream < group.vectors.streams(); ++stream) {
        weight_rows_[static_cast<std::size_t>(s)] += group.vectors.vectors_of(stream);
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
  thread_local Vectors::Scratch scratch;
  group.vectors.reset(channels * phases, group.outputs * most, config_.weights, scratch);
  const sim::BitPlane& bits = data_.weight_bits();
  const BankHash& hash = config_.hash;
  for (std::int64_t phase = 0; phase < phases; ++phase) {
    const std::vector<Tap>& taps = geometry_.taps(phase);
    for_each_place(config_, group.outputs, std::ssize(taps), [&](std::int64_t out, std::int64_t t) {
      const Tap& tap = taps[static_cast<std::size_t>(t)];
      const std::int64_t row =
          (s.group * loops.outs + out0 + out) * loops.kernel_size() + tap.position;
      const std::int64_t value = hash.channel * out - tap.offset[2] - hash.row * tap.offset[1] -
                                 hash.frame * tap.offset[0];
      group.vectors.add(bits.data.data() + row * bits.words, s.in0, s.in1,
                        bank_of(value, hash.banks), phase, phases);
    });
  }
  group.vectors.finish(collisions_);
  if (!geometry_.folded()) return;
  const std::uint8_t one = 0;
  const std::uint8_t* cycles = collisions_.row(collisions_.of(&one, 1));
  for (std::int64_t c = 0; c < channels; ++c) {
    std::int32_t sum = 0;
    for (std::int64_t v = 0; v < group.vectors.vectors_of(c); ++v) {
      sum += cycles[group.vectors.classes_of(c)[v]];
    }
    group.cycles.push_back(sum);
  }
  group.vectors.forget_classes();
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
  thread_local Vectors::Scratch scratch;
  neurons.vectors.reset(config_.pes() * channels * phases, places, config_.neurons, scratch);
  const BankHash& hash = config_.hash;
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
          neurons.vectors.add(bits.data.data() + (line + x) * bits.words, in0, in0 + channels,
                              bank_of(px.at + hash.row * py.at + hash.frame * pt.at, hash.banks),
                              pe * channels * phases + phase, phases);
        }
      }
    }
  }
  neurons.vectors.finish(collisions_);
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
  if (geometry_.folded()) return load_folded(box, masks, neurons);
  neurons.counts.reset(masks.words());
  neurons.counts.add(masks.rows(), masks.pixels());
  load_planes(box, neurons);
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
        const std::int64_t w = group.vectors.vectors_of(b);
        if (w == 0) continue;
        const std::int64_t n = neurons.vectors.vectors_of(a);
        cycles +=
            meet(collisions_, neurons.vectors.classes_of(a), n, group.vectors.classes_of(b), w);
        work.neuron_vectors += n;
        work.meetings += n * w;
        work.products += neurons.vectors.values_of(a) * group.vectors.values_of(b);
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
      const std::int64_t w = group.vectors.vectors_of(c);
      busy[static_cast<std::size_t>(geometry_.fold_owner(c))] +=
          group.cycles[static_cast<std::size_t>(c)];
      work.neuron_vectors += w > 0;
      work.meetings += w;
      work.products += group.vectors.values_of(c);
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
  std::int64_t needed = work.products;
  if (weights_) {
    const std::int64_t entry = weights_->entry(box.group, box.out0, box.in0);
    needed = array::dot(neurons.counts.all(), weights_->lane_counts(entry), weights_->words());
  }
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

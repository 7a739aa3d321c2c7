#include <algorithm>
#include <array>
#include <vector>

#include "accel/scnn/engine.h"
#include "accel/scnn/format.h"
#include "accel/scnn/geometry.h"
#include "array/actions.h"

namespace syncopate::accel::scnn {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A non-zero activation in a PE's memory.
struct Activation {
  std::array<std::int64_t, 3> at{};  ///< Place within its phase.
  std::int16_t value = 0;
};

/// A product on its way to a bank.
struct Product {
  std::int64_t value = 0;
  std::int64_t sum = -1;  ///< Index of the partial sum; -1 when no output of the tile needs it.
};

/// One PE: its activations per channel and phase, and its accumulator banks.
struct Pe {
  bool present = false;                         ///< It owns inputs of the tile.
  std::vector<std::vector<Activation>> memory;  ///< [channel][phase]
  std::vector<std::vector<Product>> banks;
};

/// The PEs at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        channels_(tile.box.in1 - tile.box.in0),
        kc_(tile.layer.own_field("planes", "kc")),
        geometry_(config, tile.layer.loops, tile.layer.tiling),
        streams_(decode_streams(tile.synapses, tile.index, config, geometry_, outs_, channels_)),
        pes_(static_cast<std::size_t>(config.pes())) {
    load();
  }
  void run();

 private:
  void load();
  void load_folded(Pe& pe, std::int64_t number);
  std::int64_t run_channel(Pe& pe, std::int64_t group, std::int64_t channel);
  std::int64_t multiply(Pe& pe, std::span<const Activation> neurons, std::span<const Entry> weights,
                        std::int64_t group, std::int64_t phase);
  Product product(const Activation& neuron, const Entry& weight, std::int64_t group,
                  std::int64_t phase, std::int64_t& bank) const;
  std::int64_t drain(Pe& pe);

  const Config& config_;
  const array::ConvTile& tile_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, channels_, kc_;
  Geometry geometry_;
  Streams streams_;
  std::vector<Pe> pes_;
};

/// Distributes the tile's activations: every PE gets its planar tile of every channel.
void Datapath::load() {
  const map::Loops& loops = tile_.layer.loops;
  const std::int64_t width = loops.groups * loops.ins;
  for (std::int64_t number = 0; number < config_.pes(); ++number) {
    Pe& pe = pes_[static_cast<std::size_t>(number)];
    pe.banks.resize(static_cast<std::size_t>(config_.hash.banks));
    pe.memory.resize(static_cast<std::size_t>(channels_ * geometry_.phases()));
    if (geometry_.folded()) {
      load_folded(pe, number);
      continue;
    }
    const Area area = geometry_.inputs(tile_.box, number);
    for (std::int64_t t = area[0].begin; t < area[0].end; ++t) {
      for (std::int64_t y = area[1].begin; y < area[1].end; ++y) {
        for (std::int64_t x = area[2].begin; x < area[2].end; ++x) {
          pe.present = true;
          const std::array<Place, 3> place = {geometry_.place(0, t), geometry_.place(1, y),
                                              geometry_.place(2, x)};
          const std::int64_t phase =
              geometry_.phase({place[0].phase, place[1].phase, place[2].phase});
          const std::int64_t row =
              ((tile_.box.batch * loops.in[0] + t) * loops.in[1] + y) * loops.in[2] + x;
          const std::int16_t* values =
              tile_.data.input().data() + row * width + tile_.box.group * loops.ins + tile_.box.in0;
          for (std::int64_t c = 0; c < channels_; ++c) {
            if (values[c] == 0) continue;
            pe.memory[static_cast<std::size_t>(c * geometry_.phases() + phase)].push_back(
                {{place[0].at, place[1].at, place[2].at}, values[c]});
          }
        }
      }
    }
  }
}

/// A fully connected layer's inputs: those of the PE's part of each 16 x 16 plane.
void Datapath::load_folded(Pe& pe, std::int64_t number) {
  const map::Loops& loops = tile_.layer.loops;
  const std::int16_t* values = tile_.data.input().data() +
                               (tile_.box.batch * loops.groups + tile_.box.group) * loops.ins +
                               tile_.box.in0;
  for (std::int64_t c = 0; c < channels_; ++c) {
    if (geometry_.fold_owner(c) != number) continue;
    pe.present = true;
    if (values[c] != 0) pe.memory[static_cast<std::size_t>(c)].push_back({{}, values[c]});
  }
}

/// Computes the coordinates of a product: where its partial sum lies, if the tile has it.
Product Datapath::product(const Activation& neuron, const Entry& weight, std::int64_t group,
                          std::int64_t phase, std::int64_t& bank) const {
  const map::TileBox& box = tile_.box;
  const Tap& tap = geometry_.taps(phase)[static_cast<std::size_t>(weight.tap)];
  std::array<std::int64_t, 3> pixel;
  bool inside = true;
  for (std::size_t d = 0; d < 3; ++d) {
    pixel[d] = neuron.at[d] - tap.offset[d];
    inside = inside && pixel[d] >= box.begin[d] && pixel[d] < box.end[d];
  }
  const BankHash& hash = config_.hash;
  const std::int64_t mixed =
      pixel[2] + hash.row * pixel[1] + hash.frame * pixel[0] + hash.channel * weight.output;
  bank = (mixed % hash.banks + hash.banks) % hash.banks;
  if (!inside) return {0, -1};
  std::int64_t at = pixel[0] - box.begin[0];
  for (std::size_t d = 1; d < 3; ++d)
    at = at * (box.end[d] - box.begin[d]) + pixel[d] - box.begin[d];
  return {std::int64_t{neuron.value} * weight.value, at * outs_ + group * kc_ + weight.output};
}

/// Every cycle every bank takes one product; returns the cycles until all are empty.
std::int64_t Datapath::drain(Pe& pe) {
  std::int64_t cycles = 0;
  for (bool more = true; more; ++cycles) {
    more = false;
    for (std::vector<Product>& bank : pe.banks) {
      if (bank.empty()) continue;
      const Product product = bank.back();
      bank.pop_back();
      more = more || !bank.empty();
      if (product.sum < 0) continue;
      sums_[static_cast<std::size_t>(product.sum)] += product.value;
      tally(stats_, kBankRead, 1);
      tally(stats_, kBankWrite, 1);
      tally(stats_, Act::add, 1);
    }
  }
  return cycles;
}

/// One vector of activations meets one vector of weights; returns the cycles it takes.
std::int64_t Datapath::multiply(Pe& pe, std::span<const Activation> neurons,
                                std::span<const Entry> weights, std::int64_t group,
                                std::int64_t phase) {
  std::int64_t needed = 0;
  for (const Activation& neuron : neurons) {
    for (const Entry& weight : weights) {
      std::int64_t bank = 0;
      const Product made = product(neuron, weight, group, phase, bank);
      pe.banks[static_cast<std::size_t>(bank)].push_back(made);
      needed += made.sum >= 0;
    }
  }
  const auto products = static_cast<std::int64_t>(neurons.size() * weights.size());
  const std::int64_t cycles = drain(pe);
  stats_.pairs_issued += needed;
  stats_.pairs_effectual += needed;
  stats_[sim::Cause::work] += needed;
  // Neither a missing operand nor a product that no output needs is a pair.
  stats_[sim::Cause::underfill] += config_.multipliers() - needed;
  stats_[sim::Cause::index] += (cycles - 1) * config_.multipliers();
  tally(stats_, Act::multiply, products);
  tally(stats_, kCoordinate, products);
  tally(stats_, kRoute, products);
  tally(stats_, kFifoRead, 1);
  return cycles;
}

/// A PE's work on one channel; returns its cycles.
std::int64_t Datapath::run_channel(Pe& pe, std::int64_t group, std::int64_t channel) {
  std::int64_t cycles = 0;
  for (std::int64_t phase = 0; phase < geometry_.phases(); ++phase) {
    const auto number = static_cast<std::size_t>(channel * geometry_.phases() + phase);
    const std::span<const Activation> neurons = pe.memory[number];
    const std::span<const Entry> weights =
        streams_[static_cast<std::size_t>(group * channels_ * geometry_.phases()) + number];
    if (weights.empty()) continue;
    const auto i = static_cast<std::size_t>(config_.neurons);
    const auto f = static_cast<std::size_t>(config_.weights);
    for (std::size_t n = 0; n < neurons.size(); n += i) {
      tally(stats_, Act::neuron_read, 1);
      tally(stats_, Act::index_read, 1);
      for (std::size_t w = 0; w < weights.size(); w += f) {
        cycles += multiply(pe, neurons.subspan(n, std::min(i, neurons.size() - n)),
                           weights.subspan(w, std::min(f, weights.size() - w)), group, phase);
      }
    }
  }
  return cycles;
}

void Datapath::run() {
  std::vector<std::int64_t> busy(pes_.size());
  for (std::int64_t group = 0; group * kc_ < outs_; ++group) {
    for (std::int64_t first = 0; first < channels_; first += geometry_.barrier_channels()) {
      // 1. The weights of these channels are broadcast, and every PE goes through them.
      std::fill(busy.begin(), busy.end(), 0);
      const std::int64_t last = std::min(channels_, first + geometry_.barrier_channels());
      for (std::int64_t channel = first; channel < last; ++channel) {
        for (std::int64_t phase = 0; phase < geometry_.phases(); ++phase) {
          const std::int64_t stream = (group * channels_ + channel) * geometry_.phases() + phase;
          const std::int64_t rows =
              ceil_div(std::ssize(streams_[static_cast<std::size_t>(stream)]), config_.weights);
          tally(stats_, Act::synapse_read, rows);
          tally(stats_, Act::index_read, rows);
        }
        for (std::size_t p = 0; p < pes_.size(); ++p) {
          busy[p] += run_channel(pes_[p], group, channel);
        }
      }
      // 2. All wait for the slowest.
      const std::int64_t slowest = *std::max_element(busy.begin(), busy.end());
      stats_.cycles += slowest;
      for (std::size_t p = 0; p < pes_.size(); ++p) {
        stats_[pes_[p].present ? sim::Cause::imbalance : sim::Cause::underfill] +=
            (slowest - busy[p]) * config_.multipliers();
      }
    }
    // 3. When the sums are complete, those of the halos go to their owners.
    if (!tile_.box.last) continue;
    const std::int64_t cycles = geometry_.halo(tile_.box) * std::min(kc_, outs_ - group * kc_);
    stats_.cycles += cycles;
    stats_[sim::Cause::fill] += cycles * config_.pes() * config_.multipliers();
  }
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::scnn

#include <algorithm>
#include <vector>

#include "accel/cambricon_x/engine.h"
#include "accel/cambricon_x/format.h"
#include "array/actions.h"

namespace syncopate::accel::cambricon_x {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// Entries that an indexing module delivers between two waits for its scan: all of a step in fifo
/// mode, those of a window in window mode.
struct Pass {
  std::int32_t scans = 0;           ///< Windows to scan.
  std::int32_t begin = 0, end = 0;  ///< Slots.
};

/// What one PE holds for one output of the tile.
struct Output {
  std::vector<Entry> slots;  ///< What reaches the multipliers, in order.
  std::vector<Pass> passes;
  std::int64_t stored = 0;  ///< Entries in SB, fillers included.
};

/// One PE: its indexing module's place in the current step.
struct Pe {
  std::int64_t steps_done = 0;
  bool busy = false;
  std::size_t pass = 0;
  std::int32_t scans = 0, next = 0;
  const Output* output = nullptr;         ///< Its output in this step,
  const std::int16_t* neurons = nullptr;  ///< the step's neurons,
  std::int64_t* sum = nullptr;            ///< and where the partial sum goes.
};

/// The PEs at work on one tile. Steps are numbered through: output groups outside, pixels inside.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        pixels_(tile.box.pixels()),
        steps_(ceil_div(outs_, config.lanes) * pixels_),
        pes_(static_cast<std::size_t>(config.lanes)),
        neurons_(static_cast<std::size_t>(config.slack)) {
    load();
  }
  void run() {
    while (released_ < steps_) tick();
  }

 private:
  void load();
  void tick();
  void begin_step(Pe& pe, std::int64_t lane);
  void work(Pe& pe);
  void issue(const Pe& pe, std::int32_t end);
  void fetch(std::int64_t step);
  /// Output a lane owns in a step, or -1.
  std::int64_t output_of(std::int64_t step, std::int64_t lane) const {
    const std::int64_t out = step / pixels_ * config_.lanes + lane;
    return out < outs_ ? out : -1;
  }

  const Config& config_;
  const array::ConvTile& tile_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, pixels_, steps_;
  std::int64_t released_ = 0;  ///< Steps that all PEs have finished.
  std::int64_t fetched_ = 0;   ///< Steps whose neurons have been read.
  std::vector<Pe> pes_;
  std::vector<Output> outputs_;
  std::vector<std::vector<std::int16_t>> neurons_;  ///< Of the steps in flight.
};

/// Unpacks the tile's segment and cuts every PE's entries into passes.
void Datapath::load() {
  const auto step_bits = static_cast<int>(tile_.layer.own_field("steps", "bits"));
  const std::int64_t windows = ceil_div(tile_.patches.positions(), config_.window);
  for (std::vector<Entry>& entries : decode_steps(tile_.synapses, tile_.index, outs_, step_bits)) {
    Output output;
    output.stored = static_cast<std::int64_t>(entries.size());
    if (!config_.issue_fillers) std::erase_if(entries, [](const Entry& e) { return e.filler; });
    output.slots = std::move(entries);
    const auto slots = static_cast<std::int32_t>(output.slots.size());
    if (config_.fifo) {
      output.passes = {{static_cast<std::int32_t>(windows), 0, slots}};
    } else {
      std::int32_t at = 0;
      for (std::int64_t w = 1; w <= windows; ++w) {
        const std::int32_t begin = at;
        while (at < slots &&
               output.slots[static_cast<std::size_t>(at)].position < w * config_.window) {
          ++at;
        }
        output.passes.push_back({1, begin, at});
      }
    }
    outputs_.push_back(std::move(output));
  }
}

/// The buffer controller reads a step's neurons once for all PEs.
void Datapath::fetch(std::int64_t step) {
  if (step < fetched_) return;
  std::vector<std::int16_t>& neurons = neurons_[static_cast<std::size_t>(step % config_.slack)];
  neurons.resize(static_cast<std::size_t>(tile_.patches.positions()));
  tile_.patches.values(step % pixels_, neurons);
  tally(stats_, Act::neuron_read, ceil_div(tile_.patches.positions(), config_.width));
  ++fetched_;
}

void Datapath::begin_step(Pe& pe, std::int64_t lane) {
  const std::int64_t out = output_of(pe.steps_done, lane);
  fetch(pe.steps_done);
  if (out < 0) return;
  const Output& output = outputs_[static_cast<std::size_t>(out)];
  pe.busy = true;
  pe.pass = 0;
  pe.scans = output.passes[0].scans;
  pe.next = output.passes[0].begin;
  pe.output = &output;
  pe.neurons = neurons_[static_cast<std::size_t>(pe.steps_done % config_.slack)].data();
  pe.sum = &sums_[static_cast<std::size_t>(pe.steps_done % pixels_ * outs_ + out)];
  const std::int64_t rows = ceil_div(output.stored, config_.width);
  tally(stats_, Act::synapse_read, rows);
  tally(stats_, Act::index_read, rows);
  tally(stats_, Act::select, tile_.patches.positions());
}

/// Up to a row of slots meets the neurons their steps point at.
void Datapath::issue(const Pe& pe, std::int32_t end) {
  const Entry* const slot = pe.output->slots.data();
  std::int64_t tree = 0;
  std::int32_t effectual = 0, fillers = 0;
  for (std::int32_t i = pe.next; i < end; ++i) {
    const Entry& entry = slot[i];
    const std::int32_t neuron = pe.neurons[entry.position];
    tree += neuron * entry.value;
    fillers += entry.filler;
    effectual += static_cast<std::int32_t>(neuron != 0) & static_cast<std::int32_t>(!entry.filler);
  }
  *pe.sum += tree;
  const std::int64_t slots = end - pe.next, pairs = slots - fillers;
  stats_.pairs_issued += pairs;
  stats_.pairs_effectual += effectual;
  stats_[sim::Cause::work] += effectual;
  stats_[sim::Cause::bubble] += pairs - effectual;
  stats_[sim::Cause::index] += fillers;
  stats_[slots == 0 ? sim::Cause::index : sim::Cause::underfill] += config_.width - slots;
  tally(stats_, Act::multiply, slots);
  tally(stats_, Act::add, slots);
  tally(stats_, Act::pick, pairs);
}

/// One cycle of a busy PE.
void Datapath::work(Pe& pe) {
  const Output& output = *pe.output;
  const std::int32_t end = output.passes[pe.pass].end;
  const std::int32_t row_end = std::min(end, pe.next + static_cast<std::int32_t>(config_.width));
  issue(pe, row_end);
  pe.next = row_end;
  --pe.scans;
  if (pe.scans > 0 || pe.next < end) return;
  if (++pe.pass < output.passes.size()) {
    pe.scans = output.passes[pe.pass].scans;
    return;
  }
  pe.busy = false;
  ++pe.steps_done;
}

/// One cycle.
void Datapath::tick() {
  for (std::int64_t lane = 0; lane < config_.lanes; ++lane) {
    Pe& pe = pes_[static_cast<std::size_t>(lane)];
    // 1. An idle PE begins its next step, unless that is too far ahead of the slowest PE.
    while (!pe.busy && pe.steps_done < steps_ && pe.steps_done < released_ + config_.slack) {
      begin_step(pe, lane);
      if (!pe.busy) ++pe.steps_done;  // No output of its own: nothing to do in this step.
    }
    // 2. A busy PE scans a window and multiplies a row.
    if (pe.busy) {
      work(pe);
      continue;
    }
    // 3. An idle one waits for slower PEs, or has no output in the step that all wait for.
    const bool absent = output_of(released_, lane) < 0;
    stats_[absent ? sim::Cause::underfill : sim::Cause::imbalance] += config_.width;
  }
  // 4. Steps that all PEs have finished free the next ones.
  ++stats_.cycles;
  std::int64_t slowest = steps_;
  for (const Pe& pe : pes_) slowest = std::min(slowest, pe.steps_done);
  released_ = slowest;
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::cambricon_x

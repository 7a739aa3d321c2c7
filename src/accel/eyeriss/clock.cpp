#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/eyeriss/engine.h"
#include "accel/eyeriss/row_sets.h"

namespace syncopate::accel::eyeriss {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A set of PEs at work: rows of one kernel, or a chunk of them, on rows of one input map.
struct Job {
  std::int64_t frame = 0, kt = 0, in = 0, out = 0;
  std::int64_t row0 = 0, row1 = 0;  ///< Of the kernel.
  std::int64_t y0 = 0, y1 = 0;      ///< Of the output, in the tile.
};

/// One tile on the array.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        box_(tile.box),
        loops_(tile.layer.loops),
        stats_(stats),
        sums_(sums),
        sets_(config, loops_, box_),
        outs_(box_.out1 - box_.out0),
        ins_(box_.in1 - box_.in0),
        width_(box_.end[2] - box_.begin[2]),
        positions_(tile.patches.positions()),
        synapses_(tile.synapses.size() / 2) {
    if (!synapses_.empty()) {
      std::memcpy(synapses_.data(), tile.synapses.data(), tile.synapses.size());
    }
    windows_.resize(static_cast<std::size_t>(box_.pixels()));
    for (std::size_t p = 0; p < windows_.size(); ++p) {
      windows_[p].resize(static_cast<std::size_t>(positions_));
      tile.patches.values(static_cast<std::int64_t>(p), windows_[p]);
    }
  }

  void run();

 private:
  std::vector<Job> jobs() const;
  void start(const Job& job);
  std::int64_t step(const Job& job, std::int64_t x, std::int64_t kx);
  void buffer();

  const Config& config_;
  const map::TileBox& box_;
  const map::Loops& loops_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  RowSets sets_;
  std::int64_t outs_, ins_, width_, positions_;
  std::vector<std::int16_t> synapses_;
  std::vector<std::vector<std::int16_t>> windows_;  ///< Per pixel.
};

std::vector<Job> Datapath::jobs() const {
  const std::int64_t height = box_.end[1] - box_.begin[1];
  std::vector<Job> jobs;
  Job job;
  for (job.frame = 0; job.frame < box_.end[0] - box_.begin[0]; ++job.frame) {
    for (job.out = 0; job.out < outs_; ++job.out) {
      for (job.in = 0; job.in < ins_; ++job.in) {
        for (job.kt = 0; job.kt < loops_.kernel[0]; ++job.kt) {
          for (job.row0 = 0; job.row0 < loops_.kernel[1]; job.row0 += sets_.chunk_rows) {
            job.row1 = std::min(loops_.kernel[1], job.row0 + sets_.chunk_rows);
            for (job.y0 = 0; job.y0 < height; job.y0 += sets_.strip_rows) {
              job.y1 = std::min(height, job.y0 + sets_.strip_rows);
              jobs.push_back(job);
            }
          }
        }
      }
    }
  }
  return jobs;
}

/// Weights go to the filter stores while the set before still works.
void Datapath::start(const Job& job) {
  const std::int64_t words = (job.row1 - job.row0) * loops_.kernel[2];
  tally(stats_, kFilterWrite, words);
  // A kernel comes in one stretch.
  if (job.row0 == 0) {
    tally(stats_, Act::synapse_read, ceil_div(loops_.kernel[1] * loops_.kernel[2], 4));
  }
}

/// A cycle of one set: every PE multiplies for output column x, at kernel column kx. Returns the
/// PEs at work.
std::int64_t Datapath::step(const Job& job, std::int64_t x, std::int64_t kx) {
  const std::int64_t height = box_.end[1] - box_.begin[1];
  for (std::int64_t y = job.y0; y < job.y1; ++y) {
    const std::int64_t pixel = (job.frame * height + y) * width_ + x;
    std::int64_t sum = 0;
    for (std::int64_t row = job.row0; row < job.row1; ++row) {
      const std::int64_t k = (job.kt * loops_.kernel[1] + row) * loops_.kernel[2] + kx;
      const std::int64_t position = k * ins_ + job.in;
      const std::int16_t neuron =
          windows_[static_cast<std::size_t>(pixel)][static_cast<std::size_t>(position)];
      const std::int16_t weight =
          synapses_[static_cast<std::size_t>(job.out * positions_ + position)];
      tally(stats_, kNeuronRead, 1);
      stats_.pairs_effectual += neuron != 0 && weight != 0;
      if (neuron == 0 && config_.gating) continue;
      tally(stats_, kFilterRead, 1);
      tally(stats_, Act::multiply, 1);
      tally(stats_, Act::add, 1);
      tally(stats_, kSumUpdate, 1);
      sum += std::int64_t{neuron} * weight;
    }
    sums_[static_cast<std::size_t>(pixel * outs_ + job.out)] += sum;
    if (kx + 1 == loops_.kernel[2]) {  // The rows of this output are done: up the column.
      tally(stats_, kPass, job.row1 - job.row0 - 1);
      tally(stats_, Act::add, job.row1 - job.row0 - 1);
    }
  }
  return (job.row1 - job.row0) * (job.y1 - job.y0);
}

/// The global buffer: neurons for every group of filters, partial sums in every pass but the first.
void Datapath::buffer() {
  std::int64_t read = 1;  // Of one map.
  for (int d = 0; d < 3; ++d) {
    const auto i = static_cast<std::size_t>(d);
    const auto range = map::input_range(loops_, d, box_.begin[i], box_.end[i]);
    read *= range[1] - range[0];
  }
  for (std::int64_t out = 0; out < outs_; out += sets_.filters_at_once) {
    tally(stats_, Act::neuron_read, ceil_div(ins_ * read, 4));
  }
  for (std::int64_t pass = 1; pass < sets_.passes; ++pass) {
    const std::int64_t lines = outs_ * box_.pixels() / width_;
    tally(stats_, Act::sum_read, lines * ceil_div(width_, 4));
    tally(stats_, Act::sum_write, lines * ceil_div(width_, 4));
  }
}

void Datapath::run() {
  const std::vector<Job> all = jobs();
  for (std::size_t first = 0; first < all.size();) {
    // A wave: as many sets as fit.
    const std::size_t end = std::min(all.size(), first + static_cast<std::size_t>(sets_.copies));
    for (std::size_t j = first; j < end; ++j) start(all[j]);
    for (std::int64_t x = 0; x < width_; ++x) {
      for (std::int64_t kx = 0; kx < loops_.kernel[2]; ++kx) {
        std::int64_t working = 0;
        for (std::size_t j = first; j < end; ++j) working += step(all[j], x, kx);
        ++stats_.cycles;
        stats_.pairs_issued += working;
        stats_[sim::Cause::underfill] += config_.pes() - working;
      }
    }
    first = end;
  }
  stats_[sim::Cause::work] += stats_.pairs_effectual;
  stats_[sim::Cause::bubble] += stats_.pairs_issued - stats_.pairs_effectual;
  buffer();
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::eyeriss

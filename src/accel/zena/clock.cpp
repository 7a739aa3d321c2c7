#include <algorithm>
#include <vector>

#include "accel/zena/engine.h"
#include "accel/zena/schedule.h"
#include "array/actions.h"
#include "array/bitmap_format.h"

namespace syncopate::accel::zena {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A kernel waiting to be computed over a spatial tile.
struct Job {
  std::int32_t kernel = 0, part = 0;
};

/// One processing element.
struct Pe {
  std::vector<Job> queue;  ///< Its own jobs, from `head` on.
  std::size_t head = 0;
  std::int64_t queued = 0;  ///< Non-zero weights of the jobs in the queue.
  bool busy = false;
  Job job;
  std::int64_t delay = 0;            ///< Cycles until the first pair.
  std::int64_t pixel = 0, next = 0;  ///< The pair to come.
  std::int64_t active = 0;           ///< Cycles.
  bool worked = false;               ///< It has had a job.
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
        positions_(tile.patches.positions()),
        split_(split(config, tile.box.pixels(), outs_)),
        pes_(static_cast<std::size_t>(config.pes())) {
    load();
  }
  void run() {
    while (tick()) ++stats_.cycles;
    for (const Pe& pe : pes_) {
      const std::int64_t idle = stats_.cycles - pe.active;
      stats_[pe.worked ? sim::Cause::imbalance : sim::Cause::underfill] += idle;
    }
  }

 private:
  void load();
  bool tick();
  bool find_job(Pe& pe, std::int64_t number);
  void begin(Pe& pe, Job job, std::int64_t delay);
  void seek(Pe& pe) const;
  void work(Pe& pe);
  std::int64_t part_of(std::int64_t pe) const;
  void leave_queue(const Job& job) {
    --queued_[static_cast<std::size_t>(job.part)];
    --all_queued_;
  }
  const std::int16_t* neurons(std::int64_t pixel) const {
    return neurons_.data() + pixel * positions_;
  }
  const std::int16_t* weights(std::int64_t kernel) const {
    return weights_.data() + kernel * positions_;
  }

  const Config& config_;
  const array::ConvTile& tile_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, positions_;
  Split split_;
  std::vector<Pe> pes_;
  std::vector<std::int16_t> weights_;  ///< [kernel][position]
  std::vector<std::int16_t> neurons_;  ///< [pixel][position]
  std::vector<std::int32_t> nonzero_;  ///< Of each kernel.
  std::vector<std::int64_t> queued_;   ///< Jobs in queues, per spatial tile.
  std::int64_t all_queued_ = 0;        ///< Over all of them.
};

/// Unpacks the tile's kernels, broadcasts its neurons and fills the queues.
void Datapath::load() {
  weights_ = array::decode_bitmap(tile_.synapses, tile_.index, outs_, positions_);
  for (std::int64_t k = 0; k < outs_; ++k) {
    nonzero_.push_back(static_cast<std::int32_t>(
        positions_ - std::count(weights(k), weights(k) + positions_, std::int16_t{0})));
  }
  neurons_.resize(static_cast<std::size_t>(tile_.box.pixels() * positions_));
  for (std::int64_t pixel = 0; pixel < tile_.box.pixels(); ++pixel) {
    tile_.patches.values(pixel,
                         std::span(neurons_).subspan(static_cast<std::size_t>(pixel * positions_),
                                                     static_cast<std::size_t>(positions_)));
    tally(stats_, Act::neuron_read, ceil_div(positions_, config_.neuron_row));
  }
  for (std::int64_t part = 0; part < split_.parts; ++part) {
    const std::int64_t first = split_.pe_begin(part);
    const Allocation own = allocate(nonzero_, split_.pe_begin(part + 1) - first);
    for (std::size_t i = 0; i + 1 < own.begin.size(); ++i) {
      Pe& pe = pes_[static_cast<std::size_t>(first) + i];
      for (std::int32_t at = own.begin[i]; at < own.begin[i + 1]; ++at) {
        const std::int32_t kernel = own.kernels[static_cast<std::size_t>(at)];
        pe.queue.push_back({kernel, static_cast<std::int32_t>(part)});
        pe.queued += nonzero_[static_cast<std::size_t>(kernel)];
      }
    }
    queued_.push_back(outs_);
    all_queued_ += outs_;
  }
}

std::int64_t Datapath::part_of(std::int64_t pe) const {
  std::int64_t part = 0;
  while (split_.pe_begin(part + 1) <= pe) ++part;
  return part;
}

/// Its own next kernel, or the last one of who has most to do.
bool Datapath::find_job(Pe& pe, std::int64_t number) {
  if (pe.head < pe.queue.size()) {
    const Job job = pe.queue[pe.head++];
    pe.queued -= nonzero_[static_cast<std::size_t>(job.kernel)];
    leave_queue(job);
    begin(pe, job, config_.kernel_overhead);
    return true;
  }
  if (config_.steal == Steal::none) return false;
  const std::int64_t part = part_of(number);
  const bool local = config_.steal == Steal::local;
  if ((local ? queued_[static_cast<std::size_t>(part)] : all_queued_) == 0) return false;
  const std::int64_t first = local ? split_.pe_begin(part) : 0;
  const std::int64_t last = local ? split_.pe_begin(part + 1) : config_.pes();
  Pe* victim = nullptr;
  for (std::int64_t i = first; i < last; ++i) {
    Pe& other = pes_[static_cast<std::size_t>(i)];
    if (other.head == other.queue.size()) continue;
    if (victim == nullptr || other.queued > victim->queued) victim = &other;
  }
  if (victim == nullptr) return false;
  const Job job = victim->queue.back();
  victim->queue.pop_back();
  victim->queued -= nonzero_[static_cast<std::size_t>(job.kernel)];
  leave_queue(job);
  if (job.part != part) {  // The spatial tile's neurons have to come to another group.
    const std::int64_t pixels = split_.pixel_begin(job.part + 1) - split_.pixel_begin(job.part);
    tally(stats_, Act::neuron_read, pixels * ceil_div(positions_, config_.neuron_row));
  }
  begin(pe, job, config_.steal_cost + config_.kernel_overhead);
  return true;
}

/// Reads a kernel; it may turn out to have no pair, and then costs no more than its delay.
void Datapath::begin(Pe& pe, Job job, std::int64_t delay) {
  pe.worked = true;
  pe.job = job;
  pe.delay = delay;
  pe.pixel = split_.pixel_begin(job.part);
  pe.next = 0;
  const std::int64_t pixels = split_.pixel_begin(job.part + 1) - pe.pixel;
  seek(pe);
  pe.busy = delay > 0 || pe.pixel < split_.pixel_begin(job.part + 1);
  const std::int32_t stored = nonzero_[static_cast<std::size_t>(job.kernel)];
  tally(stats_, Act::synapse_read, ceil_div(stored, config_.synapse_row));
  tally(stats_, Act::index_read, ceil_div(positions_, config_.mask_row));
  tally(stats_, Act::select, pixels * positions_);
}

/// Moves on to the next pair of two non-zeros, or to the end of the spatial tile.
void Datapath::seek(Pe& pe) const {
  const std::int16_t* kernel = weights(pe.job.kernel);
  for (; pe.pixel < split_.pixel_begin(pe.job.part + 1); ++pe.pixel, pe.next = 0) {
    const std::int16_t* window = neurons(pe.pixel);
    while (pe.next < positions_ && (kernel[pe.next] == 0 || window[pe.next] == 0)) ++pe.next;
    if (pe.next < positions_) return;
  }
}

/// One cycle of a busy PE.
void Datapath::work(Pe& pe) {
  ++pe.active;
  if (pe.delay > 0) {
    --pe.delay;
    ++stats_[sim::Cause::index];
  } else {
    const std::int64_t product =
        std::int64_t{neurons(pe.pixel)[pe.next]} * weights(pe.job.kernel)[pe.next];
    sums_[static_cast<std::size_t>(pe.pixel * outs_ + pe.job.kernel)] += product;
    ++pe.next;
    seek(pe);
    ++stats_.pairs_issued;
    ++stats_.pairs_effectual;
    ++stats_[sim::Cause::work];
    tally(stats_, Act::multiply, 1);
    tally(stats_, Act::add, 1);
    tally(stats_, Act::pick, 2);
    tally(stats_, kOperandRead, 1);
  }
  pe.busy = pe.delay > 0 || pe.pixel < split_.pixel_begin(pe.job.part + 1);
}

/// One cycle; false when there is nothing left to do, and then nothing is booked.
bool Datapath::tick() {
  bool active = false;
  for (std::int64_t number = 0; number < config_.pes(); ++number) {
    Pe& pe = pes_[static_cast<std::size_t>(number)];
    // 1. Whoever has nothing looks for a kernel; one without pairs is done at once.
    while (!pe.busy && find_job(pe, number)) {
    }
    // 2. Whoever has one multiplies a pair; the others wait for the end of the tile.
    if (pe.busy) {
      work(pe);
      active = true;
    }
  }
  return active;
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::zena

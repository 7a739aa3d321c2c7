#include "accel/zena/stealing.h"

#include <algorithm>

#include "base/simd.h"

namespace syncopate::accel::zena {
namespace {

constexpr int kPeBits = 10;  ///< There are up to 1024 PEs.
constexpr std::int64_t kPeMask = (1 << kPeBits) - 1;
constexpr std::int64_t kNever = INT64_MAX;

SYNCOPATE_MULTIVERSION std::int64_t lowest(const std::int64_t* keys, std::int64_t count) {
  std::int64_t best = kNever;
  for (std::int64_t i = 0; i < count; ++i) best = keys[i] < best ? keys[i] : best;
  return best;
}

SYNCOPATE_MULTIVERSION std::int64_t largest(const std::int64_t* keys, std::int64_t count) {
  std::int64_t best = -1;
  for (std::int64_t i = 0; i < count; ++i) best = keys[i] > best ? keys[i] : best;
  return best;
}

/// The queue of one PE.
struct Queue {
  const std::int32_t* kernels = nullptr;
  std::int32_t head = 0, tail = 0, part = 0;
  std::int64_t queued = 0;  ///< Non-zero weights.
};

/// PEs [first, last), who may steal from each other.
class Play {
 public:
  Play(const Config& config, const Jobs& jobs) : config_(config), jobs_(jobs) {}
  void run(std::int64_t first_part, std::int64_t last_part);
  const Outcome& outcome() const { return outcome_; }

 private:
  void fill(std::int64_t first_part, std::int64_t last_part);
  void skip_ahead();
  std::int64_t take_own(std::size_t pe);
  void steal(std::size_t pe, std::int64_t now);
  std::int64_t time_of(std::int32_t part, std::int32_t kernel) const {
    const auto kernels = static_cast<std::int64_t>(jobs_.nonzero.size());
    return jobs_.pairs[static_cast<std::size_t>(part * kernels + kernel)] + config_.kernel_overhead;
  }
  /// Orders PEs by queued weights, lower numbers first among equals; -1 with nothing queued.
  void update_claim(std::size_t pe) {
    const Queue& q = queues_[pe];
    claims_[pe] =
        q.head == q.tail ? -1 : (q.queued << kPeBits) + kPeMask - static_cast<std::int64_t>(pe);
  }

  const Config& config_;
  const Jobs& jobs_;
  Outcome outcome_;
  std::vector<Queue> queues_;
  std::vector<std::int64_t> free_;    ///< When a PE is free, and its number; kNever when done.
  std::vector<std::int64_t> claims_;  ///< See update_claim.
  std::vector<std::uint8_t> worked_;
};

void Play::fill(std::int64_t first_part, std::int64_t last_part) {
  queues_.clear();
  for (std::int64_t part = first_part; part < last_part; ++part) {
    const Allocation& own = *jobs_.own[static_cast<std::size_t>(part)];
    for (std::size_t i = 0; i + 1 < own.begin.size(); ++i) {
      Queue& q = queues_.emplace_back();
      q.kernels = own.kernels.data();
      q.head = own.begin[i];
      q.tail = own.begin[i + 1];
      q.part = static_cast<std::int32_t>(part);
      for (std::int32_t at = q.head; at < q.tail; ++at) {
        q.queued += jobs_.nonzero[static_cast<std::size_t>(q.kernels[at])];
      }
    }
  }
  free_.assign(queues_.size(), 0);
  claims_.assign(queues_.size(), -1);
  worked_.assign(queues_.size(), 0);
}

/// Starts a PE's next own kernel; returns its cycles.
std::int64_t Play::take_own(std::size_t pe) {
  Queue& q = queues_[pe];
  const std::int32_t kernel = q.kernels[q.head++];
  q.queued -= jobs_.nonzero[static_cast<std::size_t>(kernel)];
  worked_[pe] = 1;
  return time_of(q.part, kernel);
}

/// Everything before the first PE has worked off its queue; without stealing, everything.
void Play::skip_ahead() {
  std::int64_t limit = kNever;
  for (std::size_t pe = 0; pe < queues_.size() && config_.steal != Steal::none; ++pe) {
    const Queue& q = queues_[pe];
    std::int64_t end = 0;
    for (std::int32_t at = q.head; at < q.tail; ++at) end += time_of(q.part, q.kernels[at]);
    limit = std::min(limit, (end << kPeBits) + static_cast<std::int64_t>(pe));
  }
  for (std::size_t pe = 0; pe < queues_.size(); ++pe) {
    std::int64_t now = static_cast<std::int64_t>(pe);
    while (queues_[pe].head < queues_[pe].tail && now < limit) now += take_own(pe) << kPeBits;
    free_[pe] = now;
    update_claim(pe);
  }
}

void Play::steal(std::size_t pe, std::int64_t now) {
  const std::int64_t claim =
      config_.steal == Steal::none
          ? -1
          : largest(claims_.data(), static_cast<std::int64_t>(claims_.size()));
  if (claim < 0) {
    outcome_.cycles = std::max(outcome_.cycles, now >> kPeBits);
    free_[pe] = kNever;
    return;
  }
  const auto from = static_cast<std::size_t>(kPeMask - (claim & kPeMask));
  Queue& victim = queues_[from];
  const std::int32_t kernel = victim.kernels[--victim.tail];
  victim.queued -= jobs_.nonzero[static_cast<std::size_t>(kernel)];
  update_claim(from);
  worked_[pe] = 1;
  ++outcome_.stolen;
  if (victim.part != queues_[pe].part) {
    outcome_.moved_pixels +=
        jobs_.split.pixel_begin(victim.part + 1) - jobs_.split.pixel_begin(victim.part);
  }
  free_[pe] = now + ((time_of(victim.part, kernel) + config_.steal_cost) << kPeBits);
}

void Play::run(std::int64_t first_part, std::int64_t last_part) {
  fill(first_part, last_part);
  skip_ahead();
  for (;;) {
    const std::int64_t now = lowest(free_.data(), static_cast<std::int64_t>(free_.size()));
    if (now == kNever) break;
    const auto pe = static_cast<std::size_t>(now & kPeMask);
    if (queues_[pe].head < queues_[pe].tail) {
      free_[pe] = now + (take_own(pe) << kPeBits);
      update_claim(pe);
    } else {
      steal(pe, now);
    }
  }
  for (const std::uint8_t worked : worked_) outcome_.worked += worked;
}

}  // namespace

Outcome play(const Config& config, const Jobs& jobs) {
  Play play(config, jobs);
  if (config.steal == Steal::all) {
    play.run(0, jobs.split.parts);
  } else {
    for (std::int64_t part = 0; part < jobs.split.parts; ++part) play.run(part, part + 1);
  }
  return play.outcome();
}

}  // namespace syncopate::accel::zena

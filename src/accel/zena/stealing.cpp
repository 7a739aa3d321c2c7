#include "accel/zena/stealing.h"

#include <algorithm>

#include "base/simd.h"

namespace syncopate::accel::zena {
namespace {

constexpr int kPeBits = 10;  ///< There are up to 1024 PEs.
constexpr std::int64_t kPeMask = (1 << kPeBits) - 1;

SYNCOPATE_MULTIVERSION std::int64_t lowest(const std::int64_t* keys, std::int64_t count) {
  std::int64_t best = INT64_MAX;
  for (std::int64_t i = 0; i < count; ++i) best = keys[i] < best ? keys[i] : best;
  return best;
}

SYNCOPATE_MULTIVERSION std::int64_t largest(const std::int64_t* keys, std::int64_t count) {
  std::int64_t best = -1;
  for (std::int64_t i = 0; i < count; ++i) best = keys[i] > best ? keys[i] : best;
  return best;
}

/// The queue of one PE, and how far the play has followed it.
struct Queue {
  const std::int32_t* kernels = nullptr;
  std::int32_t begin = 0, head = 0, tail = 0, part = 0;
  std::int64_t queued = 0;  ///< Non-zero weights from head to tail.
  std::int64_t start = 0;   ///< When the PE takes the kernel at `head`: time and PE.
};

/// PEs of spatial tiles [first, last), who may steal from each other. Times carry the PE's number
/// in their low bits, so that the lowest PE goes first among equals. Only the moments when a PE's
/// queue is empty are events; what the others took from theirs before is caught up with when a
/// thief looks at them.
class Play {
 public:
  Play(const Config& config, const Jobs& jobs) : config_(config), jobs_(jobs) {}
  void run(std::int64_t first_part, std::int64_t last_part);
  const Outcome& outcome() const { return outcome_; }

 private:
  void fill(std::int64_t first_part, std::int64_t last_part);
  void look_back(std::size_t pe, std::int64_t now);
  void catch_up(std::size_t pe, std::int64_t now);
  bool steal(std::size_t pe, std::int64_t now);
  std::int64_t time_of(std::int32_t part, std::int32_t kernel) const {
    const auto kernels = static_cast<std::int64_t>(jobs_.nonzero.size());
    const std::int64_t pairs = jobs_.pairs[static_cast<std::size_t>(part * kernels + kernel)];
    return (pairs + config_.kernel_overhead) << kPeBits;
  }
  /// Orders PEs by queued weights, lower numbers first among equals; -1 with nothing queued. More
  /// than is true until the PE has been caught up with.
  void update_claim(std::size_t pe) {
    const Queue& q = queues_[pe];
    claims_[pe] =
        q.head == q.tail ? -1 : (q.queued << kPeBits) + kPeMask - static_cast<std::int64_t>(pe);
  }

  const Config& config_;
  const Jobs& jobs_;
  Outcome outcome_;
  std::vector<Queue> queues_;
  std::vector<std::int64_t> free_;    ///< When a PE's queue is empty.
  std::vector<std::int64_t> claims_;  ///< See update_claim.
  std::vector<std::uint8_t> worked_;
};

void Play::fill(std::int64_t first_part, std::int64_t last_part) {
  queues_.clear();
  free_.clear();
  for (std::int64_t part = first_part; part < last_part; ++part) {
    const Allocation& own = *jobs_.own[static_cast<std::size_t>(part)];
    for (std::size_t i = 0; i + 1 < own.begin.size(); ++i) {
      std::int64_t free = std::ssize(queues_);
      Queue& q = queues_.emplace_back();
      q.kernels = own.kernels.data();
      q.begin = own.begin[i];
      q.head = q.tail = own.begin[i + 1];
      q.part = static_cast<std::int32_t>(part);
      for (std::int32_t at = q.begin; at < q.tail; ++at) free += time_of(q.part, q.kernels[at]);
      free_.push_back(free);
    }
  }
  claims_.resize(queues_.size());
  worked_.assign(queues_.size(), 0);
}

/// Finds what a PE has not taken before `now`, from the end of its queue: little, when the first
/// queue is empty.
void Play::look_back(std::size_t pe, std::int64_t now) {
  Queue& q = queues_[pe];
  q.start = free_[pe];
  for (; q.head > q.begin; --q.head) {
    const std::int32_t kernel = q.kernels[q.head - 1];
    const std::int64_t before = q.start - time_of(q.part, kernel);
    if (before < now) break;
    q.start = before;
    q.queued += jobs_.nonzero[static_cast<std::size_t>(kernel)];
  }
  update_claim(pe);
}

/// Lets a PE take all of its kernels that it takes before `now`.
void Play::catch_up(std::size_t pe, std::int64_t now) {
  Queue& q = queues_[pe];
  for (; q.head < q.tail && q.start < now; ++q.head) {
    const std::int32_t kernel = q.kernels[q.head];
    q.queued -= jobs_.nonzero[static_cast<std::size_t>(kernel)];
    q.start += time_of(q.part, kernel);
  }
  update_claim(pe);
}

/// Takes the last kernel of whom has most to do; false when nobody has any.
bool Play::steal(std::size_t pe, std::int64_t now) {
  for (;;) {
    const std::int64_t claim = largest(claims_.data(), static_cast<std::int64_t>(claims_.size()));
    if (claim < 0) return false;
    const auto from = static_cast<std::size_t>(kPeMask - (claim & kPeMask));
    Queue& victim = queues_[from];
    if (victim.start < now) {  // The claim is out of date.
      catch_up(from, now);
      continue;
    }
    const std::int32_t kernel = victim.kernels[--victim.tail];
    const std::int64_t time = time_of(victim.part, kernel);
    victim.queued -= jobs_.nonzero[static_cast<std::size_t>(kernel)];
    free_[from] -= time;
    update_claim(from);
    worked_[pe] = 1;
    ++outcome_.stolen;
    if (victim.part != queues_[pe].part) {
      outcome_.moved_pixels +=
          jobs_.split.pixel_begin(victim.part + 1) - jobs_.split.pixel_begin(victim.part);
    }
    free_[pe] = now + time + (config_.steal_cost << kPeBits);
    return true;
  }
}

void Play::run(std::int64_t first_part, std::int64_t last_part) {
  fill(first_part, last_part);
  const auto pes = static_cast<std::int64_t>(free_.size());
  std::int64_t now = lowest(free_.data(), pes);
  for (std::size_t pe = 0; pe < queues_.size() && config_.steal != Steal::none; ++pe) {
    look_back(pe, now);
  }
  for (bool more = config_.steal != Steal::none; more;) {
    const auto pe = static_cast<std::size_t>(now & kPeMask);
    catch_up(pe, now + 1);
    more = steal(pe, now);
    if (more) now = lowest(free_.data(), pes);
  }
  // Nobody has anything queued any more: all finish what they have.
  outcome_.cycles = std::max(outcome_.cycles, largest(free_.data(), pes) >> kPeBits);
  for (std::size_t pe = 0; pe < queues_.size(); ++pe) {
    outcome_.worked += worked_[pe] || queues_[pe].tail > queues_[pe].begin;
  }
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

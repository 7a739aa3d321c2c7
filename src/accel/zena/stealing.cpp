#include "accel/zena/stealing.h"

#include <algorithm>

#include "base/simd.h"

namespace syncopate::accel::zena {
namespace {

constexpr int kPeBits = 10;  ///< There are up to 1024 PEs.
constexpr std::int64_t kPeMask = (1 << kPeBits) - 1;
constexpr std::int64_t kNone = INT64_MAX;  ///< A key that is never the lowest.

SYNCOPATE_MULTIVERSION std::int64_t lowest_of(const std::int64_t* keys, std::int64_t count) {
  std::int64_t best = kNone;
  for (std::int64_t i = 0; i < count; ++i) best = keys[i] < best ? keys[i] : best;
  return best;
}

/// Keys of which the lowest is always known.
class Keys {
 public:
  /// As many keys, not set yet.
  void reset(std::int64_t count) {
    keys_.assign(static_cast<std::size_t>((count + kGroup - 1) / kGroup * kGroup), kNone);
    groups_.assign(keys_.size() / kGroup, kNone);
  }
  std::int64_t operator[](std::size_t i) const { return keys_[i]; }
  void set(std::size_t i, std::int64_t key) {
    keys_[i] = key;
    update(i / kGroup);
  }
  /// Sets a key before the first question; `update_all` ends this.
  void set_early(std::size_t i, std::int64_t key) { keys_[i] = key; }
  void update_all() {
    for (std::size_t group = 0; group < groups_.size(); ++group) update(group);
  }
  std::int64_t lowest() const {
    return lowest_of(groups_.data(), static_cast<std::int64_t>(groups_.size()));
  }

 private:
  static constexpr std::int64_t kGroup = 16;
  void update(std::size_t group) {
    groups_[group] = lowest_of(keys_.data() + group * kGroup, kGroup);
  }
  std::vector<std::int64_t> keys_, groups_;
};

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
  /// Orders PEs by queued weights, the most and the lower number first. Says too much until the PE
  /// has been caught up with.
  std::int64_t claim(std::size_t pe) const {
    const Queue& q = queues_[pe];
    if (q.head == q.tail) return kNone;
    return static_cast<std::int64_t>(pe) - (q.queued << kPeBits);
  }

  const Config& config_;
  const Jobs& jobs_;
  Outcome outcome_;
  std::vector<Queue> queues_;
  Keys free_;    ///< When a PE's queue is empty.
  Keys claims_;  ///< See claim().
  std::vector<std::uint8_t> worked_;
};

void Play::fill(std::int64_t first_part, std::int64_t last_part) {
  queues_.clear();
  for (std::int64_t part = first_part; part < last_part; ++part) {
    const Allocation& own = *jobs_.own[static_cast<std::size_t>(part)];
    for (std::size_t i = 0; i + 1 < own.begin.size(); ++i) {
      Queue& q = queues_.emplace_back();
      q.kernels = own.kernels.data();
      q.begin = own.begin[i];
      q.head = q.tail = own.begin[i + 1];
      q.part = static_cast<std::int32_t>(part);
    }
  }
  free_.reset(std::ssize(queues_));
  claims_.reset(std::ssize(queues_));
  for (std::size_t pe = 0; pe < queues_.size(); ++pe) {
    const Queue& q = queues_[pe];
    auto free = static_cast<std::int64_t>(pe);
    for (std::int32_t at = q.begin; at < q.tail; ++at) free += time_of(q.part, q.kernels[at]);
    free_.set_early(pe, free);
  }
  free_.update_all();
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
  claims_.set_early(pe, claim(pe));
}

/// Lets a PE take all of its kernels that it takes before `now`.
void Play::catch_up(std::size_t pe, std::int64_t now) {
  Queue& q = queues_[pe];
  for (; q.head < q.tail && q.start < now; ++q.head) {
    const std::int32_t kernel = q.kernels[q.head];
    q.queued -= jobs_.nonzero[static_cast<std::size_t>(kernel)];
    q.start += time_of(q.part, kernel);
  }
  claims_.set(pe, claim(pe));
}

/// Takes the last kernel of whom has most to do; false when nobody has any.
bool Play::steal(std::size_t pe, std::int64_t now) {
  for (;;) {
    const std::int64_t most = claims_.lowest();
    if (most == kNone) return false;
    const auto from = static_cast<std::size_t>(most & kPeMask);
    Queue& victim = queues_[from];
    if (victim.start < now) {  // The claim is out of date.
      catch_up(from, now);
      continue;
    }
    const std::int32_t kernel = victim.kernels[--victim.tail];
    const std::int64_t time = time_of(victim.part, kernel);
    victim.queued -= jobs_.nonzero[static_cast<std::size_t>(kernel)];
    free_.set(from, free_[from] - time);
    claims_.set(from, claim(from));
    worked_[pe] = 1;
    ++outcome_.stolen;
    if (victim.part != queues_[pe].part) {
      outcome_.moved_pixels +=
          jobs_.split.pixel_begin(victim.part + 1) - jobs_.split.pixel_begin(victim.part);
    }
    free_.set(pe, now + time + (config_.steal_cost << kPeBits));
    return true;
  }
}

void Play::run(std::int64_t first_part, std::int64_t last_part) {
  fill(first_part, last_part);
  std::int64_t now = free_.lowest();
  for (std::size_t pe = 0; pe < queues_.size() && config_.steal != Steal::none; ++pe) {
    look_back(pe, now);
  }
  claims_.update_all();
  for (bool more = config_.steal != Steal::none; more;) {
    const auto pe = static_cast<std::size_t>(now & kPeMask);
    catch_up(pe, now + 1);
    more = steal(pe, now);
    if (more) now = free_.lowest();
  }
  // Nobody has anything queued any more: all finish what they have.
  for (std::size_t pe = 0; pe < queues_.size(); ++pe) {
    outcome_.cycles = std::max(outcome_.cycles, free_[pe] >> kPeBits);
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

#include "sim/dram_memory.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace syncopate::sim {
namespace {

// While a streak is not possible, whether it is has to be asked again, but not all the time.
constexpr int kTicksBetweenStreaks = 16, kOffersBetweenStreaks = 6;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

DramMemory::DramMemory(const DramSpec& spec, std::int64_t clock_mhz, bool streaks)
    : burst_bytes_(spec.burst_bytes()), live_(spec), drained_(spec), streaks_(streaks) {
  streaks_ = streaks && live_.only_channel() != nullptr;
  // A machine cycle lasts 10^6 / MHz ps, a DRAM clock tck_ps.
  const std::int64_t common = std::gcd<std::int64_t>(1'000'000, clock_mhz * spec.tck_ps);
  cycle_scale_ = 1'000'000 / common;
  clock_scale_ = clock_mhz * spec.tck_ps / common;
}

std::int64_t DramMemory::dram_clock(std::int64_t cycle) const {
  return ceil_div(cycle * cycle_scale_, clock_scale_);
}

std::int64_t DramMemory::machine_cycle(std::int64_t clock) const {
  return ceil_div(clock * clock_scale_, cycle_scale_);
}

// Goes on from what was drained before `clock`, if it was: it is the same then.
void DramMemory::resume(std::int64_t clock) {
  if (drained_by_ == Drained::copy && clock >= drained_clock_) {
    live_ = drained_;
    live_clock_ = drained_clock_;
    live_wake_ = drained_wake_;
  } else if (drained_by_ == Drained::streak && clock >= streak_.clock()) {
    leave_streak();
  }
  while (live_wake_ < clock) {
    live_clock_ = live_wake_ + 1;
    live_wake_ = live_.tick(live_wake_);
  }
  live_clock_ = std::max(live_clock_, clock);
}

bool DramMemory::enter_streak() {
  in_streak_ = streaks_ && streak_.load(*live_.only_channel(), live_clock_, live_wake_);
  return in_streak_;
}

void DramMemory::leave_streak() {
  streak_.store(*live_.only_channel());
  live_clock_ = streak_.clock();
  live_wake_ = streak_.wake();
  live_.wake_only_channel(live_wake_);
  in_streak_ = false;
}

void DramMemory::offer(std::uint64_t address, bool write) {
  const DramPlace place = live_.place(address);
  const std::uint64_t burst = address / static_cast<std::uint64_t>(burst_bytes_);
  if (in_streak_ || (!write && --until_streak_ <= 0 && enter_streak())) {
    if (!write && streak_.offer(burst, place)) return;
    leave_streak();
  }
  if (until_streak_ <= 0) until_streak_ = kOffersBetweenStreaks;
  offer_slowly(address, place, write);
}

void DramMemory::offer_slowly(std::uint64_t address, const DramPlace& place, bool write) {
  while (!live_.offer(live_clock_, address, place, write)) {
    live_clock_ = std::max(live_clock_, live_wake_);
    live_wake_ = live_.tick(live_clock_);
    ++live_clock_;
  }
  live_wake_ = live_.tick(live_clock_);
  ++live_clock_;
}

void DramMemory::drain() {
  if (in_streak_) {
    leave_streak();
    in_streak_ = true;  // it goes on from there
  }
  if ((in_streak_ || enter_streak()) && streak_.drain()) {
    in_streak_ = false;
    drained_by_ = Drained::streak;
    last_data_ = streak_.last_data();
    return;
  }
  drained_by_ = Drained::copy;
  drained_ = live_;
  drained_clock_ = live_clock_;
  drained_wake_ = live_wake_;
  for (bool streak = std::exchange(in_streak_, false); drained_.busy();) {
    if (streak) {
      // It has gone as far as it could.
      streak_.store(*drained_.only_channel());
      drained_clock_ = streak_.clock();
      drained_wake_ = std::max(streak_.wake(), drained_clock_);
      drained_.wake_only_channel(drained_wake_);
    }
    for (int ticks = 0; ticks < kTicksBetweenStreaks && drained_.busy(); ++ticks) {
      drained_clock_ = drained_wake_ + 1;
      drained_wake_ = drained_.tick(drained_wake_);
    }
    streak = streaks_ && streak_.load(*drained_.only_channel(), drained_clock_, drained_wake_);
    if (streak) streak_.drain();
  }
  last_data_ = drained_.last_data();
}

DramCounts DramMemory::counts() const {
  Dram rest = live_;
  for (std::int64_t clock = live_wake_; rest.busy();) clock = rest.tick(clock);
  return rest.counts(std::max(live_clock_, rest.last_data()));
}

std::int64_t DramMemory::serve(std::int64_t earliest, const Transfer& transfer, bool write) {
  if (transfer.bytes <= 0) return earliest;
  if (transfer.runs < 1) broken("a DMA transfer of {} runs", transfer.runs);
  resume(dram_clock(earliest));
  const auto burst = static_cast<std::uint64_t>(burst_bytes_);
  std::uint64_t last = UINT64_MAX;
  for (std::int64_t run = 0; run < transfer.runs; ++run) {
    // What does not divide evenly goes to the first runs.
    const std::int64_t bytes =
        transfer.bytes / transfer.runs + (run < transfer.bytes % transfer.runs ? 1 : 0);
    if (bytes == 0) break;
    const std::uint64_t begin = transfer.address + static_cast<std::uint64_t>(run * transfer.pitch);
    const std::uint64_t end = begin + static_cast<std::uint64_t>(bytes);
    for (std::uint64_t block = begin / burst; block * burst < end; ++block) {
      if (block == last) continue;  // runs that share a burst fetch it once
      last = block;
      offer(block * burst, write);
    }
  }
  drain();
  return std::max(earliest, machine_cycle(last_data_));
}

}  // namespace syncopate::sim

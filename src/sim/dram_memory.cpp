#include "sim/dram_memory.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace syncopate::sim {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

DramMemory::DramMemory(const DramSpec& spec, std::int64_t clock_mhz)
    : burst_bytes_(spec.burst_bytes()), live_(spec), drained_(spec) {
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

// Goes on from the drained copy when it was drained before `clock`: it is the same then.
void DramMemory::resume(std::int64_t clock) {
  if (clock >= drained_clock_) {
    live_ = drained_;
    live_clock_ = drained_clock_;
    live_wake_ = drained_wake_;
  }
  while (live_wake_ < clock) {
    live_clock_ = live_wake_ + 1;
    live_wake_ = live_.tick(live_wake_);
  }
  live_clock_ = std::max(live_clock_, clock);
}

void DramMemory::offer(std::uint64_t address, bool write) {
  const DramPlace place = live_.place(address);
  while (!live_.offer(live_clock_, address, place, write)) {
    live_clock_ = std::max(live_clock_, live_wake_);
    live_wake_ = live_.tick(live_clock_);
    ++live_clock_;
  }
  live_wake_ = live_.tick(live_clock_);
  ++live_clock_;
}

void DramMemory::drain() {
  drained_ = live_;
  drained_clock_ = live_clock_;
  drained_wake_ = live_wake_;
  while (drained_.busy()) {
    drained_clock_ = drained_wake_ + 1;
    drained_wake_ = drained_.tick(drained_wake_);
  }
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
  return std::max(earliest, machine_cycle(drained_.last_data()));
}

}  // namespace syncopate::sim

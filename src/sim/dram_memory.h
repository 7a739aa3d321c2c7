#pragma once

#include <cstdint>

#include "sim/dram.h"
#include "sim/memory.h"

namespace syncopate::sim {

/// A DRAM system behind a machine's DMA engine, which offers one burst per DRAM clock, in order.
/// The bursts of a transfer may follow those of the one before while its data is still on the way;
/// a transfer is done when its last data has moved, supposing that nothing follows it.
///
/// Clocks convert exactly: both periods are rational numbers of picoseconds. A transfer begins at
/// the first DRAM clock not before its machine cycle, and ends at the first machine cycle not
/// before its last data.
class DramMemory final : public Memory {
 public:
  DramMemory(const DramSpec& spec, std::int64_t clock_mhz);
  std::int64_t serve(std::int64_t earliest, const Transfer& transfer, bool write) override;
  /// Counts so far, until the last data has moved.
  DramCounts counts() const { return drained_.counts(drained_clock_); }
  /// DRAM clock at which everything served so far was done.
  std::int64_t clocks() const { return drained_.last_data(); }

 private:
  std::int64_t dram_clock(std::int64_t cycle) const;
  std::int64_t machine_cycle(std::int64_t clock) const;
  void resume(std::int64_t clock);
  void offer(std::uint64_t address, bool write);
  void drain();

  std::int64_t burst_bytes_;
  std::int64_t cycle_scale_, clock_scale_;  ///< cycle * cycle_scale_ = clock * clock_scale_.
  // `live_` has been taken through every clock before live_clock_; its queues may hold requests.
  Dram live_;
  std::int64_t live_clock_ = 0, live_wake_ = 0;
  // The same after serving what it held, and nothing else.
  Dram drained_;
  std::int64_t drained_clock_ = 0, drained_wake_ = 0;
};

}  // namespace syncopate::sim

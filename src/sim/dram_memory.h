#pragma once

#include <cstdint>

#include "sim/dram.h"
#include "sim/dram_streak.h"
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
  /// `streaks`: whether reads of open rows may take the short way (see DramStreak). It changes no
  /// clock; tests compare both.
  DramMemory(const DramSpec& spec, std::int64_t clock_mhz, bool streaks = true);
  std::int64_t serve(std::int64_t earliest, const Transfer& transfer, bool write) override;
  /// Counts so far, until the last data has moved.
  DramCounts counts() const;
  /// DRAM clock at which everything served so far was done.
  std::int64_t clocks() const { return last_data_; }

 private:
  std::int64_t dram_clock(std::int64_t cycle) const;
  std::int64_t machine_cycle(std::int64_t clock) const;
  void resume(std::int64_t clock);
  void offer(std::uint64_t address, bool write);
  void offer_slowly(std::uint64_t address, const DramPlace& place, bool write);
  bool enter_streak();
  void leave_streak();
  void drain();

  std::int64_t burst_bytes_;
  std::int64_t cycle_scale_, clock_scale_;  ///< cycle * cycle_scale_ = clock * clock_scale_.
  // `live_` has been taken through every clock before live_clock_; its queues may hold requests.
  Dram live_;
  std::int64_t live_clock_ = 0, live_wake_ = 0;
  // What comes after `live_` when nothing follows: either the same after serving what it held, or a
  // streak that has done so.
  enum class Drained : std::uint8_t { none, copy, streak };
  Drained drained_by_ = Drained::copy;
  Dram drained_;
  std::int64_t drained_clock_ = 0, drained_wake_ = 0;
  std::int64_t last_data_ = 0;
  bool streaks_;
  int until_streak_ = 0;    ///< Offers before it is tried again.
  bool in_streak_ = false;  ///< streak_ holds what live_ waits for.
  DramStreak streak_;
};

}  // namespace syncopate::sim

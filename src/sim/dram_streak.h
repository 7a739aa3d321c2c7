#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/dram_channel.h"

namespace syncopate::sim {

/// A channel while all that waits are reads of open rows, and writes whose time has not come: then
/// nothing but reads and moves of reads to their banks can happen until the next refresh or the
/// last read, and few banks take part. Streams spend most of their time so. Takes a channel over,
/// plays it forward clock for clock as the channel itself would, and gives it back.
class DramStreak {
 public:
  /// Whether `channel` is in such a state at `clock`, the next one not yet visited; takes its
  /// requests over if so (a copy: the channel is left alone until `store`).
  bool load(const DramChannel& channel, std::int64_t clock, std::int64_t wake);
  /// Waits until the channel has room, then adds a read. False, without adding it, when it is not
  /// of an open row or a refresh comes first.
  bool offer(std::uint64_t burst, const DramPlace& place);
  /// Serves all; false when a refresh or a write comes before the end.
  bool drain();
  /// Brings `channel`, the one loaded, to the state reached. May go on afterwards.
  void store(DramChannel& channel);
  /// Next clock not yet visited, and the next one at which anything can happen.
  std::int64_t clock() const { return clock_; }
  std::int64_t wake() const { return wake_; }
  std::int64_t last_data() const { return counts_.last_data; }

 private:
  struct Item {
    std::uint64_t burst = 0;
    std::int64_t arrival = 0, age = 0;
  };
  /// A bank with requests, all of its open row.
  struct Lane {
    int bank = 0, group = 0, rank = 0;
    std::int64_t ready = 0;            ///< Earliest clock of the next read.
    std::int64_t last = -1;            ///< Clock of the last read.
    std::vector<Item> items;           ///< Oldest first.
    std::size_t begin = 0, moved = 0;  ///< Items [begin, moved) wait at the bank.
    std::int64_t reads = 0;
    std::size_t at_bank() const { return moved - begin; }
  };
  static constexpr std::size_t kLanes = 6;

  Lane* lane_of(int bank, std::int64_t row);
  void store(Lane& lane, DramChannel& channel);
  std::int64_t gap(const Lane& from, const Lane& to) const;
  void read(Lane& lane);
  bool tick();

  const DramChannel* channel_ = nullptr;
  std::vector<Lane> lanes_ = std::vector<Lane>(kLanes);
  std::size_t used_ = 0;  ///< Of lanes_.
  bool holds_writes_ = false;
  std::size_t total_ = 0;    ///< Items not yet read.
  std::size_t waiting_ = 0;  ///< Items not yet moved to their banks.
  std::int64_t clock_ = 0, wake_ = 0, next_age_ = 0;
  std::int64_t same_group_ = 0, same_rank_ = 0, other_rank_ = 0;
  DramCounts counts_;
  std::vector<std::pair<std::int64_t, DramChannel::Slot>> unmoved_;  ///< By age, in `store`.
};

}  // namespace syncopate::sim

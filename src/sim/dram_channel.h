#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "sim/dram_spec.h"

namespace syncopate::sim {

/// Counts of a channel, for bandwidth, latency and energy.
struct DramCounts {
  std::int64_t reads = 0, writes = 0;
  std::int64_t activates = 0, refreshes = 0;
  std::int64_t forwarded = 0;    ///< Reads answered from a waiting write.
  std::int64_t latency_sum = 0;  ///< Of reads: arrival to last data, in clocks.
  std::int64_t latency_min = INT64_MAX, latency_max = 0;
  std::int64_t last_data = 0;         ///< Clock when the latest data so far has moved.
  std::int64_t open_rank_clocks = 0;  ///< Sum over ranks of clocks with a row open.
  void add(const DramCounts& other);
};

/// A command as it went over the bus, for checks and traces.
struct DramCommand {
  enum class Kind : std::uint8_t { precharge, activate, read, write, refresh };
  std::int64_t clock = 0;
  Kind kind = Kind::read;
  int bank = 0;  ///< As in DramPlace; the rank's first bank for a refresh.
  std::int64_t row = 0;
};

/// The controller and banks of one DRAM channel. Requests wait in a read and a write queue, move to
/// queues at the banks (one per clock), and are served first-ready, first-come: of all commands
/// that are allowed, reads and writes go before activates and precharges, older requests before
/// younger. A row is kept open until another is asked for; after `row_hit_cap` accesses an older
/// request to another row goes first. Writes wait until the write queue is nearly full or no read
/// waits. Refresh of whole ranks, staggered, goes before everything.
///
/// The clock is an argument: nothing happens between the clocks a caller visits, and `tick` says
/// which clock to visit next.
class DramChannel {
 public:
  explicit DramChannel(const DramSpec& spec);

  bool can_accept(bool write) const {
    return write ? writes_.size() < write_cap_ : reads_.size() < read_cap_;
  }
  /// Adds a request at clock `now`; needs can_accept.
  void accept(std::int64_t now, std::uint64_t burst, const DramPlace& place, bool write);
  /// One clock: at most one command on the bus, and one request moved to its bank. Returns the next
  /// clock, later than `now`, at which anything can happen without new requests.
  std::int64_t tick(std::int64_t now);
  /// Whether requests wait. Data of the last ones may still be on its way, see counts().last_data.
  bool busy() const { return waiting_ != 0; }
  const DramCounts& counts() const { return counts_; }
  /// Appends every command from now on to `log`, which must outlive the channel; null: none.
  void log_commands(std::vector<DramCommand>* log) { log_ = log; }
  /// Clocks up to `now` during which a rank had a row open, summed over ranks.
  std::int64_t open_rank_clocks(std::int64_t now) const;

 private:
  friend class DramStreak;
  struct Request {
    std::uint64_t burst = 0;
    std::int64_t arrival = 0;
    std::int64_t age = 0;
    std::int32_t row = 0;
    std::uint8_t bank = 0;
    bool write = false;
  };
  static constexpr int kMaxBanks = 64;
  static constexpr int kMaxBankQueue = 16;
  using Slot = std::uint16_t;  ///< Of a request in pool_.
  static constexpr Slot kNobody = 0xFFFF;
  /// Requests that wait for a place at their banks.
  struct Queue {
    std::vector<Slot> slots;                         ///< Oldest first.
    std::array<std::uint16_t, kMaxBanks> of_bank{};  ///< How many.
    std::uint64_t banks = 0;                         ///< Those with any.
    bool stuck = true;                               ///< None of them can move.
    Slot awaited = kNobody;  ///< When stuck: a read that a write here must not overtake.
    std::size_t size() const { return slots.size(); }
    bool empty() const { return slots.empty(); }
    void push(Slot slot, int bank);
    void clear();
    void erase(std::vector<Slot>::iterator at, int bank);
  };
  /// What a bank needs next.
  enum class Command : std::uint8_t { precharge, activate, read, write, none };

  struct Bank {
    std::int64_t activate = 0, precharge = 0, column = 0;  ///< Earliest clocks.
    std::int32_t open_row = -1;
    std::int32_t hits = 0;     ///< Accesses since the row was opened.
    std::uint8_t waiting = 0;  ///< Requests in `queue`.
    std::uint8_t next = 0;     ///< Index in `queue` of the request served next.
    std::uint8_t rank = 0;
    std::uint8_t group = 0;  ///< Counted across ranks.
    Command command = Command::none;
    std::array<Slot, kMaxBankQueue> queue{};
  };
  /// What the scheduler looks at in all banks at once, so that vectors of banks are compared.
  struct alignas(64) Candidates {
    using Banks = std::array<std::int64_t, kMaxBanks>;
    Banks ready;                  ///< Earliest clock of the bank's command.
    Banks key;                    ///< Its priority (smaller first), then the bank.
    Banks command;                ///< As a Command.
    Banks group, rank;            ///< Of the bank; groups across ranks.
    std::array<Banks, 4> limits;  ///< Earliest clocks of each command, by what spans banks.
  };
  struct Rank {
    std::array<std::int64_t, 4> activates{};  ///< Ring of the clocks of the last four.
    std::size_t oldest = 0;
    int open_banks = 0;
    std::int64_t open_since = 0;
    std::int64_t next_refresh = 0;
    bool refresh_due = false;
  };
  /// The best command, unless something changes before `clock`.
  struct Choice {
    std::int64_t clock = INT64_MAX;
    std::int64_t key = INT64_MAX;  ///< At equal clocks the smaller goes first.
    int bank = -1;                 ///< Or -1 - rank for a refresh step.
  };
  static bool before(const Choice& a, const Choice& b) {
    return a.clock < b.clock || (a.clock == b.clock && a.key < b.key);
  }

  Choice refresh_step(int rank, std::int64_t from) const;
  Choice candidate(int bank, std::int64_t from) const;
  void choose(std::int64_t from);
  /// Finds what a bank needs next.
  void plan(int bank);
  void drop(int bank);
  void issue(std::int64_t now);
  void issue_refresh_step(int rank, std::int64_t from);
  void activate(int index, std::int64_t now);
  void precharge(int index, std::int64_t now);
  void column(int index, std::int64_t now);
  void reserve_bus(const Bank& bank, bool write, std::int64_t now);
  /// A command may not follow before these clocks: in the bank's group, rank, in other ranks.
  void delay(const Bank& bank, Command command, std::int64_t group, std::int64_t rank,
             std::int64_t others);
  const Request& front(const Bank& bank) const { return pool_[bank.queue[bank.next]]; }
  void log(std::int64_t now, DramCommand::Kind kind, int bank) const;
  void finish(const Request& request, std::int64_t clock);
  void note_refreshes(std::int64_t now);
  /// The oldest request that can move to its bank, or the end.
  std::vector<Slot>::iterator find_movable(Queue& queue);
  bool move_one(std::int64_t now);
  bool forwards(std::uint64_t burst, const Bank& bank) const;
  /// The oldest waiting read of the data that `request` writes; a write must not overtake it.
  Slot read_before(const Request& request) const;
  void update_draining();

  DramTiming timing_;
  std::int64_t burst_ = 0;
  std::int64_t read_to_write_ = 0, write_to_read_s_ = 0, write_to_read_l_ = 0;
  std::size_t read_cap_ = 0, write_cap_ = 0, write_high_ = 0, write_low_ = 0;
  int bank_cap_ = 0, hit_cap_ = 0, banks_per_rank_ = 0, groups_per_rank_ = 0;

  std::vector<Bank> banks_;
  Candidates candidates_;
  int vectors_ = 0;  ///< Of candidates to compare.
  std::vector<Rank> ranks_;
  std::vector<Request> pool_;
  std::vector<Slot> free_;  ///< Unused slots of pool_.
  Queue reads_, writes_;
  /// Waiting reads, and writes there or at banks, by the low bits of their bursts.
  static constexpr std::size_t kFilter = 256;
  std::array<std::uint16_t, kFilter> read_filter_{}, write_filter_{};
  std::uint64_t full_ = 0;    ///< Banks whose queue is full.
  std::uint64_t frozen_ = 0;  ///< Banks of ranks that wait for their refresh.
  std::int64_t waiting_ = 0, reads_at_banks_ = 0;
  std::int64_t next_age_ = 0, next_refresh_ = 0;
  bool draining_ = false;
  Choice choice_;  ///< The command issued next.
  DramCounts counts_;
  std::vector<DramCommand>* log_ = nullptr;
};

}  // namespace syncopate::sim

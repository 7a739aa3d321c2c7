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
  struct Request {
    std::uint64_t burst = 0;
    std::int64_t arrival = 0;
    std::int64_t age = 0;
    std::int32_t row = 0;
    std::uint8_t bank = 0;
    bool write = false;
  };
  /// What a bank needs next.
  enum class Command : std::uint8_t { precharge, activate, read, write, none };
  static constexpr int kMaxBanks = 64;
  static constexpr int kMaxBankQueue = 16;
  static constexpr int kNobody = kMaxBanks;

  struct Bank {
    std::int64_t activate = 0, precharge = 0, column = 0;  ///< Earliest clocks.
    std::int32_t open_row = -1;
    std::int32_t hits = 0;     ///< Accesses since the row was opened.
    std::uint8_t waiting = 0;  ///< Requests in `queue`.
    std::uint8_t next = 0;     ///< Index in `queue` of the request served next.
    std::uint8_t rank = 0;
    std::uint8_t group = 0;  ///< Counted across ranks.
    std::array<Request, kMaxBankQueue> queue;
  };
  /// The next command of a bank, as the scheduler compares them.
  struct Candidate {
    std::int64_t earliest = 0;  ///< By the constraints of the bank itself.
    std::int64_t key = 0;       ///< Priority (smaller first), then the bank.
    std::int32_t limit = 0;     ///< Index into limits_.
    Command command = Command::none;
  };
  /// Candidates fall into classes that mostly wait for different things, so that one command
  /// changes the earliest clocks of one class: columns (reads, writes), activates, precharges.
  static constexpr std::size_t kClasses = 3;
  static std::size_t class_of(Command command);
  struct Rank {
    std::array<std::int64_t, 4> activates{};  ///< Ring of the clocks of the last four.
    std::size_t oldest = 0;
    int open_banks = 0;
    std::int64_t open_since = 0;
    std::int64_t next_refresh = 0;
    bool refresh_due = false;
  };
  /// The best command of a class or of all, unless something changes before `clock`.
  struct Choice {
    std::int64_t clock = INT64_MAX;
    std::int64_t key = INT64_MAX;  ///< At equal clocks the smaller goes first.
    int bank = -1;                 ///< Or -1 - rank for a refresh step.
  };
  static bool before(const Choice& a, const Choice& b) {
    return a.clock < b.clock || (a.clock == b.clock && a.key < b.key);
  }

  /// Earliest clock of a command in a group (counted across ranks), by constraints that span banks.
  std::int64_t& limit(int group, Command command) {
    return limits_[static_cast<std::size_t>(group * 4 + static_cast<int>(command))];
  }
  Choice refresh_step(int rank, std::int64_t from) const;
  Choice best_of(std::uint64_t banks, std::int64_t from) const;
  void choose(std::int64_t from);
  /// Finds what a bank needs next; it may be issued from `from` on.
  void plan(int bank, std::int64_t from);
  void drop(int bank);
  void issue(std::int64_t now);
  void issue_refresh_step(int rank, std::int64_t from);
  void activate(int index, std::int64_t now);
  void precharge(int index, std::int64_t now);
  void column(int index, std::int64_t now);
  void reserve_bus(const Bank& bank, bool write, std::int64_t now);
  void limit_rank(int rank, Command command, std::int64_t at_least);
  void log(std::int64_t now, DramCommand::Kind kind, int bank) const;
  void finish(const Request& request, std::int64_t clock);
  void note_refreshes(std::int64_t now);
  bool move_one(std::int64_t now);
  bool forwards(std::uint64_t burst, const Bank& bank) const;
  void update_draining();

  DramTiming timing_;
  std::int64_t burst_ = 0;
  std::int64_t read_to_write_ = 0, write_to_read_s_ = 0, write_to_read_l_ = 0;
  std::size_t read_cap_ = 0, write_cap_ = 0, write_high_ = 0, write_low_ = 0;
  int bank_cap_ = 0, hit_cap_ = 0, banks_per_rank_ = 0, groups_per_rank_ = 0;

  std::vector<Bank> banks_;
  std::array<Candidate, kMaxBanks> candidates_;
  std::vector<std::int64_t> limits_;  ///< Per group and command.
  std::vector<Rank> ranks_;
  std::vector<Request> reads_, writes_;  ///< Oldest first.
  std::uint64_t full_ = 0;               ///< Banks whose queue is full.
  std::uint64_t frozen_ = 0;             ///< Banks of ranks that wait for their refresh.
  std::int64_t waiting_ = 0, reads_at_banks_ = 0, writes_at_banks_ = 0;
  std::int64_t next_age_ = 0, next_refresh_ = 0;
  bool draining_ = false;
  bool reads_stuck_ = true, writes_stuck_ = true;  ///< No request of that queue can move.
  std::array<std::uint64_t, kClasses> members_{};  ///< Banks with a candidate of a class.
  std::array<Choice, kClasses> best_;              ///< Of each class.
  std::array<bool, kClasses> stale_{};             ///< best_ must be found again.
  Choice choice_;                                  ///< The command issued next.
  DramCounts counts_;
  std::vector<DramCommand>* log_ = nullptr;
};

}  // namespace syncopate::sim

#include "sim/dram_channel.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace syncopate::sim {
namespace {

// A candidate's key is its age, plus kRowCommand for activates and precharges so that reads and
// writes go first, above the number of its bank. Ages of waiting requests differ by less than
// kAgeSpan.
constexpr int kBankBits = 6;
constexpr int kKeyBits = 33 + kBankBits;
constexpr std::int64_t kRowCommand = std::int64_t{1} << 32;
constexpr std::int64_t kAgeSpan = std::int64_t{1} << 31;

std::uint64_t bit(int index) { return std::uint64_t{1} << index; }

void raise(std::int64_t& time, std::int64_t at_least) { time = std::max(time, at_least); }

}  // namespace

void DramCounts::add(const DramCounts& other) {
  reads += other.reads;
  writes += other.writes;
  activates += other.activates;
  refreshes += other.refreshes;
  forwarded += other.forwarded;
  latency_sum += other.latency_sum;
  latency_min = std::min(latency_min, other.latency_min);
  latency_max = std::max(latency_max, other.latency_max);
  last_data = std::max(last_data, other.last_data);
  open_rank_clocks += other.open_rank_clocks;
}

DramChannel::DramChannel(const DramSpec& spec)
    : timing_(spec.timing),
      burst_(spec.burst_cycles()),
      read_cap_(static_cast<std::size_t>(spec.read_queue)),
      write_cap_(static_cast<std::size_t>(spec.write_queue)),
      write_high_(static_cast<std::size_t>(spec.write_high)),
      write_low_(static_cast<std::size_t>(spec.write_low)),
      bank_cap_(spec.bank_queue),
      hit_cap_(spec.row_hit_cap),
      banks_per_rank_(spec.banks()),
      groups_per_rank_(spec.bank_groups) {
  read_to_write_ = std::max<std::int64_t>(1, timing_.cl + burst_ + timing_.rtrs - timing_.cwl);
  write_to_read_s_ = timing_.cwl + burst_ + timing_.wtr_s;
  write_to_read_l_ = timing_.cwl + burst_ + timing_.wtr_l;
  banks_.resize(static_cast<std::size_t>(spec.ranks * spec.banks()));
  limits_.resize(static_cast<std::size_t>(spec.ranks * spec.bank_groups * 4));
  ranks_.resize(static_cast<std::size_t>(spec.ranks));
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    banks_[b].group = static_cast<std::uint8_t>(b / static_cast<std::size_t>(spec.banks_per_group));
    banks_[b].rank = static_cast<std::uint8_t>(b / static_cast<std::size_t>(spec.banks()));
  }
  // Ranks refresh in turn, so that one of them can always serve.
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    ranks_[r].activates.fill(-timing_.faw);
    ranks_[r].next_refresh = timing_.refi * static_cast<std::int64_t>(r + 1) / spec.ranks;
  }
  next_refresh_ = ranks_.front().next_refresh;
  reads_.reserve(read_cap_);
  writes_.reserve(write_cap_);
}

bool DramChannel::forwards(std::uint64_t burst, const Bank& bank) const {
  const auto same = [&](const Request& waiting) { return waiting.write && waiting.burst == burst; };
  return std::any_of(writes_.begin(), writes_.end(), same) ||
         std::any_of(bank.queue.begin(), bank.queue.begin() + bank.waiting, same);
}

void DramChannel::accept(std::int64_t now, std::uint64_t burst, const DramPlace& place,
                         bool write) {
  const Request request{burst,
                        now,
                        next_age_++,
                        static_cast<std::int32_t>(place.row),
                        static_cast<std::uint8_t>(place.bank),
                        write};
  if (!write && (!writes_.empty() || writes_at_banks_ > 0) &&
      forwards(burst, banks_[request.bank])) {
    ++counts_.forwarded;
    finish(request, now + 1);
    return;
  }
  ++waiting_;
  (write ? writes_ : reads_).push_back(request);
  if ((full_ & bit(request.bank)) == 0) (write ? writes_stuck_ : reads_stuck_) = false;
}

// One clock: (1) ranks whose refresh is due stop taking commands, (2) the chosen command is issued,
// (3) a waiting request moves to its bank, to be considered from the next clock on.
std::int64_t DramChannel::tick(std::int64_t now) {
  if (now >= next_refresh_) note_refreshes(now);
  if (choice_.clock <= now) {
    issue(now);
    choose(now + 1);
  }
  const bool moved = move_one(now);
  const std::int64_t next = std::min(choice_.clock, next_refresh_);
  return moved && !(reads_.empty() && writes_.empty()) ? now + 1 : next;
}

void DramChannel::note_refreshes(std::int64_t now) {
  next_refresh_ = INT64_MAX;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    Rank& rank = ranks_[r];
    if (now >= rank.next_refresh) {
      rank.next_refresh += timing_.refi;
      rank.refresh_due = true;
      const std::uint64_t banks =
          banks_per_rank_ == 64 ? ~std::uint64_t{0} : bit(banks_per_rank_) - 1;
      frozen_ |= banks << (static_cast<int>(r) * banks_per_rank_);
      for (int b = 0; b < banks_per_rank_; ++b) drop(static_cast<int>(r) * banks_per_rank_ + b);
    }
    next_refresh_ = std::min(next_refresh_, rank.next_refresh);
  }
  choose(now);
}

std::size_t DramChannel::class_of(Command command) {
  return command >= Command::read ? 0 : static_cast<std::size_t>(command) + 1;
}

DramChannel::Choice DramChannel::best_of(std::uint64_t banks, std::int64_t from) const {
  // One number per bank that sorts by clock, then key: no branches. Keys count from the oldest age
  // possible, so that they fit.
  const std::int64_t base = (next_age_ - kAgeSpan) * (1 << kBankBits);
  std::int64_t best = INT64_MAX;
  for (; banks != 0; banks &= banks - 1) {
    const Candidate& candidate = candidates_[static_cast<std::size_t>(std::countr_zero(banks))];
    const std::int64_t shared = limits_[static_cast<std::size_t>(candidate.limit)];
    const std::int64_t wait = std::max({candidate.earliest, shared, from}) - from;
    best = std::min(best, (wait << kKeyBits) + (candidate.key - base));
  }
  if (best == INT64_MAX) return {};
  const int bank = static_cast<int>(best & (kMaxBanks - 1));
  return {from + (best >> kKeyBits), candidates_[static_cast<std::size_t>(bank)].key, bank};
}

DramChannel::Choice DramChannel::refresh_step(int rank, std::int64_t from) const {
  const bool close = ranks_[static_cast<std::size_t>(rank)].open_banks > 0;
  std::int64_t clock = from;
  for (int b = rank * banks_per_rank_; b < (rank + 1) * banks_per_rank_; ++b) {
    const Bank& bank = banks_[static_cast<std::size_t>(b)];
    if (!close) clock = std::max(clock, bank.activate);
    if (close && bank.open_row >= 0) clock = std::max(clock, bank.precharge);
  }
  return {clock, -1, -1 - rank};
}

void DramChannel::choose(std::int64_t from) {
  choice_ = Choice{};
  for (std::size_t c = 0; c < kClasses; ++c) {
    // Once its clock has passed, others of the class may have become ready and be older.
    if (stale_[c] || best_[c].clock < from) best_[c] = best_of(members_[c], from);
    stale_[c] = false;
    if (before(best_[c], choice_)) choice_ = best_[c];
  }
  if (frozen_ == 0) return;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    if (!ranks_[r].refresh_due) continue;
    const Choice step = refresh_step(static_cast<int>(r), from);
    if (step.clock <= choice_.clock) choice_ = step;
  }
}

void DramChannel::drop(int index) {
  Candidate& candidate = candidates_[static_cast<std::size_t>(index)];
  if (candidate.command == Command::none) return;
  const std::size_t own = class_of(candidate.command);
  members_[own] &= ~bit(index);
  if (best_[own].bank == index) stale_[own] = true;
  candidate.command = Command::none;
}

void DramChannel::plan(int index, std::int64_t from) {
  drop(index);
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  if (bank.waiting == 0 || (frozen_ & bit(index)) != 0) return;
  Candidate& candidate = candidates_[static_cast<std::size_t>(index)];
  candidate.command = Command::activate;
  candidate.earliest = bank.activate;
  bank.next = 0;
  if (bank.open_row >= 0) {
    std::uint8_t hit = 0;
    while (hit < bank.waiting && bank.queue[hit].row != bank.open_row) ++hit;
    if (hit == 0 || (hit < bank.waiting && bank.hits < hit_cap_)) {
      bank.next = hit;
      candidate.command = bank.queue[hit].write ? Command::write : Command::read;
      candidate.earliest = bank.column;
    } else {
      candidate.command = Command::precharge;
      candidate.earliest = bank.precharge;
    }
  }
  const std::int64_t age = bank.queue[bank.next].age;
  const std::int64_t order = age + (candidate.command < Command::read ? kRowCommand : 0);
  candidate.key = order * (1 << kBankBits) + index;
  candidate.limit = bank.group * 4 + static_cast<int>(candidate.command);
  const std::size_t own = class_of(candidate.command);
  members_[own] |= bit(index);
  const Choice choice = best_of(bit(index), from);
  if (!stale_[own] && before(choice, best_[own])) best_[own] = choice;
}

void DramChannel::issue(std::int64_t now) {
  const int index = choice_.bank;
  if (index < 0) {
    issue_refresh_step(-1 - index, now);
    return;
  }
  switch (candidates_[static_cast<std::size_t>(index)].command) {
    case Command::activate:
      activate(index, now);
      break;
    case Command::precharge:
      precharge(index, now);
      break;
    case Command::read:
    case Command::write:
      column(index, now);
      break;
    case Command::none:
      broken("a DRAM bank without requests was chosen");
  }
  plan(index, now + 1);
}

void DramChannel::issue_refresh_step(int index, std::int64_t now) {
  Rank& rank = ranks_[static_cast<std::size_t>(index)];
  const bool close = rank.open_banks > 0;
  for (int b = index * banks_per_rank_; b < (index + 1) * banks_per_rank_; ++b) {
    Bank& bank = banks_[static_cast<std::size_t>(b)];
    if (close && bank.open_row >= 0) precharge(b, now);
    if (!close) bank.activate = now + timing_.rfc;
    if (!close) frozen_ &= ~bit(b);
    plan(b, now + 1);
  }
  if (!close) {
    log(now, DramCommand::Kind::refresh, index * banks_per_rank_);
    rank.refresh_due = false;
    ++counts_.refreshes;
  }
}

void DramChannel::limit_rank(int rank, Command command, std::int64_t at_least) {
  stale_[class_of(command)] = true;
  for (int g = rank * groups_per_rank_; g < (rank + 1) * groups_per_rank_; ++g) {
    raise(limit(g, command), at_least);
  }
}

void DramChannel::activate(int index, std::int64_t now) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  bank.open_row = bank.queue[bank.next].row;
  bank.hits = 0;
  log(now, DramCommand::Kind::activate, index);
  raise(bank.activate, now + timing_.rc());
  raise(bank.column, now + timing_.rcd);
  raise(bank.precharge, now + timing_.ras);
  Rank& rank = ranks_[bank.rank];
  rank.activates[rank.oldest] = now;
  rank.oldest = (rank.oldest + 1) % rank.activates.size();
  const std::int64_t other_group =
      std::max(now + timing_.rrd_s, rank.activates[rank.oldest] + timing_.faw);
  limit_rank(bank.rank, Command::activate, other_group);
  raise(limit(bank.group, Command::activate), now + timing_.rrd_l);
  if (rank.open_banks++ == 0) rank.open_since = now;
  ++counts_.activates;
}

void DramChannel::precharge(int index, std::int64_t now) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  log(now, DramCommand::Kind::precharge, index);
  bank.open_row = -1;
  raise(bank.activate, now + timing_.rp);
  limit_rank(bank.rank, Command::precharge, now + timing_.ppd);
  Rank& rank = ranks_[bank.rank];
  if (--rank.open_banks == 0) counts_.open_rank_clocks += now - rank.open_since;
}

void DramChannel::reserve_bus(const Bank& bank, bool write, std::int64_t now) {
  // Between ranks the data bus must turn around: data of this burst, then tRTRS, then the other's.
  const std::int64_t turned = now + (write ? timing_.cwl : timing_.cl) + burst_ + timing_.rtrs;
  for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) {
    if (r == bank.rank) continue;
    limit_rank(r, Command::read, turned - timing_.cl);
    limit_rank(r, Command::write, turned - timing_.cwl);
  }
  const Command own = write ? Command::write : Command::read;
  limit_rank(bank.rank, own, now + std::max(burst_, timing_.ccd_s));
  raise(limit(bank.group, own), now + std::max(burst_, timing_.ccd_l));
  if (write) {
    limit_rank(bank.rank, Command::read, now + write_to_read_s_);
    raise(limit(bank.group, Command::read), now + write_to_read_l_);
  } else {
    limit_rank(bank.rank, Command::write, now + read_to_write_);
  }
}

void DramChannel::column(int index, std::int64_t now) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  const Request request = bank.queue[bank.next];
  const std::int64_t data = now + (request.write ? timing_.cwl : timing_.cl) + burst_;
  log(now, request.write ? DramCommand::Kind::write : DramCommand::Kind::read, index);
  reserve_bus(bank, request.write, now);
  raise(bank.precharge, request.write ? data + timing_.wr : now + timing_.rtp);
  (request.write ? writes_at_banks_ : reads_at_banks_) -= 1;
  ++bank.hits;
  std::copy(bank.queue.begin() + bank.next + 1, bank.queue.begin() + bank.waiting,
            bank.queue.begin() + bank.next);
  --bank.waiting;
  --waiting_;
  full_ &= ~bit(index);
  reads_stuck_ = writes_stuck_ = false;
  finish(request, data);
}

void DramChannel::log(std::int64_t now, DramCommand::Kind kind, int bank) const {
  if (log_ == nullptr) return;
  log_->push_back({now, kind, bank, banks_[static_cast<std::size_t>(bank)].open_row});
}

void DramChannel::finish(const Request& request, std::int64_t clock) {
  raise(counts_.last_data, clock);
  if (request.write) {
    ++counts_.writes;
    return;
  }
  const std::int64_t latency = clock - request.arrival;
  ++counts_.reads;
  counts_.latency_sum += latency;
  counts_.latency_min = std::min(counts_.latency_min, latency);
  counts_.latency_max = std::max(counts_.latency_max, latency);
}

void DramChannel::update_draining() {
  if (draining_) {
    if (writes_.empty() || (writes_.size() <= write_low_ && !reads_.empty())) draining_ = false;
  } else if (!writes_.empty()) {
    draining_ = writes_.size() >= write_high_ || (reads_.empty() && reads_at_banks_ == 0);
  }
}

bool DramChannel::move_one(std::int64_t now) {
  update_draining();
  std::vector<Request>& queue = draining_ ? writes_ : reads_;
  bool& stuck = draining_ ? writes_stuck_ : reads_stuck_;
  if (queue.empty() || stuck) return false;
  const auto may_move = [&](const Request& request) {
    if ((full_ & bit(request.bank)) != 0) return false;
    // A write must not overtake a read of the same data.
    return !request.write || std::none_of(reads_.begin(), reads_.end(), [&](const Request& read) {
      return read.burst == request.burst;
    });
  };
  const auto found = std::find_if(queue.begin(), queue.end(), may_move);
  if (found == queue.end()) {
    stuck = true;
    return false;
  }
  const int index = found->bank;
  Bank& bank = banks_[found->bank];
  const Command before = candidates_[found->bank].command;
  bank.queue[bank.waiting++] = *found;
  (found->write ? writes_at_banks_ : reads_at_banks_) += 1;
  if (bank.waiting == bank_cap_) full_ |= bit(index);
  queue.erase(found);
  if (bank.waiting == 1 || before == Command::precharge) {
    plan(index, now + 1);
    choose(now + 1);
  }
  return true;
}

std::int64_t DramChannel::open_rank_clocks(std::int64_t now) const {
  std::int64_t clocks = counts_.open_rank_clocks;
  for (const Rank& rank : ranks_) {
    if (rank.open_banks > 0) clocks += now - rank.open_since;
  }
  return clocks;
}

}  // namespace syncopate::sim

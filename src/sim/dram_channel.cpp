#include "sim/dram_channel.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/simd.h"

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

// A bank without a command is ready never; all other waits are shorter than kLongWait.
constexpr std::int64_t kNever = INT64_MAX;
constexpr std::int64_t kLongWait = std::int64_t{1} << (62 - kKeyBits);

// Banks are compared in vectors of this many; those that do not exist are never ready.
constexpr int kVector = 8;

// One number per bank that sorts by clock, then key: no branches. Keys count from `base`.
SYNCOPATE_MULTIVERSION std::int64_t earliest_of(const std::int64_t* ready, const std::int64_t* key,
                                                int vectors, std::int64_t from, std::int64_t base) {
  std::int64_t best = INT64_MAX;
  for (int b = 0; b < vectors * kVector; ++b) {
    const std::int64_t wait = std::min(std::max(ready[b], from) - from, kLongWait);
    best = std::min(best, (wait << kKeyBits) + (key[b] - base));
  }
  return best;
}

// Raises the limits of a command, by where the bank is (same group, rest of the rank, other ranks),
// and what follows from them for the banks that wait for that command.
SYNCOPATE_MULTIVERSION void raise_limits(std::int64_t* limits, std::int64_t* ready,
                                         const std::int64_t* command, const std::int64_t* group,
                                         const std::int64_t* rank, int vectors,
                                         const std::array<std::int64_t, 6>& what) {
  const auto [own_command, own_group, own_rank, in_group, in_rank, in_others] = what;
  for (int b = 0; b < vectors * kVector; ++b) {
    const std::int64_t until =
        group[b] == own_group ? in_group : (rank[b] == own_rank ? in_rank : in_others);
    const std::int64_t limit = std::max(limits[b], until);
    limits[b] = limit;
    ready[b] = std::max(ready[b], command[b] == own_command ? limit : 0);
  }
}

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
  ranks_.resize(static_cast<std::size_t>(spec.ranks));
  candidates_.ready.fill(kNever);
  candidates_.key.fill(0);
  candidates_.command.fill(static_cast<std::int64_t>(Command::none));
  candidates_.group.fill(-1);
  candidates_.rank.fill(-1);
  for (Candidates::Banks& limits : candidates_.limits) limits.fill(0);
  vectors_ = (static_cast<int>(banks_.size()) + kVector - 1) / kVector;
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    banks_[b].group = static_cast<std::uint8_t>(b / static_cast<std::size_t>(spec.banks_per_group));
    banks_[b].rank = static_cast<std::uint8_t>(b / static_cast<std::size_t>(spec.banks()));
    candidates_.group[b] = banks_[b].group;
    candidates_.rank[b] = banks_[b].rank;
  }
  // Ranks refresh in turn, so that one of them can always serve.
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    ranks_[r].activates.fill(-timing_.faw);
    ranks_[r].next_refresh = timing_.refi * static_cast<std::int64_t>(r + 1) / spec.ranks;
  }
  next_refresh_ = ranks_.front().next_refresh;
  reads_.slots.reserve(read_cap_);
  writes_.slots.reserve(write_cap_);
  pool_.resize(read_cap_ + write_cap_ + banks_.size() * static_cast<std::size_t>(bank_cap_));
  for (std::size_t slot = pool_.size(); slot-- > 0;) free_.push_back(static_cast<Slot>(slot));
}

void DramChannel::Queue::push(Slot slot, int bank) {
  slots.push_back(slot);
  if (of_bank[static_cast<std::size_t>(bank)]++ == 0) banks |= bit(bank);
}

void DramChannel::Queue::clear() {
  slots.clear();
  of_bank.fill(0);
  banks = 0;
}

void DramChannel::Queue::erase(std::vector<Slot>::iterator at, int bank) {
  slots.erase(at);
  if (--of_bank[static_cast<std::size_t>(bank)] == 0) banks &= ~bit(bank);
}

bool DramChannel::forwards(std::uint64_t burst, const Bank& bank) const {
  if (write_filter_[burst % kFilter] == 0) return false;
  const auto same = [&](Slot slot) { return pool_[slot].write && pool_[slot].burst == burst; };
  return std::any_of(writes_.slots.begin(), writes_.slots.end(), same) ||
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
  if (!write && forwards(burst, banks_[request.bank])) {
    ++counts_.forwarded;
    finish(request, now + 1);
    return;
  }
  ++waiting_;
  ++(write ? write_filter_ : read_filter_)[burst % kFilter];
  const Slot slot = free_.back();
  free_.pop_back();
  pool_[slot] = request;
  Queue& queue = write ? writes_ : reads_;
  queue.push(slot, request.bank);
  if ((full_ & bit(request.bank)) == 0) queue.stuck = false;
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

DramChannel::Choice DramChannel::candidate(int bank, std::int64_t from) const {
  const auto index = static_cast<std::size_t>(bank);
  return {std::max(candidates_.ready[index], from), candidates_.key[index], bank};
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
  // Keys count from the oldest age possible, so that they fit.
  const std::int64_t base = (next_age_ - kAgeSpan) * (1 << kBankBits);
  const std::int64_t best =
      earliest_of(candidates_.ready.data(), candidates_.key.data(), vectors_, from, base);
  choice_ = best >> kKeyBits < kLongWait ? candidate(static_cast<int>(best & (kMaxBanks - 1)), from)
                                         : Choice{};
  if (frozen_ == 0) return;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    if (!ranks_[r].refresh_due) continue;
    const Choice step = refresh_step(static_cast<int>(r), from);
    if (step.clock <= choice_.clock) choice_ = step;
  }
}

void DramChannel::drop(int index) {
  const auto b = static_cast<std::size_t>(index);
  banks_[b].command = Command::none;
  candidates_.command[b] = static_cast<std::int64_t>(Command::none);
  candidates_.ready[b] = kNever;
}

void DramChannel::plan(int index) {
  const auto b = static_cast<std::size_t>(index);
  Bank& bank = banks_[b];
  if (bank.waiting == 0 || (frozen_ & bit(index)) != 0) return drop(index);
  Command command = Command::activate;
  std::int64_t ready = bank.activate;
  bank.next = 0;
  if (bank.open_row >= 0) {
    std::uint8_t hit = 0;
    while (hit < bank.waiting && pool_[bank.queue[hit]].row != bank.open_row) ++hit;
    if (hit == 0 || (hit < bank.waiting && bank.hits < hit_cap_)) {
      bank.next = hit;
      command = pool_[bank.queue[hit]].write ? Command::write : Command::read;
      ready = bank.column;
    } else {
      command = Command::precharge;
      ready = bank.precharge;
    }
  }
  bank.command = command;
  const std::int64_t order = front(bank).age + (command < Command::read ? kRowCommand : 0);
  candidates_.key[b] = order * (1 << kBankBits) + index;
  candidates_.command[b] = static_cast<std::int64_t>(command);
  candidates_.ready[b] = std::max(ready, candidates_.limits[static_cast<std::size_t>(command)][b]);
}

void DramChannel::issue(std::int64_t now) {
  const int index = choice_.bank;
  if (index < 0) {
    issue_refresh_step(-1 - index, now);
    return;
  }
  switch (banks_[static_cast<std::size_t>(index)].command) {
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
  plan(index);
}

void DramChannel::issue_refresh_step(int index, std::int64_t now) {
  Rank& rank = ranks_[static_cast<std::size_t>(index)];
  const bool close = rank.open_banks > 0;
  for (int b = index * banks_per_rank_; b < (index + 1) * banks_per_rank_; ++b) {
    Bank& bank = banks_[static_cast<std::size_t>(b)];
    if (close && bank.open_row >= 0) precharge(b, now);
    if (!close) bank.activate = now + timing_.rfc;
    if (!close) frozen_ &= ~bit(b);
    plan(b);
  }
  if (!close) {
    log(now, DramCommand::Kind::refresh, index * banks_per_rank_);
    rank.refresh_due = false;
    ++counts_.refreshes;
  }
}

void DramChannel::delay(const Bank& bank, Command command, std::int64_t group, std::int64_t rank,
                        std::int64_t others) {
  const auto which = static_cast<std::int64_t>(command);
  raise_limits(candidates_.limits[static_cast<std::size_t>(command)].data(),
               candidates_.ready.data(), candidates_.command.data(), candidates_.group.data(),
               candidates_.rank.data(), vectors_,
               {which, bank.group, bank.rank, std::max(group, rank), rank, others});
}

void DramChannel::activate(int index, std::int64_t now) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  bank.open_row = front(bank).row;
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
  delay(bank, Command::activate, now + timing_.rrd_l, other_group, 0);
  if (rank.open_banks++ == 0) rank.open_since = now;
  ++counts_.activates;
}

void DramChannel::precharge(int index, std::int64_t now) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  log(now, DramCommand::Kind::precharge, index);
  bank.open_row = -1;
  raise(bank.activate, now + timing_.rp);
  const std::int64_t next = now + timing_.ppd;
  if (timing_.ppd > 0) delay(bank, Command::precharge, next, next, 0);
  Rank& rank = ranks_[bank.rank];
  if (--rank.open_banks == 0) counts_.open_rank_clocks += now - rank.open_since;
}

void DramChannel::reserve_bus(const Bank& bank, bool write, std::int64_t now) {
  // Between ranks the data bus must turn around: data of this burst, then tRTRS, then the other's.
  const std::int64_t turned = now + (write ? timing_.cwl : timing_.cl) + burst_ + timing_.rtrs;
  const std::int64_t same_s = now + std::max(burst_, timing_.ccd_s);
  const std::int64_t same_l = now + std::max(burst_, timing_.ccd_l);
  delay(bank, write ? Command::write : Command::read, same_l, same_s,
        turned - (write ? timing_.cwl : timing_.cl));
  if (write) {
    delay(bank, Command::read, now + write_to_read_l_, now + write_to_read_s_, turned - timing_.cl);
  } else {
    const std::int64_t turn = now + read_to_write_;
    delay(bank, Command::write, turn, turn, turned - timing_.cwl);
  }
}

void DramChannel::column(int index, std::int64_t now) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  const Slot slot = bank.queue[bank.next];
  const Request& request = pool_[slot];
  const std::int64_t data = now + (request.write ? timing_.cwl : timing_.cl) + burst_;
  log(now, request.write ? DramCommand::Kind::write : DramCommand::Kind::read, index);
  reserve_bus(bank, request.write, now);
  raise(bank.precharge, request.write ? data + timing_.wr : now + timing_.rtp);
  if (request.write) {
    --write_filter_[request.burst % kFilter];
  } else {
    --reads_at_banks_;
  }
  free_.push_back(slot);
  ++bank.hits;
  std::copy(bank.queue.begin() + bank.next + 1, bank.queue.begin() + bank.waiting,
            bank.queue.begin() + bank.next);
  --bank.waiting;
  --waiting_;
  full_ &= ~bit(index);
  reads_.stuck = writes_.stuck = false;
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

std::vector<DramChannel::Slot>::iterator DramChannel::find_movable(Queue& queue) {
  if (queue.empty() || queue.stuck) return queue.slots.end();
  queue.awaited = kNobody;
  auto found = queue.slots.end();
  if ((queue.banks & ~full_) != 0) {
    found = std::find_if(queue.slots.begin(), queue.slots.end(), [&](Slot slot) {
      if ((full_ & bit(pool_[slot].bank)) != 0) return false;
      const Slot read = read_before(pool_[slot]);
      if (read != kNobody && queue.awaited == kNobody) queue.awaited = read;
      return read == kNobody;
    });
  }
  queue.stuck = found == queue.slots.end();
  return found;
}

bool DramChannel::move_one(std::int64_t now) {
  update_draining();
  Queue* queue = draining_ ? &writes_ : &reads_;
  auto found = find_movable(*queue);
  if (draining_ && writes_.stuck && writes_.awaited != kNobody) {
    // The writes left wait for reads, which would wait for them if none of these went first.
    queue = &reads_;
    found = std::find(reads_.slots.begin(), reads_.slots.end(), writes_.awaited);
  }
  if (found == queue->slots.end()) return false;
  const Slot slot = *found;
  const int index = pool_[slot].bank;
  queue->erase(found, index);
  Bank& bank = banks_[pool_[slot].bank];
  bank.queue[bank.waiting++] = slot;
  if (!pool_[slot].write) {
    ++reads_at_banks_;
    --read_filter_[pool_[slot].burst % kFilter];
    writes_.stuck = false;
  }
  if (bank.waiting == bank_cap_) full_ |= bit(index);
  if (bank.waiting > 1 && bank.command != Command::precharge) return true;
  plan(index);
  if (bank.command == Command::none) return true;
  // The choice still holds, unless it was this bank's or this bank's is better.
  const Choice own = candidate(index, now + 1);
  if (choice_.bank == index) {
    choose(now + 1);
  } else if (before(own, choice_)) {
    choice_ = own;
  }
  return true;
}

DramChannel::Slot DramChannel::read_before(const Request& request) const {
  if (!request.write || read_filter_[request.burst % kFilter] == 0) return kNobody;
  const auto found = std::find_if(reads_.slots.begin(), reads_.slots.end(),
                                  [&](Slot slot) { return pool_[slot].burst == request.burst; });
  return found == reads_.slots.end() ? kNobody : *found;
}

std::int64_t DramChannel::open_rank_clocks(std::int64_t now) const {
  std::int64_t clocks = counts_.open_rank_clocks;
  for (const Rank& rank : ranks_) {
    if (rank.open_banks > 0) clocks += now - rank.open_since;
  }
  return clocks;
}

}  // namespace syncopate::sim

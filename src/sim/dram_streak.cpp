#include "sim/dram_streak.h"

#include <algorithm>

namespace syncopate::sim {

DramStreak::Lane* DramStreak::lane_of(int bank, std::int64_t row) {
  const DramChannel::Bank& own = channel_->banks_[static_cast<std::size_t>(bank)];
  if (own.open_row != row) return nullptr;
  for (std::size_t l = 0; l < used_; ++l) {
    if (lanes_[l].bank == bank) return &lanes_[l];
  }
  if (used_ == kLanes) return nullptr;
  Lane& lane = lanes_[used_++];
  lane.bank = bank;
  lane.group = own.group;
  lane.rank = own.rank;
  lane.items.clear();
  lane.begin = lane.moved = 0;
  lane.reads = 0;
  lane.last = -1;
  const auto limit = static_cast<std::size_t>(DramChannel::Command::read);
  lane.ready =
      std::max(own.column, channel_->candidates_.limits[limit][static_cast<std::size_t>(bank)]);
  for (std::size_t l = 0; l + 1 < used_; ++l) {
    if (lanes_[l].last >= 0) {
      lane.ready = std::max(lane.ready, lanes_[l].last + gap(lanes_[l], lane));
    }
  }
  return &lane;
}

std::int64_t DramStreak::gap(const Lane& from, const Lane& to) const {
  if (from.rank != to.rank) return other_rank_;
  return from.group == to.group ? same_group_ : same_rank_;
}

bool DramStreak::load(const DramChannel& channel, std::int64_t clock, std::int64_t wake) {
  if (channel.frozen_ != 0) return false;
  // Writes stay where they are as long as reads wait, unless there are too many.
  holds_writes_ = !channel.writes_.empty();
  if (holds_writes_ && (channel.draining_ || channel.writes_.size() >= channel.write_high_)) {
    return false;
  }
  channel_ = &channel;
  used_ = 0;
  total_ = channel.reads_.size();
  for (std::size_t b = 0; b < channel.banks_.size(); ++b) {
    const DramChannel::Bank& bank = channel.banks_[b];
    if (bank.waiting == 0) continue;
    if (bank.command != DramChannel::Command::read) return false;
    total_ += bank.waiting;
    for (std::size_t i = 0; i < bank.waiting; ++i) {
      const DramChannel::Request& request = channel.pool_[bank.queue[i]];
      Lane* lane = request.write ? nullptr : lane_of(request.bank, request.row);
      if (lane == nullptr) return false;
      lane->items.push_back({request.burst, request.arrival, request.age});
      ++lane->moved;
    }
  }
  for (const DramChannel::Slot slot : channel.reads_.slots) {
    const DramChannel::Request& request = channel.pool_[slot];
    Lane* lane = lane_of(request.bank, request.row);
    if (lane == nullptr) return false;
    lane->items.push_back({request.burst, request.arrival, request.age});
  }
  if (total_ == 0) return false;
  waiting_ = channel.reads_.size();
  clock_ = clock;
  wake_ = wake;
  next_age_ = channel.next_age_;
  counts_ = channel.counts_;
  const DramTiming& t = channel.timing_;
  same_rank_ = std::max(channel.burst_, t.ccd_s);
  same_group_ = std::max({channel.burst_, t.ccd_l, same_rank_});
  other_rank_ = channel.burst_ + t.rtrs;
  return true;
}

void DramStreak::read(Lane& lane) {
  const std::int64_t data = clock_ + channel_->timing_.cl + channel_->burst_;
  const std::int64_t latency = data - lane.items[lane.begin++].arrival;
  --total_;
  ++lane.reads;
  lane.last = clock_;
  counts_.last_data = std::max(counts_.last_data, data);
  ++counts_.reads;
  counts_.latency_sum += latency;
  counts_.latency_min = std::min(counts_.latency_min, latency);
  counts_.latency_max = std::max(counts_.latency_max, latency);
  for (std::size_t l = 0; l < used_; ++l) {
    lanes_[l].ready = std::max(lanes_[l].ready, clock_ + gap(lane, lanes_[l]));
  }
}

// As DramChannel::tick: at most one read, then at most one request moves to its bank.
bool DramStreak::tick() {
  if (clock_ >= channel_->next_refresh_) return false;
  Lane* oldest = nullptr;
  for (std::size_t l = 0; l < used_; ++l) {
    Lane& lane = lanes_[l];
    if (lane.at_bank() == 0 || lane.ready > clock_) continue;
    if (oldest == nullptr || lane.items[lane.begin].age < oldest->items[oldest->begin].age) {
      oldest = &lane;
    }
  }
  if (oldest != nullptr) {
    if (holds_writes_ && total_ == 1) return false;
    read(*oldest);
  }
  Lane* move = nullptr;
  const auto cap = static_cast<std::size_t>(channel_->bank_cap_);
  for (std::size_t l = 0; l < used_ && waiting_ > 0; ++l) {
    Lane& lane = lanes_[l];
    if (lane.moved == lane.items.size() || lane.at_bank() == cap) continue;
    if (move == nullptr || lane.items[lane.moved].age < move->items[move->moved].age) move = &lane;
  }
  if (move != nullptr) {
    ++move->moved;
    --waiting_;
  }
  ++clock_;
  wake_ = channel_->next_refresh_;
  for (std::size_t l = 0; l < used_; ++l) {
    if (lanes_[l].at_bank() > 0) wake_ = std::min(wake_, std::max(lanes_[l].ready, clock_));
  }
  if (move != nullptr && waiting_ > 0) wake_ = clock_;
  return true;
}

bool DramStreak::offer(std::uint64_t burst, const DramPlace& place) {
  while (waiting_ >= channel_->read_cap_) {
    clock_ = std::max(clock_, wake_);
    if (!tick()) return false;
  }
  if (clock_ >= channel_->next_refresh_) return false;
  if (holds_writes_ && channel_->write_filter_[burst % DramChannel::kFilter] != 0) return false;
  Lane* lane = lane_of(place.bank, place.row);
  if (lane == nullptr) return false;
  lane->items.push_back({burst, clock_, next_age_++});
  ++waiting_;
  ++total_;
  return tick();
}

bool DramStreak::drain() {
  while (total_ > 0) {
    clock_ = std::max(clock_, wake_);
    if (!tick()) return false;
  }
  return true;
}

void DramStreak::store(Lane& lane, DramChannel& channel) {
  DramChannel::Bank& bank = channel.banks_[static_cast<std::size_t>(lane.bank)];
  bank.hits += static_cast<std::int32_t>(std::exchange(lane.reads, 0));
  if (lane.last >= 0) {
    bank.precharge = std::max(bank.precharge, lane.last + channel.timing_.rtp);
    channel.reserve_bus(bank, false, lane.last);
  }
  for (std::size_t i = lane.begin; i < lane.items.size(); ++i) {
    const Item& item = lane.items[i];
    const DramChannel::Slot slot = channel.free_.back();
    channel.free_.pop_back();
    channel.pool_[slot] = {
        item.burst, item.arrival, item.age, bank.open_row, static_cast<std::uint8_t>(lane.bank),
        false};
    if (i < lane.moved) {
      bank.queue[bank.waiting++] = slot;
    } else {
      unmoved_.emplace_back(item.age, slot);
    }
  }
  channel.reads_at_banks_ += bank.waiting;
  const std::uint64_t mask = std::uint64_t{1} << lane.bank;
  channel.full_ = (channel.full_ & ~mask) | (bank.waiting == channel.bank_cap_ ? mask : 0);
}

void DramStreak::store(DramChannel& channel) {
  // Everything that waited was taken over.
  const auto release = [&](DramChannel::Slot slot) { channel.free_.push_back(slot); };
  std::for_each(channel.reads_.slots.begin(), channel.reads_.slots.end(), release);
  for (std::size_t l = 0; l < used_; ++l) {
    DramChannel::Bank& bank = channel.banks_[static_cast<std::size_t>(lanes_[l].bank)];
    std::for_each(bank.queue.begin(), bank.queue.begin() + bank.waiting, release);
    bank.waiting = 0;
  }
  channel.reads_.clear();
  channel.read_filter_.fill(0);
  channel.counts_ = counts_;
  channel.next_age_ = next_age_;
  channel.draining_ = false;
  channel.reads_at_banks_ = 0;
  unmoved_.clear();
  for (std::size_t l = 0; l < used_; ++l) store(lanes_[l], channel);
  std::sort(unmoved_.begin(), unmoved_.end());
  for (const auto& [age, slot] : unmoved_) {
    channel.reads_.push(slot, channel.pool_[slot].bank);
    ++channel.read_filter_[channel.pool_[slot].burst % DramChannel::kFilter];
  }
  channel.reads_.stuck = channel.writes_.stuck = false;
  channel.waiting_ = static_cast<std::int64_t>(total_ + channel.writes_.size());
  for (std::size_t l = 0; l < used_; ++l) channel.plan(lanes_[l].bank);
  channel.choose(clock_);
}

}  // namespace syncopate::sim

#include "sim/dram.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace syncopate::sim {

Dram::Dram(const DramSpec& spec)
    : map_(spec),
      burst_shift_(std::countr_zero(static_cast<std::uint64_t>(spec.burst_bytes()))),
      channels_(static_cast<std::size_t>(spec.channels), DramChannel(spec)),
      wake_(static_cast<std::size_t>(spec.channels), 0) {}

bool Dram::offer(std::int64_t now, std::uint64_t address, const DramPlace& place, bool write) {
  const auto channel = static_cast<std::size_t>(place.channel);
  if (!channels_[channel].can_accept(write)) return false;
  channels_[channel].accept(now, address >> burst_shift_, place, write);
  wake_[channel] = now;
  return true;
}

std::int64_t Dram::tick(std::int64_t now) {
  std::int64_t next = INT64_MAX;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (wake_[c] <= now) wake_[c] = channels_[c].tick(now);
    next = std::min(next, wake_[c]);
  }
  return next;
}

bool Dram::busy() const {
  return std::any_of(channels_.begin(), channels_.end(),
                     [](const DramChannel& channel) { return channel.busy(); });
}

DramCounts Dram::counts(std::int64_t now) const {
  DramCounts sum;
  for (const DramChannel& channel : channels_) {
    DramCounts counts = channel.counts();
    counts.open_rank_clocks = channel.open_rank_clocks(now);
    sum.add(counts);
  }
  return sum;
}

std::int64_t Dram::last_data() const {
  std::int64_t last = 0;
  for (const DramChannel& channel : channels_) last = std::max(last, channel.counts().last_data);
  return last;
}

DramEnergy energy_of(const DramSpec& spec, const DramCounts& counts, std::int64_t clocks) {
  // V * mA * ns = pJ; a command works on all devices of a rank.
  const DramPower& p = spec.power;
  const double unit = p.vdd * spec.devices() * static_cast<double>(spec.tck_ps) / 1000;
  const DramTiming& t = spec.timing;
  const auto burst = static_cast<double>(spec.burst_cycles());
  const auto all = static_cast<double>(clocks * spec.ranks * spec.channels);
  const auto open = static_cast<double>(counts.open_rank_clocks);
  DramEnergy energy;
  energy.activate = unit * static_cast<double>(counts.activates) *
                    (p.idd0 * static_cast<double>(t.rc()) - p.idd3n * static_cast<double>(t.ras) -
                     p.idd2n * static_cast<double>(t.rp));
  const auto read_bursts = static_cast<double>(counts.reads - counts.forwarded);
  energy.read = unit * read_bursts * burst * (p.idd4r - p.idd3n);
  energy.write = unit * static_cast<double>(counts.writes) * burst * (p.idd4w - p.idd3n);
  energy.refresh = unit * static_cast<double>(counts.refreshes) * static_cast<double>(t.rfc) *
                   (p.idd5 - p.idd3n);
  energy.background = unit * (open * p.idd3n + (all - open) * p.idd2n);
  return energy;
}

DramResult replay(const DramSpec& spec, std::span<const DramRequest> trace, int issue_width) {
  if (issue_width < 1) broken("issue width {}", issue_width);
  Dram dram(spec);
  std::size_t next = 0;
  std::int64_t now = 0;
  DramPlace place = trace.empty() ? DramPlace{} : dram.place(trace[0].address);
  while (next < trace.size() || dram.busy()) {
    for (int offered = 0; offered < issue_width && next < trace.size(); ++offered) {
      const DramRequest& request = trace[next];
      if (request.clock > now || !dram.offer(now, request.address, place, request.write)) break;
      if (++next < trace.size()) place = dram.place(trace[next].address);
    }
    std::int64_t wake = dram.tick(now);
    if (next < trace.size() && dram.has_room(place, trace[next].write)) {
      wake = std::min(wake, std::max(now + 1, trace[next].clock));
    }
    now = wake;
  }
  DramResult result;
  result.requests = static_cast<std::int64_t>(trace.size());
  result.clocks = trace.empty() ? 0 : dram.last_data() + 1;
  result.counts = dram.counts(result.clocks);
  result.nanoseconds = static_cast<double>(result.clocks * spec.tck_ps) / 1000;
  result.peak_gbps = spec.peak_gbps();
  if (result.clocks > 0) {
    result.gbps = static_cast<double>(result.requests * spec.burst_bytes()) / result.nanoseconds;
  }
  if (result.counts.reads > 0) {
    result.latency_avg =
        static_cast<double>(result.counts.latency_sum) / static_cast<double>(result.counts.reads);
    result.latency_min = result.counts.latency_min;
    result.latency_max = result.counts.latency_max;
  }
  result.energy = energy_of(spec, result.counts, result.clocks);
  return result;
}

DramPattern::Kind dram_pattern_kind(const std::string& name) {
  if (name == "stream") return DramPattern::Kind::stream;
  if (name == "random") return DramPattern::Kind::random;
  fail("DRAM pattern '{}': expected stream or random", name);
}

std::vector<DramRequest> make_trace(const DramSpec& spec, const DramPattern& pattern) {
  const auto burst = static_cast<std::uint64_t>(spec.burst_bytes());
  std::vector<DramRequest> trace(static_cast<std::size_t>(pattern.requests));
  std::uint64_t x = 1;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    DramRequest& request = trace[i];
    request.clock = static_cast<std::int64_t>(i) * pattern.gap;
    request.write = static_cast<int>(i % 100) < pattern.write_percent;
    request.address = i * burst;
    if (pattern.kind == DramPattern::Kind::random) {
      x = x * 6364136223846793005U + 1442695040888963407U;
      request.address = (x >> 33) % ((std::uint64_t{1} << 30) / burst) * burst;
    }
  }
  return trace;
}

}  // namespace syncopate::sim

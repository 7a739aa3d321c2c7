#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/dram_channel.h"
#include "sim/dram_spec.h"

namespace syncopate::sim {

/// The channels of a DRAM system under one clock. Copyable: a copy is a snapshot.
class Dram {
 public:
  explicit Dram(const DramSpec& spec);

  /// Where an address lies, to be found once per request.
  DramPlace place(std::uint64_t address) const { return map_.place(address); }
  /// Offers one burst at clock `now`; false when its queue is full.
  bool offer(std::int64_t now, std::uint64_t address, const DramPlace& place, bool write);
  /// Whether `offer` would take it.
  bool has_room(const DramPlace& place, bool write) const {
    return channels_[static_cast<std::size_t>(place.channel)].can_accept(write);
  }
  /// One clock of every channel that has something to do; returns the next clock to visit.
  std::int64_t tick(std::int64_t now);
  /// Whether requests wait.
  bool busy() const;
  /// Counts of all channels, with open ranks counted up to `now`.
  DramCounts counts(std::int64_t now) const;
  /// The channel if there is but one, else null. Who plays it alone tells the next clock to visit.
  DramChannel* only_channel() { return channels_.size() == 1 ? &channels_.front() : nullptr; }
  void wake_only_channel(std::int64_t clock) { wake_.front() = clock; }
  /// Clock at which the latest data so far has moved.
  std::int64_t last_data() const;

 private:
  DramAddressMap map_;
  int burst_shift_ = 0;
  std::vector<DramChannel> channels_;
  std::vector<std::int64_t> wake_;  ///< Next clock of each channel.
};

/// One burst of a trace.
struct DramRequest {
  std::int64_t clock = 0;  ///< Not before this DRAM clock.
  std::uint64_t address = 0;
  bool write = false;
};

/// Where the energy of a run went, in pJ, from the IDD currents of the preset (without I/O and
/// termination). All zero when the preset has no currents.
struct DramEnergy {
  double activate = 0, read = 0, write = 0, refresh = 0, background = 0;
  double total() const { return activate + read + write + refresh + background; }
};

/// What a run of requests took.
struct DramResult {
  std::int64_t requests = 0;
  std::int64_t clocks = 0;  ///< Until all requests were taken and all data had moved.
  double nanoseconds = 0;
  double gbps = 0;  ///< Sustained.
  double peak_gbps = 0;
  double latency_avg = 0;  ///< Of reads, from acceptance to last data, in clocks.
  std::int64_t latency_min = 0, latency_max = 0;
  DramCounts counts;
  DramEnergy energy;
};

/// Plays requests in order: each clock up to `issue_width` of them are offered, none before its
/// clock; a refused request holds up those behind it.
DramResult replay(const DramSpec& spec, std::span<const DramRequest> trace, int issue_width = 1);

/// Traffic made by rule, for `syncopate dram` and comparisons with other tools.
struct DramPattern {
  enum class Kind : std::uint8_t {
    stream,  ///< Burst i at address i * burst_bytes.
    random   ///< Uniform over 1 GiB: x = x*6364136223846793005 + 1442695040888963407 (from 1),
             ///< burst (x >> 33) mod (2^30 / burst_bytes).
  };
  Kind kind = Kind::stream;
  std::int64_t requests = 50'000;
  std::int64_t gap = 0;   ///< Request i comes not before clock i * gap.
  int write_percent = 0;  ///< Every request whose number mod 100 is below this writes.
};

/// "stream" or "random"; InputError for anything else.
DramPattern::Kind dram_pattern_kind(const std::string& name);
std::vector<DramRequest> make_trace(const DramSpec& spec, const DramPattern& pattern);
/// Energy of a run with these counts and clocks.
DramEnergy energy_of(const DramSpec& spec, const DramCounts& counts, std::int64_t clocks);

}  // namespace syncopate::sim

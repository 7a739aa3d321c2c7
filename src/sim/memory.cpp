#include "sim/memory.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "sim/dram_memory.h"

namespace syncopate::sim {
namespace {

constexpr std::string_view kIdealPrefix = "ideal-";

/// Bytes move at a constant rate without latency. Time is kept as whole cycles plus a numerator
/// over `rate_`, so that no transfer is rounded before the next one is added.
class IdealMemory final : public Memory {
 public:
  /// `megabytes` per second moved by a machine clocked at `clock_mhz`.
  IdealMemory(std::int64_t megabytes, std::int64_t clock_mhz)
      : rate_(megabytes), scale_(clock_mhz) {}

  std::int64_t serve(std::int64_t earliest, const Transfer& transfer, bool /*write*/) override {
    if (earliest > cycle_) {
      cycle_ = earliest;
      fraction_ = 0;
    }
    // One cycle moves rate/scale bytes, so `bytes` take bytes*scale/rate cycles.
    fraction_ += transfer.bytes * scale_;
    cycle_ += fraction_ / rate_;
    fraction_ %= rate_;
    return cycle_ + (fraction_ > 0 ? 1 : 0);
  }

  bool bytes_alone() const override { return true; }

 private:
  std::int64_t rate_, scale_;
  std::int64_t cycle_ = 0, fraction_ = 0;  ///< Free from cycle_ + fraction_/rate_ on.
};

/// "25.6" (GB/s, at most three decimals) as MB/s; 0 when it is not such a number in (0, 100000].
std::int64_t megabytes_of(std::string_view text) {
  std::int64_t value = 0;
  int decimals = -1;
  if (text.empty() || text.size() > 10 || text.front() == '.' || text.back() == '.') return 0;
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0 && decimals < 3) {
      value = value * 10 + (c - '0');
      if (decimals >= 0) ++decimals;
    } else {
      return 0;
    }
  }
  for (int i = std::max(decimals, 0); i < 3; ++i) value *= 10;
  return value <= 100'000'000 ? value : 0;
}

}  // namespace

std::vector<std::string> memory_presets() {
  std::vector<std::string> names{"ideal-25.6", "ideal-250"};
  for (std::string& name : dram_presets()) names.push_back(std::move(name));
  return names;
}

std::unique_ptr<Memory> make_memory(const std::string& preset, std::int64_t clock_mhz) {
  if (clock_mhz < 1 || clock_mhz > 100'000) broken("a machine clock of {} MHz", clock_mhz);
  if (preset.starts_with(kIdealPrefix)) {
    const std::int64_t rate = megabytes_of(std::string_view(preset).substr(kIdealPrefix.size()));
    if (rate == 0) {
      fail(
          "dram preset '{}': expected ideal-X with X in GB/s from 0.001 to 100000, e.g. ideal-25.6",
          preset);
    }
    return std::make_unique<IdealMemory>(rate, clock_mhz);
  }
  const std::vector<std::string> known = memory_presets();
  if (preset.ends_with(".yaml") || std::count(known.begin(), known.end(), preset) != 0) {
    return std::make_unique<DramMemory>(load_dram(preset), clock_mhz);
  }
  const std::string guess = nearest(preset, known);
  fail("unknown dram preset '{}'{} (known: {}; ideal-X for any X GB/s; or a .yaml file)", preset,
       guess.empty() ? "" : "; did you mean '" + guess + "'?", fmt::join(known, ", "));
}

}  // namespace syncopate::sim

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/params.h"

namespace syncopate::sim {

/// Constraints between DRAM commands, in DRAM clocks. JEDEC names; `_l` holds within a bank group,
/// `_s` across bank groups (with a single group only `_s` is used).
struct DramTiming {
  std::int64_t cl = 0, cwl = 0, rcd = 0, rp = 0, ras = 0;
  std::int64_t rrd_s = 0, rrd_l = 0, faw = 0;
  std::int64_t ccd_s = 0, ccd_l = 0;
  std::int64_t wtr_s = 0, wtr_l = 0, wr = 0, rtp = 0;
  std::int64_t rtrs = 0;  ///< Bus turnaround between ranks and between reads and writes.
  std::int64_t ppd = 0;   ///< Precharge to precharge in a rank (LPDDR4).
  std::int64_t rfc = 0, refi = 0;

  std::int64_t rc() const { return ras + rp; }
};

/// Supply voltage (V) and currents of one device (mA), for energy. All zero: energy is not known.
struct DramPower {
  double vdd = 0, idd0 = 0, idd2n = 0, idd3n = 0, idd4r = 0, idd4w = 0, idd5 = 0;
};

/// A DRAM system: organization, timing and controller, resolved to integers.
struct DramSpec {
  std::string name;
  std::int64_t tck_ps = 0;  ///< Clock period; data moves on both edges.
  int channels = 1, ranks = 1, bank_groups = 1, banks_per_group = 8;
  std::int64_t rows = 0;
  std::int64_t columns = 0;  ///< Per row, each `device_bits` wide in every device.
  int bus_bits = 64, device_bits = 8, burst_length = 8;
  std::string mapping;  ///< Address fields from most to least significant, see DramAddressMap.
  int read_queue = 32, write_queue = 32, bank_queue = 8;
  int write_high = 24, write_low = 8, row_hit_cap = 4;
  DramTiming timing;
  DramPower power;
  std::vector<ParamInfo> params;  ///< As declared and resolved.

  int banks() const { return bank_groups * banks_per_group; }
  std::int64_t burst_bytes() const { return bus_bits / 8 * burst_length; }
  std::int64_t burst_cycles() const { return burst_length / 2; }
  int devices() const { return bus_bits / device_bits; }
  std::int64_t bursts_per_row() const { return columns / burst_length; }
  /// Capacity in bytes.
  std::int64_t bytes() const;
  /// Peak rate in GB/s.
  double peak_gbps() const;
};

/// Reads a spec from YAML text: a flat mapping of the keys in dram_spec.cpp. InputError names
/// `source` and the key, and suggests the nearest one for an unknown key.
DramSpec parse_dram(const std::string& yaml, const std::string& source);
/// A preset of data/dram/ by name ("ddr4-2400"), or a YAML file when the name ends in ".yaml".
DramSpec load_dram(const std::string& preset);
/// Names of the presets of data/dram/.
std::vector<std::string> dram_presets();

/// Where a burst lives.
struct DramPlace {
  int channel = 0;
  int bank = 0;  ///< (rank * bank_groups + group) * banks_per_group + bank.
  std::int64_t row = 0;
};

/// Splits addresses into fields by a text of two-letter field names, most significant first: ro
/// (row), co (column), ba (bank), bg (bank group), ra (rank), ch (channel), in any case. Without
/// "bg", the group is the low part of "ba"; "ra" and "ch" may be absent when there is one of them.
class DramAddressMap {
 public:
  /// InputError naming the preset when the text is not a mapping.
  explicit DramAddressMap(const DramSpec& spec);
  /// Addresses beyond the capacity wrap around.
  DramPlace place(std::uint64_t address) const;

 private:
  struct Field {
    int shift = 0;
    std::uint64_t mask = 0;
    std::uint64_t of(std::uint64_t address) const { return (address >> shift) & mask; }
  };
  Field row_, bank_, group_, rank_, channel_;
  int bank_groups_ = 1, banks_per_group_ = 1;
};

}  // namespace syncopate::sim

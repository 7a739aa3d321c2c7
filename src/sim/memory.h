#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/program.h"

namespace syncopate::sim {

/// DRAM as a machine's DMA sees it, in machine cycles. Transfers are served in call order.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Serves one transfer that may begin at cycle `earliest`; returns the cycle when its last byte
  /// has moved. Calls come in the order the DMA issues them.
  virtual std::int64_t serve(std::int64_t earliest, const Transfer& transfer, bool write) = 0;
  /// True when only bytes count: transfers in a row that may begin at the same cycle take what one
  /// transfer of all their bytes takes, wherever they lie.
  virtual bool bytes_alone() const { return false; }
};

/// A memory by preset name ("ideal-25.6" is 25.6 GB/s without latency; "ddr4-2400", ... come from
/// data/dram/*.yaml) for a machine clock. InputError lists the presets for an unknown name.
std::unique_ptr<Memory> make_memory(const std::string& preset, std::int64_t clock_mhz);
std::vector<std::string> memory_presets();

}  // namespace syncopate::sim

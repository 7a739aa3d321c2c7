#pragma once

#include <string>

#include "report/result.h"
#include "report/table.h"

namespace syncopate::report {

struct TerminalOptions {
  TextStyle style;
  /// Most rows of a layer table; the fastest layers beyond are merged into one row. 0: all.
  std::size_t most_layers = 40;
};

/// Everything below in reading order: heading, answers, a layer table per machine, the comparison.
std::string terminal_report(const RunResult& run, const TerminalOptions& options);

/// What ran: network, numbers, inputs, and the float answer beside the fixed-point one.
std::string heading(const RunResult& run, const TextStyle& style);
/// One machine, one row per layer: time, utilization, pairs, where time is lost, DRAM, energy.
std::string layer_table(const RunResult& run, const MachineResult& machine,
                        const TerminalOptions& options);
/// Machines as columns, totals as rows, ratios against the first machine.
std::string comparison(const RunResult& run, const TextStyle& style);

}  // namespace syncopate::report

#include "report/causes.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace syncopate::report {
namespace {

std::size_t position(sim::Cause cause) { return static_cast<std::size_t>(cause); }

/// Whole cells per cause: largest remainders, so that they sum to `width`.
std::array<int, sim::kCauses> cells_of(const sim::Stats& stats, int width) {
  std::array<int, sim::kCauses> cells{};
  std::array<double, sim::kCauses> remainder{};
  int left = width;
  for (const sim::Cause cause : kAllCauses) {
    const double exact = share(stats, cause) * width;
    cells[position(cause)] = static_cast<int>(exact);
    remainder[position(cause)] = exact - static_cast<int>(exact);
    left -= cells[position(cause)];
  }
  for (; left > 0 && *std::max_element(remainder.begin(), remainder.end()) > 0; --left) {
    const auto most = std::max_element(remainder.begin(), remainder.end());
    ++cells[static_cast<std::size_t>(most - remainder.begin())];
    *most = 0;
  }
  return cells;
}

}  // namespace

std::string_view cause_help(sim::Cause cause) {
  static constexpr std::string_view kHelp[] = {
      "multiplied two non-zero operands",
      "multiplied by a zero",
      "waited for a slower lane",
      "had no pair: fewer outputs than lanes, or a short tail",
      "waited for index logic, or held a filler",
      "pipeline fill and drain",
      "waited for DRAM"};
  return kHelp[position(cause)];
}

Tone tone_of(sim::Cause cause) {
  return static_cast<Tone>(static_cast<int>(Tone::work) + static_cast<int>(cause));
}

double share(const sim::Stats& stats, sim::Cause cause) {
  const std::int64_t all =
      std::accumulate(stats.causes.begin(), stats.causes.end(), std::int64_t{0});
  return all == 0 ? 0 : static_cast<double>(stats[cause]) / static_cast<double>(all);
}

Table::Cell cause_bar(const sim::Stats& stats, int width, const TextStyle& style) {
  const auto cells = cells_of(stats, width);
  Table::Cell cell;
  for (const sim::Cause cause : kAllCauses) {
    const int count = cells[position(cause)];
    if (count == 0) continue;
    std::string piece;
    for (int i = 0; i < count; ++i) {
      piece +=
          style.color ? std::string("\xe2\x96\x88") : std::string(sim::name_of(cause).substr(0, 1));
    }
    cell.text += piece;
    cell.painted += toned(piece, tone_of(cause), style);
  }
  return cell;
}

}  // namespace syncopate::report

#pragma once

#include <array>
#include <string>
#include <string_view>

#include "report/table.h"
#include "sim/stats.h"

namespace syncopate::report {

/// All causes in the order of sim::Cause, for loops over them.
inline constexpr std::array<sim::Cause, sim::kCauses> kAllCauses{
    sim::Cause::work,  sim::Cause::bubble, sim::Cause::imbalance, sim::Cause::underfill,
    sim::Cause::index, sim::Cause::fill,   sim::Cause::memory};

/// One sentence for legends.
std::string_view cause_help(sim::Cause cause);
Tone tone_of(sim::Cause cause);

/// Share of a cause in all multiplier-cycles of `stats`, 0 to 1.
double share(const sim::Stats& stats, sim::Cause cause);

/// A bar of `width` cells: one stretch per cause, as long as its share; colored, or letters.
Table::Cell cause_bar(const sim::Stats& stats, int width, const TextStyle& style);

}  // namespace syncopate::report

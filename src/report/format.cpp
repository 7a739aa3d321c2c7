#include "report/format.h"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <span>
#include <string_view>

namespace syncopate::report {
namespace {

std::string three_digits(double value) {
  const double magnitude = std::abs(value);
  if (magnitude >= 99.95) return fmt::format("{:.0f}", value);
  return magnitude >= 9.995 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

/// Picks the unit that leaves 1 to `step` before the point.
std::string scaled(double value, double step, std::span<const std::string_view> units) {
  std::size_t unit = 0;
  while (std::abs(value) >= step * 0.9995 && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(value), units[unit]);
}

}  // namespace

std::string grouped(std::int64_t value) {
  std::string digits = fmt::format("{}", value < 0 ? -value : value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return value < 0 ? "-" + digits : digits;
}

std::string short_count(double value) {
  if (std::abs(value) < 999.5) {
    return value == std::floor(value) ? fmt::format("{:.0f}", value) : three_digits(value);
  }
  static constexpr std::array<std::string_view, 5> kUnits{"k", "M", "G", "T", "P"};
  return scaled(value / 1000, 1000, kUnits);
}

std::string short_bytes(double bytes) {
  if (std::abs(bytes) < 1024) return fmt::format("{:.0f} B", bytes);
  static constexpr std::array<std::string_view, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  return scaled(bytes / 1024, 1024, kUnits);
}

std::string short_time(double seconds) {
  static constexpr std::array<std::string_view, 4> kUnits{"ns", "us", "ms", "s"};
  return seconds == 0 ? "0 s" : scaled(seconds * 1e9, 1000, kUnits);
}

std::string short_energy(double picojoules) {
  static constexpr std::array<std::string_view, 5> kUnits{"pJ", "nJ", "uJ", "mJ", "J"};
  return picojoules == 0 ? "0 J" : scaled(picojoules, 1000, kUnits);
}

std::string percent(double fraction) {
  if (fraction == 0) return "0 %";
  if (fraction == 1) return "100 %";
  if (std::abs(fraction) < 0.0005) return "<0.1 %";
  if (fraction > 0.9995 && fraction < 1) return ">99.9 %";
  return fmt::format("{:.1f} %", fraction * 100);
}

std::string amount(double used, double limit) {
  const auto whole = static_cast<std::int64_t>(used);
  const bool exact = used == std::floor(used);
  const std::string text =
      used >= 1000 || exact ? grouped(exact ? whole : whole + 1) : fmt::format("{:.1f}", used);
  return limit == 0 ? text : fmt::format("{} of {}", text, grouped(std::llround(limit)));
}

std::string ratio(double value) {
  return value >= 99.95 ? fmt::format("{:.0f}x", value)
                        : fmt::format("{}x", value >= 9.995 ? fmt::format("{:.1f}", value)
                                                            : fmt::format("{:.2f}", value));
}

}  // namespace syncopate::report

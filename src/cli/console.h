#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "report/table.h"

namespace syncopate::cli {

/// Where text goes: standard output for results, standard error for progress and messages. Knows
/// what a terminal is and honors NO_COLOR.
class Console {
 public:
  /// `color`: auto, always or never.
  explicit Console(const std::string& color);

  /// Style of standard output.
  const report::TextStyle& style() const { return style_; }
  /// Prints a result. InputError when standard output cannot take it.
  void print(std::string_view text);
  /// A line for people, on standard error.
  void message(std::string_view line);
  bool progress_visible() const { return progress_; }

 private:
  report::TextStyle style_;
  bool progress_ = false;
};

/// One line on standard error that is redrawn in place; silent unless that is a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(bool visible) : visible_(visible) {}
  ~ProgressBar() { clear(); }
  /// Redraws, at most twenty times a second. `total` 0: no bar, just the words.
  void update(std::string_view phase, std::string_view detail, std::int64_t done,
              std::int64_t total);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool visible_;
  bool drawn_ = false;
  std::string phase_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_{};
};

}  // namespace syncopate::cli

#include "cli/console.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace syncopate::cli {
namespace {

/// Columns of the terminal behind a descriptor; 80 when it does not say.
int columns_of(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] != '\0';
}

}  // namespace

Console::Console(const std::string& color) {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const char* kind = std::getenv("TERM");
  const bool capable =
      terminal && !is_set("NO_COLOR") && !(kind != nullptr && std::strcmp(kind, "dumb") == 0);
  style_.color = color == "always" || (color == "auto" && capable);
  style_.width = terminal ? columns_of(STDOUT_FILENO) : 0;
  progress_ = isatty(STDERR_FILENO) != 0;
}

void Console::print(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    if (errno == EPIPE) return;  // the reader has seen enough: head, a pager that was left
    fail("cannot write to standard output: {}", std::strerror(errno));
  }
}

void Console::message(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
}

void ProgressBar::update(std::string_view phase, std::string_view detail, std::int64_t done,
                         std::int64_t total) {
  if (!visible_) return;
  const Clock::time_point now = Clock::now();
  if (phase != phase_) {
    phase_ = phase;
    begin_ = now;
  } else if (now - last_ < std::chrono::milliseconds(50)) {
    return;
  }
  last_ = now;
  const int width = columns_of(STDERR_FILENO);
  std::string line = fmt::format("{:<10}", phase);
  if (total > 0) {
    constexpr int kCells = 24;
    const double fraction =
        std::clamp(static_cast<double>(done) / static_cast<double>(total), 0., 1.);
    // Eighths of a cell make the bar move smoothly.
    static constexpr std::string_view kEighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                                    "\u258c", "\u258b", "\u258a", "\u2589"};
    const int eighths = static_cast<int>(fraction * kCells * 8);
    std::string bar;
    for (int i = 0; i < eighths / 8; ++i) bar += "\u2588";
    bar += kEighths[eighths % 8];
    const int empty = kCells - report::display_width(bar);
    line += fmt::format("\u2595{}{}\u258f{:3.0f} %", bar,
                        std::string(static_cast<std::size_t>(empty), ' '), fraction * 100);
    const std::chrono::duration<double> spent = now - begin_;
    if (done > 0 && spent.count() > 2) {
      line += fmt::format("  {:.0f} s left", spent.count() / fraction * (1 - fraction));
    }
  }
  if (!detail.empty()) line += fmt::format("  {}", detail);
  std::fprintf(stderr, "\r\x1b[2K%s", report::shortened(line, width - 1).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::clear() {
  if (drawn_) {
    std::fputs("\r\x1b[2K", stderr);
    std::fflush(stderr);
  }
  drawn_ = false;
}

}  // namespace syncopate::cli

#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace syncopate {

/// Something the user gave us is wrong. The message is one line that names the file, node or key,
/// says what was expected, and what to do. Whatever names a file holds, control characters become
/// '?' and a very long message is cut. The command line prints it and exits with code 2.
class InputError : public std::runtime_error {
 public:
  explicit InputError(std::string message) : std::runtime_error(one_line(std::move(message))) {}

 private:
  static std::string one_line(std::string message) {
    constexpr std::size_t kLongest = 2000;
    if (message.size() > kLongest) message = message.substr(0, kLongest) + "...";
    for (char& c : message) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return message;
  }
};

/// An invariant of Syncopate itself is broken: a bug. The command line exits with code 70.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws an InputError with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw InputError(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws an InternalError with a formatted message.
template <class... Args>
[[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) {
  throw InternalError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace syncopate

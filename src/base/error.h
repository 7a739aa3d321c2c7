#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace syncopate {

/// Something the user gave us is wrong. The message is one line that names the file, node or key,
/// says what was expected, and what to do. The command line prints it and exits with code 2.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
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

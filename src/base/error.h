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
  explicit InputError(std::string message);
};

/// An invariant of Syncopate itself is broken: a bug. The command line exits with code 70.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {
[[noreturn]] void throw_input_error(fmt::string_view format, fmt::format_args args);
[[noreturn]] void throw_internal_error(fmt::string_view format, fmt::format_args args);
}  // namespace detail

/// Throws an InputError with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  detail::throw_input_error(format, fmt::make_format_args(args...));
}

/// Throws an InternalError with a formatted message.
template <class... Args>
[[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) {
  detail::throw_internal_error(format, fmt::make_format_args(args...));
}

}  // namespace syncopate

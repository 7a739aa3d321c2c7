#include "base/error.h"

namespace syncopate {
namespace {

std::string one_line(std::string message) {
  constexpr std::size_t kLongest = 2000;
  if (message.size() > kLongest) message = message.substr(0, kLongest) + "...";
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return message;
}

}  // namespace

InputError::InputError(std::string message) : std::runtime_error(one_line(std::move(message))) {}

namespace detail {

void throw_input_error(fmt::string_view format, fmt::format_args args) {
  throw InputError(fmt::vformat(format, args));
}

void throw_internal_error(fmt::string_view format, fmt::format_args args) {
  throw InternalError(fmt::vformat(format, args));
}

}  // namespace detail
}  // namespace syncopate

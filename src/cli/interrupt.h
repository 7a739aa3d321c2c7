#pragma once

#include <exception>

namespace syncopate::cli {

/// Thrown by check_interrupt; main exits with 130.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

/// Makes the first SIGINT or SIGTERM a request to stop at the next safe point; a second one stops
/// at once. Either way files are written in one step, so none is left half-written.
void install_interrupt_handler();
/// Throws Interrupted after a signal.
void check_interrupt();

}  // namespace syncopate::cli

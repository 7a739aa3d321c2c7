#pragma once

#include <exception>
#include <string>

namespace syncopate::cli {

/// Thrown by check_interrupt; the program says so and exits with 130.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(std::string text = "interrupted; nothing was written")
      : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Makes the first SIGINT or SIGTERM a request to stop at the next safe point; one that comes half
/// a second later or more stops at once. Either way files are written in one step, so none is left
/// half-written. Call before other threads are started: the calling thread, and those it starts,
/// leave signals to a thread made here.
void install_interrupt_handler();
/// Throws Interrupted after a signal.
void check_interrupt();
/// True after a signal, for work that ends by itself.
bool interrupt_requested();

}  // namespace syncopate::cli

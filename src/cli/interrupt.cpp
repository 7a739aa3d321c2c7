#include "cli/interrupt.h"

#include <csignal>

namespace syncopate::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void on_signal(int number) {
  interrupted = 1;
  std::signal(number, SIG_DFL);  // the next one ends the process
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A reader that goes away is reported by write, with its reason.
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupt_requested() { return interrupted != 0; }

void check_interrupt() {
  if (interrupted != 0) throw Interrupted();
}

}  // namespace syncopate::cli

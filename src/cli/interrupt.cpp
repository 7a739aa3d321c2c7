#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <ctime>
#include <thread>

namespace syncopate::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
timespec first_time;

/// Programs like `timeout` send a signal twice at once, to the process and to its group.
bool is_repetition() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const double seconds = static_cast<double>(now.tv_sec - first_time.tv_sec) +
                         1e-9 * static_cast<double>(now.tv_nsec - first_time.tv_nsec);
  return seconds < 0.5;
}

void on_signal(int number) {
  if (interrupted == 0) {
    clock_gettime(CLOCK_MONOTONIC, &first_time);
    interrupted = 1;
  } else if (!is_repetition()) {
    std::signal(number, SIG_DFL);
    kill(getpid(), number);
  }
}

/// Blocks or unblocks the signals in the calling thread and those it starts from now on.
void mask_signals(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(how, &signals, nullptr);
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A reader that goes away is reported by write, with its reason.
  std::signal(SIGPIPE, SIG_IGN);
  // Threads that compute must not run handlers: while oneDNN multiplies f32 matrices, its stack
  // pointer is in the middle of the heap, and the handler's frame overwrites what is there
  // (https://github.com/uxlfoundation/oneDNN/issues/4845).
  std::thread([] {
    mask_signals(SIG_UNBLOCK);
    for (;;) pause();
  }).detach();
  mask_signals(SIG_BLOCK);
}

bool interrupt_requested() { return interrupted != 0; }

void check_interrupt() {
  if (interrupted != 0) throw Interrupted();
}

}  // namespace syncopate::cli

#include "flow/strands.h"

#include <tbb/task_arena.h>

#include <utility>

namespace syncopate::flow {

Strands::~Strands() {
  group_.cancel();
  for (Strand& strand : strands_) {
    const std::lock_guard lock(strand.mutex);
    strand.jobs.clear();
  }
  try {
    group_.wait();
  } catch (...) {  // Nobody is left to hear of it.
  }
}

void Strands::post(std::size_t strand, std::function<void()> job) {
  Strand& to = strands_[strand];
  {
    const std::lock_guard lock(to.mutex);
    to.jobs.push_back(std::move(job));
    if (std::exchange(to.running, true)) return;
  }
  group_.run([this, &to] { drain(to); });
}

void Strands::drain(Strand& strand) {
  for (;;) {
    std::function<void()> job;
    {
      const std::lock_guard lock(strand.mutex);
      if (strand.jobs.empty()) {
        strand.running = false;
        return;
      }
      job = std::move(strand.jobs.front());
      strand.jobs.pop_front();
    }
    tbb::this_task_arena::isolate(job);
  }
}

void Strands::wait() { group_.wait(); }

}  // namespace syncopate::flow

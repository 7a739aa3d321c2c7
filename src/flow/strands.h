#pragma once

#include <tbb/task_group.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

namespace syncopate::flow {

/// Sequences of jobs: those of one strand run one after another, in the order they were posted, on
/// whichever thread has nothing else to do; strands run beside each other and beside the thread
/// that posts. A job's own parallel loops are isolated: a thread that waits inside one takes up no
/// work from outside it, so what a job measures is its own time and locks it holds are safe.
class Strands {
 public:
  explicit Strands(std::size_t count) : strands_(count) {}
  Strands(const Strands&) = delete;
  Strands& operator=(const Strands&) = delete;
  /// Drops jobs that have not begun and waits for the others.
  ~Strands();

  /// From one thread only.
  void post(std::size_t strand, std::function<void()> job);
  /// Helps until all jobs are done. Throws what one of them threw; others are then dropped.
  void wait();

 private:
  struct Strand {
    std::mutex mutex;
    std::deque<std::function<void()>> jobs;
    bool running = false;  ///< A task takes jobs from the queue.
  };
  void drain(Strand& strand);

  std::deque<Strand> strands_;
  tbb::task_group group_;
};

}  // namespace syncopate::flow

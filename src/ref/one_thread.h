#pragma once

#include <omp.h>
#include <tbb/task_arena.h>

namespace syncopate::ref {

/// Calls `job` with every parallel loop inside it, oneTBB's or OpenMP's, kept on this thread: for
/// callers that run many inferences beside each other. A thread inside takes up no work from
/// outside, so it may hold locks and memory of its own. Throws what the job throws.
template <class Job>
void on_one_thread(const Job& job) {
  struct OpenMp {
    int before = omp_get_max_threads();
    OpenMp() { omp_set_num_threads(1); }
    ~OpenMp() { omp_set_num_threads(before); }
  };
  const OpenMp alone;
  tbb::task_arena(1).execute(job);
}

}  // namespace syncopate::ref

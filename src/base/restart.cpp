#include "base/restart.h"

#include <unistd.h>

#include <cstdlib>

namespace syncopate {

void restart_tuned(const char* const* argv) {
  const bool threads = std::getenv("OMP_WAIT_POLICY") == nullptr;
  const bool memory = std::getenv("GLIBC_TUNABLES") == nullptr;
  if (!threads && !memory) return;
  if (threads) {
    setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
    // Some microseconds: enough for the next region of one net.
    setenv("GOMP_SPINCOUNT", "1000", 0);
  }
  if (memory) {
    setenv("GLIBC_TUNABLES",
           "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184",
           1);
  }
  execv("/proc/self/exe", const_cast<char* const*>(argv));
}

}  // namespace syncopate

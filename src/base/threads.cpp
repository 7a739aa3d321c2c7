#include "base/threads.h"

#include <unistd.h>

#include <cstdlib>

namespace syncopate {

void restart_with_patient_threads(const char* const* argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
  setenv("GOMP_SPINCOUNT", "1000", 0);  // some microseconds: enough for the next region of one net
  execv("/proc/self/exe", const_cast<char* const*>(argv));
}

}  // namespace syncopate

#pragma once

namespace syncopate {

/// Starts the program again with OpenMP threads that sleep while they wait, unless the user chose a
/// wait policy. Call first in main. libgomp reads its settings before main and by default spins,
/// which takes the cores from other threads between two parallel regions
/// (docs/rationale/threads.md). When the restart fails the program goes on as it is.
void restart_with_patient_threads(const char* const* argv);

}  // namespace syncopate

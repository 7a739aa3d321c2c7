#pragma once

namespace syncopate {

/// Starts the program again with settings that libraries read before main, unless the user made
/// them. Call first in main. When the restart fails the program goes on as it is.
///  - OpenMP threads sleep while they wait: by default libgomp spins, which takes the cores from
///    other threads between two parallel regions (docs/rationale/threads.md).
///  - Memory comes from one heap of huge pages and stays there when it is freed: large blocks that
///    go back to the system each time cost more in page faults than a layer's work
///    (docs/rationale/memory.md).
void restart_tuned(const char* const* argv);

}  // namespace syncopate

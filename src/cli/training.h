#pragma once

#include "cli/console.h"
#include "cli/options.h"

namespace syncopate::cli {

/// The commands that need libtorch. `syncopate-train` has them; `syncopate` hands over to it.
/// `threads` 0: all.
struct Training {
  void (*train)(const TrainArguments& arguments, int threads, Console& console);
  /// `compress` with a data set.
  void (*compress)(const CompressArguments& arguments, int threads, Console& console);
};

/// Ends this program and starts `syncopate-train`, which stands beside it, with the same command
/// line. InputError that says how to build it when it is not there.
[[noreturn]] void hand_over(int argc, const char* const* argv);

}  // namespace syncopate::cli

#pragma once

#include "cli/training.h"

namespace syncopate::cli {

/// Everything between the command line and the exit code. `training`: the commands that need
/// libtorch, null in the program without it.
int program(int argc, const char* const* argv, const Training* training);

}  // namespace syncopate::cli

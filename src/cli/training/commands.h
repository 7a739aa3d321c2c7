#pragma once

#include "cli/console.h"
#include "cli/options.h"

namespace syncopate::cli {

// The commands of cli/training.h, one function each in cmd_*.cpp.

void train_command(const TrainArguments& arguments, int threads, Console& console);
void shrink_command(const CompressArguments& arguments, int threads, Console& console);

}  // namespace syncopate::cli

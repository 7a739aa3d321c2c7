#pragma once

#include <functional>
#include <string>

#include "cli/console.h"
#include "cli/options.h"
#include "cli/training.h"

namespace syncopate::cli {

/// A command line understood: global options, and the command to execute.
struct Invocation {
  GlobalOptions global;
  std::function<void(Console&)> execute;  ///< Empty when `text` says everything.
  std::string text;                       ///< Help or version, for standard output.
};

/// Reads the command line. InputError for anything wrong with it, with the nearest known option or
/// command where there is one. Without `training` its commands end in a hand-over.
Invocation parse(int argc, const char* const* argv, const Training* training);

}  // namespace syncopate::cli

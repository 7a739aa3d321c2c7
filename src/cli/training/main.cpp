#include <cstdlib>

#include "cli/program.h"
#include "cli/training/commands.h"

int main(int argc, char** argv) {
  // Without it, cuBLAS sums in another order each time.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  const syncopate::cli::Training training{syncopate::cli::train_command,
                                          syncopate::cli::shrink_command};
  return syncopate::cli::program(argc, argv, &training);
}

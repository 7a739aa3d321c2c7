#include "cli/program.h"
#include "cli/training/commands.h"

int main(int argc, char** argv) {
  const syncopate::cli::Training training{syncopate::cli::train_command,
                                          syncopate::cli::shrink_command};
  return syncopate::cli::program(argc, argv, &training);
}

#include "cli/program.h"

int main(int argc, char** argv) { return syncopate::cli::program(argc, argv, nullptr); }

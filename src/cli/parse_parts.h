#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "cli/options.h"

// What parse.cpp is put together from.

namespace syncopate::cli {

/// A footer of examples; {one} and {all} stand for accelerators.
std::string examples(std::string_view text);

// Options that several commands share.

void add_model(CLI::App& app, ModelArguments& model);
/// What a picture's samples become, and how many pictures are taken.
void add_normalization(CLI::App& app, InputArguments& input);
void add_input(CLI::App& app, InputArguments& input);
void add_precision(CLI::App& app, Precision& precision, const char* text);
void add_machines(CLI::App& app, MachineArguments& machines);
/// What a teacher looks at; the caller puts it into a group.
CLI::Option* add_teacher_sees(CLI::App& app, std::string& sees);
/// Over how much of a training weights are averaged; likewise.
CLI::Option* add_average(CLI::App& app, double& average);

// Commands that make a network another one (parse_networks.cpp).

void add_prune(CLI::App& root, PruneArguments& prune);
void add_quantize(CLI::App& root, QuantizeArguments& quantize);
void add_compress(CLI::App& root, CompressArguments& compress);
void add_decompress(CLI::App& root, DecompressArguments& decompress);

// Training (parse_train.cpp).
void add_train(CLI::App& root, TrainArguments& train);

}  // namespace syncopate::cli

#pragma once

#include <vector>

#include "cli/options.h"
#include "flow/inputs.h"
#include "flow/model.h"
#include "flow/run.h"
#include "prune/options.h"

namespace syncopate::cli {

// From words of the command line to what the libraries take. InputError for words that do not fit.

flow::ModelOptions to_model(const ModelArguments& arguments);
flow::InputOptions to_input(const InputArguments& arguments);
/// --config, then --set. Parameters without a machine's name go to every machine; those of "energy"
/// to `energy`, where that is wanted.
std::vector<flow::MachineRequest> to_machines(const MachineArguments& arguments,
                                              Params* energy = nullptr);
/// Structures and densities.
prune::Options to_pruning(const PruneArguments& arguments);
gconv::QuantizeOptions to_quantize(const Precision& precision);

}  // namespace syncopate::cli

#pragma once

#include "cli/console.h"
#include "train/statistics.h"

namespace syncopate::cli {

/// Prepares a network from a quantized .sync file for training, and says so (train/statistics.h).
void restore_batch_norms(ir::Graph& graph, const data::DataSet& set,
                         const data::Normalization& normalization, const train::Platform& platform,
                         Console& console);

}  // namespace syncopate::cli

#pragma once

#include "data/dataset.h"
#include "data/normalization.h"
#include "train/trainer.h"

namespace syncopate::train {

/// Measures the mean and variance that merged batch normalizations lack (ir::is_merged_batch_norm:
/// .sync files of quantized networks hold them so), over up to `pictures` training pictures spread
/// over the set, and gives them to the graph, which computes what it did. Without them training
/// would normalize what inference leaves as it is. Returns how many there were. InputError for a
/// network of several inputs.
int restore_batch_norms(ir::Graph& graph, const data::DataSet& set,
                        const data::Normalization& normalization, const Platform& platform,
                        std::int64_t pictures = 2000);

}  // namespace syncopate::train

#include "cli/training/normalizations.h"

#include <fmt/core.h>

namespace syncopate::cli {

void restore_batch_norms(ir::Graph& graph, const data::DataSet& set,
                         const data::Normalization& normalization, const train::Platform& platform,
                         Console& console) {
  const int restored = train::restore_batch_norms(graph, set, normalization, platform);
  if (restored == 0) return;
  console.message(fmt::format(
      "{}: the statistics of {} merged normalizations were measured on training pictures",
      graph.source, restored));
}

}  // namespace syncopate::cli

#pragma once

#include "report/outcome.h"
#include "shrink/pipeline.h"

namespace syncopate::shrink {

/// The stages, what was measured on the way, and every layer, as tables; accuracy against size as a
/// plot.
report::Outcome to_outcome(const Result& result, const Options& options);

}  // namespace syncopate::shrink

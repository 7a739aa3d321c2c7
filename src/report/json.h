#pragma once

#include <string>

#include "report/result.h"

namespace syncopate::report {

/// Version of the JSON schema (docs/json.md): raised when a field changes meaning or goes away.
inline constexpr int kJsonVersion = 1;

/// The whole result as one JSON object, documented in docs/json.md. Names that are no valid UTF-8
/// are written with replacement characters.
std::string to_json(const RunResult& run);

/// One row per machine and layer with a header row, quoted after RFC 4180.
std::string to_csv(const RunResult& run);

}  // namespace syncopate::report

#pragma once

#include <string>

#include "report/result.h"

namespace syncopate::report {

/// One HTML file with plots and tables that needs nothing from a network: styles, scripts and the
/// JSON of `to_json` are inside. Names from a model cannot break out of it, whatever they hold.
std::string to_html(const RunResult& run);

}  // namespace syncopate::report

#pragma once

#include <string>
#include <string_view>

#include "report/result.h"

namespace syncopate::report {

/// One HTML file with plots and tables that needs nothing from a network: styles, scripts and the
/// JSON of `to_json` are inside. Names from a model cannot break out of it, whatever they hold.
std::string to_html(const RunResult& run);

/// Such a file around any JSON, drawn by `script`, a file under report/page/ that may use charts.js
/// and frame.js. InternalError when there is no such script.
std::string make_page(const std::string& title, std::string_view script, const std::string& json);

}  // namespace syncopate::report

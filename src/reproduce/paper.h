#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/outcome.h"

namespace syncopate::reproduce {

using report::Cell;
using report::number;
using report::Outcome;
using report::Plot;
using report::ResultTable;
using report::Series;
using report::Target;
using report::words;

struct Options {
  std::string data;      ///< Folder of real networks; empty: none, only synthetic ones.
  std::string networks;  ///< Folder of further trained networks, for papers that look for them.
};

/// Called as work goes on, with what is being done.
using Watch = std::function<void(const std::string& step)>;

/// The contract of a folder under src/reproduce/: one value named `paper` in paper.cpp, found by
/// CMake.
struct Paper {
  std::string_view name;     ///< As typed: `syncopate reproduce NAME`.
  std::string_view summary;  ///< One line.
  Outcome (*run)(const Options& options, const Watch& watch);
};

/// Every paper found when the project was configured.
const std::vector<const Paper*>& all();
/// By name; InputError with the nearest name when there is none.
const Paper& find(std::string_view name);

}  // namespace syncopate::reproduce

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/table.h"

namespace syncopate::reproduce {

/// A table of results. Numbers are kept beside their text so that JSON has full precision.
struct Cell {
  std::string text;
  double value = 0;
  bool numeric = false;
};
struct ResultTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> notes;  ///< Shown below; each one sentence or two.
};

/// A line of a plot.
struct Series {
  std::string name;
  std::vector<double> values;  ///< One per category; NaN where there is none.
};
/// A figure of record, drawn as a level.
struct Target {
  std::string name;
  double value = 0;
};
/// A plot over categories, drawn in the HTML report. Values are not negative.
struct Plot {
  std::string title, x_label, y_label;
  std::vector<std::string> categories;
  std::vector<Series> series;
  std::vector<Target> targets;
  bool bars = false;               ///< Bars side by side instead of lines.
  std::vector<std::string> notes;  ///< Shown below.
};

/// What reproducing a paper gave.
struct Outcome {
  std::string paper;
  std::vector<std::string> notes;  ///< What is made up, what cannot be compared; shown first.
  std::vector<ResultTable> tables;
  std::vector<Plot> plots;
};

struct Options {
  std::string data;  ///< Folder of real networks; empty: none, only synthetic ones.
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

/// A cell of words.
Cell words(std::string text);
/// A number with so many decimals, and what follows it.
Cell number(double value, int decimals, std::string_view unit = "");

/// Notes and tables as terminal text.
std::string to_text(const Outcome& outcome, const report::TextStyle& style);
/// As one JSON object: paper, notes, tables with title, columns, rows (numbers as numbers), notes;
/// plots with the fields of Plot, null for NaN.
std::string to_json(const Outcome& outcome);
/// As one HTML file with plots and tables that needs nothing from a network.
std::string to_html(const Outcome& outcome);

}  // namespace syncopate::reproduce

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/table.h"

// Results that are tables and plots, apart from those of a run (report/result.h).

namespace syncopate::report {

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
/// A plot over categories, drawn in the HTML report.
struct Plot {
  std::string title, x_label, y_label;
  std::vector<std::string> categories;
  std::vector<Series> series;
  std::vector<Target> targets;
  bool bars = false;               ///< Bars side by side instead of lines.
  double from = 0;                 ///< Where the vertical axis begins; no value is below.
  std::vector<std::string> notes;  ///< Shown below.
};

/// What a long study gave: reproducing a paper, compressing a network.
struct Outcome {
  std::string title;
  std::vector<std::string> notes;  ///< What is made up, what cannot be compared; shown first.
  std::vector<ResultTable> tables;
  std::vector<Plot> plots;
};

/// A cell of words.
Cell words(std::string text);
/// A number with so many decimals, and what follows it.
Cell number(double value, int decimals, std::string_view unit = "");

/// Notes and tables as terminal text.
std::string to_text(const Outcome& outcome, const report::TextStyle& style);
/// As one JSON object: title, notes, tables with title, columns, rows (numbers as numbers), notes;
/// plots with the fields of Plot, null for NaN.
std::string to_json(const Outcome& outcome);
/// As one HTML file with plots and tables that needs nothing from a network.
std::string to_html(const Outcome& outcome);

}  // namespace syncopate::report

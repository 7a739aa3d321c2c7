#include "report/outcome.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/html.h"

namespace syncopate::report {
namespace {

nlohmann::ordered_json to_json(const Plot& plot) {
  nlohmann::ordered_json json{{"title", plot.title},
                              {"x_label", plot.x_label},
                              {"y_label", plot.y_label},
                              {"categories", plot.categories},
                              {"bars", plot.bars},
                              {"from", plot.from},
                              {"notes", plot.notes},
                              {"series", nlohmann::ordered_json::array()},
                              {"targets", nlohmann::ordered_json::array()}};
  for (const Series& series : plot.series) {
    nlohmann::ordered_json values = nlohmann::ordered_json::array();
    for (const double value : series.values) {
      values.push_back(std::isnan(value) ? nlohmann::ordered_json()
                                         : nlohmann::ordered_json(value));
    }
    json["series"].push_back({{"name", series.name}, {"values", std::move(values)}});
  }
  for (const Target& target : plot.targets) {
    json["targets"].push_back({{"name", target.name}, {"value", target.value}});
  }
  return json;
}

}  // namespace

Cell words(std::string text) { return {std::move(text), 0, false}; }

Cell number(double value, int decimals, std::string_view unit) {
  return {fmt::format("{:.{}f}{}", value, decimals, unit), value, true};
}

std::string to_text(const Outcome& outcome, const report::TextStyle& style) {
  std::string text;
  for (const std::string& note : outcome.notes) text += fmt::format("{}\n", note);
  for (const ResultTable& table : outcome.tables) {
    text += fmt::format("\n{}\n", report::toned(table.title, report::Tone::strong, style));
    report::Table printed;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const bool right = !table.rows.empty() && table.rows[0][c].numeric;
      printed.add_column(table.columns[c],
                         right ? report::Table::Align::right : report::Table::Align::left);
    }
    for (const std::vector<Cell>& row : table.rows) {
      std::vector<report::Table::Cell> cells;
      for (const Cell& cell : row) cells.push_back({cell.text, report::Tone::plain, ""});
      printed.add_row(std::move(cells));
    }
    text += printed.render(style);
    for (const std::string& note : table.notes) {
      text += fmt::format("{}\n", report::toned(note, report::Tone::dim, style));
    }
  }
  return text;
}

std::string to_json(const Outcome& outcome) {
  nlohmann::ordered_json json;
  json["title"] = outcome.title;
  json["notes"] = outcome.notes;
  json["tables"] = nlohmann::ordered_json::array();
  for (const ResultTable& table : outcome.tables) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const std::vector<Cell>& row : table.rows) {
      nlohmann::ordered_json cells = nlohmann::ordered_json::array();
      for (const Cell& cell : row) {
        if (cell.numeric) {
          cells.push_back(cell.value);
        } else {
          cells.push_back(cell.text);
        }
      }
      rows.push_back(std::move(cells));
    }
    json["tables"].push_back({{"title", table.title},
                              {"columns", table.columns},
                              {"rows", std::move(rows)},
                              {"notes", table.notes}});
  }
  json["plots"] = nlohmann::ordered_json::array();
  for (const Plot& plot : outcome.plots) json["plots"].push_back(to_json(plot));
  return json.dump(1) + "\n";
}

std::string to_html(const Outcome& outcome) {
  return report::make_page(outcome.title, "outcome.js", to_json(outcome));
}

}  // namespace syncopate::report

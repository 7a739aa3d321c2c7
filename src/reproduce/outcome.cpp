#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "reproduce/paper.h"

namespace syncopate::reproduce {

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
  json["paper"] = outcome.paper;
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
  return json.dump(1) + "\n";
}

}  // namespace syncopate::reproduce

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace syncopate::report {

/// How text may look where it will be shown.
struct TextStyle {
  bool color = false;  ///< ANSI colors.
  int width = 0;       ///< Columns available; 0 means unlimited.
};

/// What a piece of text means; colors follow from it. The last seven follow sim::Cause.
enum class Tone : std::uint8_t {
  plain,
  dim,
  strong,
  good,
  bad,
  work,
  bubble,
  imbalance,
  underfill,
  index,
  fill,
  memory
};

/// `text` in the colors of `tone` when the style has colors.
std::string toned(std::string_view text, Tone tone, const TextStyle& style);
/// Terminal columns of UTF-8 text without escapes (combining and wide characters included).
int display_width(std::string_view text);
/// At most `width` columns, cut with an ellipsis; control characters are replaced.
std::string shortened(std::string_view text, int width);

/// A table of aligned columns. Columns of least importance are dropped until the rest fits.
class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  /// `importance`: higher stays longer; columns of 100 are never dropped.
  void add_column(std::string header, Align align, int importance = 100);
  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
    std::string painted;  ///< When not empty: what is printed, as wide as `text`.
  };
  void add_row(std::vector<Cell> cells);
  /// A thin line between rows.
  void add_rule();
  /// Lines of the table, each ending in a newline.
  std::string render(const TextStyle& style) const;

 private:
  struct Column {
    std::string header;
    Align align;
    int importance;
  };
  std::vector<int> widths() const;
  std::vector<std::size_t> visible(const std::vector<int>& widths, int limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;  ///< An empty row is a rule.
};

}  // namespace syncopate::report

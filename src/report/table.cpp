#include "report/table.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace syncopate::report {
namespace {

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::strong:
      return "\x1b[1m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::work:
      return "\x1b[38;5;36m";
    case Tone::bubble:
      return "\x1b[38;5;214m";
    case Tone::imbalance:
      return "\x1b[38;5;204m";
    case Tone::underfill:
      return "\x1b[38;5;245m";
    case Tone::index:
      return "\x1b[38;5;141m";
    case Tone::fill:
      return "\x1b[38;5;110m";
    case Tone::memory:
      return "\x1b[38;5;33m";
  }
  broken("unknown tone");
}

/// One character of UTF-8, or a replacement for a byte that starts none.
struct Decoded {
  char32_t code = 0xfffd;
  std::size_t bytes = 1;
};
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead >= 0xf5 || text.size() < length) return {};
  char32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  return {code, length};
}

bool is_wide(char32_t code) {
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
         (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
         (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
         (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
}
bool is_combining(char32_t code) {
  return (code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x20d0 && code <= 0x20ff) ||
         (code >= 0xfe00 && code <= 0xfe0f) || code == 0xfeff;
}
int width_of(char32_t code) { return is_combining(code) ? 0 : is_wide(code) ? 2 : 1; }

std::string repeated(std::string_view piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

constexpr int kGap = 2;

}  // namespace

std::string toned(std::string_view text, Tone tone, const TextStyle& style) {
  const std::string_view escape = escape_of(tone);
  if (!style.color || escape.empty() || text.empty()) return std::string(text);
  return std::string(escape) + std::string(text) + "\x1b[0m";
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    width += width_of(next.code);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string shortened(std::string_view text, int width) {
  std::string out;
  int used = 0;
  std::size_t last_fitting = 0;  // bytes that leave room for the ellipsis
  while (!text.empty()) {
    const Decoded next = decode(text);
    const bool control = next.code < 0x20 || (next.code >= 0x7f && next.code < 0xa0);
    const bool plain = next.code != 0xfffd && !control && !(is_combining(next.code) && used == 0);
    const std::string piece = plain ? std::string(text.substr(0, next.bytes)) : "\xef\xbf\xbd";
    used += plain ? width_of(next.code) : 1;
    if (used > width) return out.substr(0, last_fitting) + "\xe2\x80\xa6";
    out += piece;
    if (used < width) last_fitting = out.size();
    text.remove_prefix(next.bytes);
  }
  return out;
}

void Table::add_column(std::string header, Align align, int importance) {
  columns_.push_back({std::move(header), align, importance});
}

void Table::add_row(std::vector<Cell> cells) {
  if (cells.size() != columns_.size()) {
    broken("a row of {} cells in a table of {} columns", cells.size(), columns_.size());
  }
  rows_.push_back(std::move(cells));
}

void Table::add_rule() { rows_.emplace_back(); }

std::vector<int> Table::widths() const {
  std::vector<int> result;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    int width = display_width(columns_[c].header);
    for (const auto& row : rows_) {
      if (!row.empty()) width = std::max(width, display_width(row[c].text));
    }
    result.push_back(width);
  }
  return result;
}

std::vector<std::size_t> Table::visible(const std::vector<int>& all, int limit) const {
  std::vector<std::size_t> shown(columns_.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  const auto total = [&] {
    int sum = -kGap;
    for (const std::size_t c : shown) sum += all[c] + kGap;
    return sum;
  };
  while (limit > 0 && total() > limit) {
    const auto least = std::min_element(shown.begin(), shown.end(), [&](auto a, auto b) {
      return columns_[a].importance < columns_[b].importance;
    });
    if (least == shown.end() || columns_[*least].importance >= 100) break;
    shown.erase(least);
  }
  return shown;
}

std::string Table::render(const TextStyle& style) const {
  const std::vector<int> all = widths();
  const std::vector<std::size_t> shown = visible(all, style.width);
  const auto line = [&](auto&& cell_at) {
    std::string text;
    for (const std::size_t c : shown) {
      const Cell cell = cell_at(c);
      const std::string padding(static_cast<std::size_t>(all[c] - display_width(cell.text)), ' ');
      const std::string body =
          cell.painted.empty() ? toned(cell.text, cell.tone, style) : cell.painted;
      if (c != shown.front()) text.append(kGap, ' ');
      text += columns_[c].align == Align::left ? body + padding : padding + body;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  int total = -kGap;
  for (const std::size_t c : shown) total += all[c] + kGap;
  const std::string rule = toned(repeated("\xe2\x94\x80", total), Tone::dim, style) + "\n";

  std::string out = line([&](std::size_t c) { return Cell{columns_[c].header, Tone::strong, ""}; });
  out += rule;
  for (const auto& row : rows_) {
    out += row.empty() ? rule : line([&](std::size_t c) { return row[c]; });
  }
  return out;
}

}  // namespace syncopate::report

#include "report/html.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/embedded.h"
#include "base/error.h"
#include "report/json.h"

namespace syncopate::report {

namespace page {
/// The files under report/page/, compiled in.
std::span<const base::EmbeddedFile> embedded_files();
}  // namespace page

namespace {

std::string_view page_file(std::string_view name) {
  const auto files = page::embedded_files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const base::EmbeddedFile& file) {
    return file.name == name;
  });
  if (found == files.end()) broken("report page has no file '{}'", name);
  return found->contents;
}

/// JSON inside a script element: '<' occurs only in strings, where its escape means the same, and
/// without it nothing can end the element or open a comment.
std::string script_safe(const std::string& json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

std::string html_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

std::string make_page(const std::string& title, std::string_view script, const std::string& json) {
  // One pass over the template, so that text filled in is never searched for marks.
  std::string_view left = page_file("report.html");
  std::string out;
  while (true) {
    const std::size_t open = left.find("{{");
    if (open == std::string_view::npos) break;
    const std::size_t close = left.find("}}", open);
    if (close == std::string_view::npos) broken("report.html: a mark does not end");
    out += left.substr(0, open);
    const std::string_view mark = left.substr(open + 2, close - open - 2);
    if (mark == "title") {
      out += html_text(title);
    } else if (mark == "style") {
      out += page_file("report.css");
    } else if (mark == "script") {
      for (const std::string_view file :
           {std::string_view("charts.js"), std::string_view("frame.js"), script}) {
        out += page_file(file);
      }
    } else if (mark == "data") {
      out += script_safe(json);
    } else {
      broken("report.html: unknown mark '{}'", mark);
    }
    left.remove_prefix(close + 2);
  }
  out += left;
  return out;
}

std::string to_html(const RunResult& run) {
  return make_page(run.model, "report.js", to_json(run));
}

}  // namespace syncopate::report

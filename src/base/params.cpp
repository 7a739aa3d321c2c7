#include "base/params.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/error.h"
#include "base/files.h"

namespace syncopate {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

template <class T>
bool parse_number(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Params Params::from_words(const std::vector<std::string>& words) {
  Params params;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail("parameter '{}': expected key=value, e.g. Wn=128", word);
    }
    params.set(word.substr(0, equals), word.substr(equals + 1));
  }
  return params;
}

Params Params::from_yaml_file(const std::string& path) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  const std::vector<std::byte> bytes = base::read_file(path, kMostBytes);
  return from_yaml({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

Params Params::from_yaml(const std::string& text, const std::string& source) {
  Params params;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return params;
    if (!root.IsMap()) fail("{}: expected a mapping of parameter names to values", source);
    for (const auto& entry : root) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        fail("{}:{}: expected 'name: value' with a plain value", source,
             entry.first.Mark().line + 1);
      }
      params.set(entry.first.Scalar(), entry.second.Scalar());
    }
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML ({})", source, error.mark.line + 1, error.msg);
  }
  return params;
}

void Params::merge(const Params& other) {
  for (const auto& [key, value] : other.values_) values_[key] = value;
}

ParamReader::ParamReader(const Params& overrides, std::string owner)
    : left_(overrides.values()), owner_(std::move(owner)) {}

std::string ParamReader::take(std::string_view name, std::string fallback, std::string_view help) {
  std::string value = fallback;
  if (const auto found = left_.find(std::string(name)); found != left_.end()) {
    value = found->second;
    left_.erase(found);
  }
  declared_.push_back({std::string(name), value, std::move(fallback), std::string(help)});
  return value;
}

std::int64_t ParamReader::integer(std::string_view name, std::int64_t fallback,
                                  std::string_view help, std::int64_t low, std::int64_t high) {
  const std::string text = take(name, fmt::format("{}", fallback), help);
  std::int64_t value = 0;
  if (!parse_number(text, value) || value < low || value > high) {
    fail("{}.{} = '{}': expected an integer from {} to {}", owner_, name, text, low, high);
  }
  return value;
}

double ParamReader::real(std::string_view name, double fallback, std::string_view help, double low,
                         double high) {
  const std::string text = take(name, fmt::format("{}", fallback), help);
  double value = 0;
  if (!parse_number(text, value) || !(value >= low && value <= high)) {
    fail("{}.{} = '{}': expected a number from {} to {}", owner_, name, text, low, high);
  }
  return value;
}

bool ParamReader::flag(std::string_view name, bool fallback, std::string_view help) {
  const std::string text = take(name, fallback ? "true" : "false", help);
  if (text != "true" && text != "false") {
    fail("{}.{} = '{}': expected true or false", owner_, name, text);
  }
  return text == "true";
}

std::string ParamReader::choice(std::string_view name, std::string_view fallback,
                                std::string_view help,
                                std::initializer_list<std::string_view> options) {
  std::string text = take(name, std::string(fallback), help);
  if (std::find(options.begin(), options.end(), text) == options.end()) {
    fail("{}.{} = '{}': expected one of {}", owner_, name, text, fmt::join(options, ", "));
  }
  return text;
}

std::string ParamReader::text(std::string_view name, std::string_view fallback,
                              std::string_view help) {
  return take(name, std::string(fallback), help);
}

std::vector<ParamInfo> ParamReader::finish() {
  if (!left_.empty()) {
    std::vector<std::string> names;
    for (const ParamInfo& info : declared_) names.push_back(info.name);
    const std::string& key = left_.begin()->first;
    const std::string guess = nearest(key, names);
    if (!guess.empty()) {
      fail("{}: unknown parameter '{}'; did you mean '{}'?", owner_, key, guess);
    }
    fail("{}: unknown parameter '{}' (known: {})", owner_, key, fmt::join(names, ", "));
  }
  return declared_;
}

}  // namespace syncopate

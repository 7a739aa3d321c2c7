#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace syncopate {

/// Overrides of named parameters, as the user wrote them: key to text.
class Params {
 public:
  Params() = default;
  /// From "key=value" words; InputError for a word without '='.
  static Params from_words(const std::vector<std::string>& words);
  /// From a flat YAML mapping of scalars; InputError names the file and line.
  static Params from_yaml_file(const std::string& path);
  /// The same from text; `source` names it in errors.
  static Params from_yaml(const std::string& text, const std::string& source);

  void set(std::string key, std::string value) { values_[std::move(key)] = std::move(value); }
  const std::map<std::string, std::string>& values() const { return values_; }
  /// The overrides in `other` win.
  void merge(const Params& other);

 private:
  std::map<std::string, std::string> values_;
};

/// A parameter after reading: what `syncopate list --params` prints and reports record.
struct ParamInfo {
  std::string name;
  std::string value;
  std::string default_value;
  std::string help;  ///< Meaning, unit and standing ([paper], [recalled], [assumed], ...).
};

/// Reads parameters where they are declared, once: name, default, help. Out-of-range values and
/// unknown keys are InputErrors; for an unknown key the nearest declared name is suggested.
class ParamReader {
 public:
  /// `owner` names whom the parameters belong to in error messages, e.g. "flexible_array".
  ParamReader(const Params& overrides, std::string owner);

  std::int64_t integer(std::string_view name, std::int64_t fallback, std::string_view help,
                       std::int64_t low, std::int64_t high);
  double real(std::string_view name, double fallback, std::string_view help, double low,
              double high);
  bool flag(std::string_view name, bool fallback, std::string_view help);
  std::string choice(std::string_view name, std::string_view fallback, std::string_view help,
                     std::initializer_list<std::string_view> options);
  std::string text(std::string_view name, std::string_view fallback, std::string_view help);

  /// Call last: InputError when an override was not declared. Returns what was declared.
  std::vector<ParamInfo> finish();

 private:
  std::string take(std::string_view name, std::string fallback, std::string_view help);

  std::map<std::string, std::string> left_;
  std::string owner_;
  std::vector<ParamInfo> declared_;
};

/// The candidate with the smallest edit distance to `word`, or "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace syncopate

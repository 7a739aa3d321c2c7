#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

namespace syncopate::gconv {

/// FNV-1a over the bytes of a tensor.
std::uint64_t content_hash(const Tensor& tensor);

/// One line of a chain's text: a keyword, then words that are either `"quoted"`, bare, or
/// `key=value`. Every error is an InputError that names the line.
class TextLine {
 public:
  TextLine(std::string_view text, int number);

  int number() const { return number_; }
  bool empty() const { return keyword_.empty(); }
  const std::string& keyword() const { return keyword_; }
  /// The words that have no key, in order: names and types.
  const std::string& positional(std::size_t index) const;

  bool has(std::string_view key) const;
  std::string text(std::string_view key) const;
  template <class T>
  T number_of(std::string_view key) const {
    return parse_number<T>(text(key));
  }
  template <class T>
  T number_or(std::string_view key, T fallback) const {
    return has(key) ? number_of<T>(key) : fallback;
  }
  /// A list such as [1,2,3]; at most 2^20 entries.
  template <class T>
  std::vector<T> list_of(std::string_view key) const;
  /// Call when the line has been read: refuses keys that are not among `known`.
  void allow_only(std::initializer_list<std::string_view> known, std::size_t positionals) const;

  template <class... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args&&... args) const {
    fail("chain text, line {}: {}", number_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  struct Word {
    std::string key, value;
  };

  std::string take_value(std::string_view text, std::size_t& at) const;
  const Word* find(std::string_view key) const;
  template <class T>
  T parse_number(std::string_view word) const {
    T value{};
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (code != std::errc() || end != word.data() + word.size()) {
      error("'{}' is not a number in range", word.substr(0, 40));
    }
    return value;
  }

  int number_;
  std::string keyword_;
  std::vector<std::string> positionals_;
  std::vector<Word> words_;
};

template <class T>
std::vector<T> TextLine::list_of(std::string_view key) const {
  const std::string whole = text(key);
  std::string_view rest = whole;
  if (rest.size() < 2 || rest.front() != '[' || rest.back() != ']') {
    error("{} must be a list such as [1,2]", key);
  }
  rest = rest.substr(1, rest.size() - 2);
  std::vector<T> values;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    values.push_back(parse_number<T>(rest.substr(0, comma)));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (values.size() > (1U << 20) || (comma != std::string_view::npos && rest.empty())) {
      error("{} is too long or ends in a comma", key);
    }
  }
  return values;
}

}  // namespace syncopate::gconv

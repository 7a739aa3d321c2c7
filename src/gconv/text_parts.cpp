#include "gconv/text_parts.h"

#include <algorithm>

namespace syncopate::gconv {

TextLine::TextLine(std::string_view text, int number) : number_(number) {
  std::size_t at = 0;
  while (true) {
    at = text.find_first_not_of(" \t\r", at);
    if (at == std::string_view::npos) {
      return;
    }
    if (text[at] == '"') {
      positionals_.push_back(take_value(text, at));
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \t\r=", at), text.size());
    const std::string word(text.substr(at, end - at));
    at = end;
    if (at < text.size() && text[at] == '=') {
      ++at;
      words_.push_back({word, take_value(text, at)});
    } else if (keyword_.empty() && positionals_.empty()) {
      keyword_ = word;
    } else {
      positionals_.push_back(word);
    }
  }
}

std::string TextLine::take_value(std::string_view text, std::size_t& at) const {
  if (at >= text.size() || text[at] != '"') {
    const std::size_t end = std::min(text.find_first_of(" \t\r", at), text.size());
    std::string word(text.substr(at, end - at));
    at = end;
    return word;
  }
  std::string value;
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      ++at;
      value += text[at] == 'n' ? '\n' : text[at];
    } else {
      value += text[at];
    }
  }
  if (at >= text.size()) {
    error("a quoted name has no end");
  }
  ++at;
  return value;
}

const TextLine::Word* TextLine::find(std::string_view key) const {
  const auto found =
      std::find_if(words_.begin(), words_.end(), [&](const Word& w) { return w.key == key; });
  return found == words_.end() ? nullptr : &*found;
}

const std::string& TextLine::positional(std::size_t index) const {
  if (index >= positionals_.size()) {
    error("'{}' needs {} more word(s)", keyword_, index + 1 - positionals_.size());
  }
  return positionals_[index];
}

bool TextLine::has(std::string_view key) const { return find(key) != nullptr; }

std::string TextLine::text(std::string_view key) const {
  const Word* word = find(key);
  if (word == nullptr) {
    error("'{}' needs {}=", keyword_, key);
  }
  return word->value;
}

void TextLine::allow_only(std::initializer_list<std::string_view> known,
                          std::size_t positionals) const {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::string& key = words_[i].key;
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      error("unknown key '{}' for '{}'", key, keyword_);
    }
    if (find(key) != &words_[i]) {
      error("key '{}' is given twice", key);
    }
  }
  if (positionals_.size() != positionals) {
    error("'{}' takes {} word(s), not {}", keyword_, positionals, positionals_.size());
  }
}

}  // namespace syncopate::gconv

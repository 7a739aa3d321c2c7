#include "flow/answers.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/files.h"

namespace syncopate::flow {
namespace {

constexpr std::size_t kMostLabelBytes = std::size_t{1} << 24;

/// How many scores one answer holds; 0 when the output is no vector of scores.
std::int64_t classes_of(const Shape& shape) {
  const std::size_t axis = shape.size() > 1 ? 1 : 0;
  if (shape.empty() || shape[axis] < 2) return 0;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) {
    if (shape[i] != 1) return 0;
  }
  return shape[axis];
}

bool has_wordnet_id(std::string_view line) {
  return line.size() > 10 && line[0] == 'n' && line[9] == ' ' &&
         std::all_of(line.begin() + 1, line.begin() + 9,
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::vector<report::Guess> best_five(const Tensor& scores, const std::vector<std::string>& labels) {
  const std::int64_t classes = classes_of(scores.shape());
  const std::span<const float> values =
      scores.data<float>().first(static_cast<std::size_t>(classes));
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto best = order.begin() + std::min<std::ptrdiff_t>(5, std::ssize(order));
  std::partial_sort(order.begin(), best, order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
  std::vector<report::Guess> guesses;
  for (auto at = order.begin(); at != best; ++at) {
    guesses.push_back({static_cast<std::int64_t>(*at), values[*at],
                       *at < labels.size() ? labels[*at] : std::string()});
  }
  return guesses;
}

report::Answer compare(const std::string& input, const Tensor& floating, const Tensor& fixed,
                       const std::vector<std::string>& labels) {
  report::Answer answer{input, best_five(floating, labels), best_five(fixed, labels), 0, 0, true};
  double error = 0, energy = 0;
  const std::span<const float> wanted = floating.data<float>(), got = fixed.data<float>();
  if (wanted.size() != got.size()) {
    broken("the fixed-point network answers {} values, the float one {}", got.size(),
           wanted.size());
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - static_cast<double>(wanted[i]);
    answer.max_error = std::max(answer.max_error, std::abs(difference));
    error += difference * difference;
    energy += static_cast<double>(wanted[i]) * static_cast<double>(wanted[i]);
  }
  answer.relative_error = energy == 0 ? std::sqrt(error) : std::sqrt(error / energy);
  if (!answer.floating.empty()) {
    answer.same_top1 = answer.floating.front().index == answer.fixed.front().index;
  }
  return answer;
}

std::vector<std::string> read_labels(const std::string& path) {
  const std::vector<std::byte> bytes = base::read_file(path, kMostLabelBytes);
  std::string_view left(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> labels;
  while (!left.empty()) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    std::string_view line = left.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (has_wordnet_id(line)) line.remove_prefix(10);
    labels.emplace_back(line);
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return labels;
}

}  // namespace syncopate::flow

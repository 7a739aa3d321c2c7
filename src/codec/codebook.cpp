#include "codec/codebook.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"

namespace syncopate::codec {
namespace {

constexpr int kRounds = 60;

/// Sorted values with sums in front of each, so that a cluster's mean costs nothing.
struct Sorted {
  std::vector<float> values;
  std::vector<double> sums, squares;

  explicit Sorted(std::vector<float> all) : values(std::move(all)) {
    std::sort(values.begin(), values.end());
    sums.assign(values.size() + 1, 0);
    squares.assign(values.size() + 1, 0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      sums[i + 1] = sums[i] + values[i];
      squares[i + 1] = squares[i] + static_cast<double>(values[i]) * values[i];
    }
  }
  /// First value that is nearer to `b` than to `a`.
  std::size_t border(double a, double b) const {
    return static_cast<std::size_t>(
        std::upper_bound(values.begin(), values.end(), static_cast<float>((a + b) / 2)) -
        values.begin());
  }
};

/// Lloyd's algorithm from ascending centers; returns the error and leaves the centers.
double lloyd(const Sorted& sorted, std::vector<double>& centers, int rounds = kRounds) {
  double error = 0;
  for (int round = 0; round < rounds; ++round) {
    double now = 0;
    bool moved = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < centers.size(); ++i) {
      const std::size_t end = i + 1 < centers.size()
                                  ? std::max(begin, sorted.border(centers[i], centers[i + 1]))
                                  : sorted.values.size();
      if (end > begin) {
        const double sum = sorted.sums[end] - sorted.sums[begin];
        const double mean = sum / static_cast<double>(end - begin);
        now += sorted.squares[end] - sorted.squares[begin] - sum * mean;
        moved |= mean != centers[i];
        centers[i] = mean;
      }
      begin = end;
    }
    error = now;
    if (!moved) break;
    std::sort(centers.begin(), centers.end());
  }
  return error;
}

/// The entries of one codebook for the non-zero values.
std::vector<float> entries_for(const Sorted& sorted, std::size_t most) {
  std::vector<float> distinct = sorted.values;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() <= most) return distinct;
  std::vector<double> even(most), quantiles(most);
  const double low = sorted.values.front(), high = sorted.values.back();
  for (std::size_t i = 0; i < most; ++i) {
    const double part = (static_cast<double>(i) + 0.5) / static_cast<double>(most);
    even[i] = low + (high - low) * part;
    quantiles[i] =
        sorted.values[static_cast<std::size_t>(part * static_cast<double>(sorted.values.size()))];
  }
  const bool by_range = lloyd(sorted, even) <= lloyd(sorted, quantiles);
  const std::vector<double>& chosen = by_range ? even : quantiles;
  std::vector<float> entries(chosen.begin(), chosen.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

/// Entries with what their indices cost; an entry takes the values between its borders.
struct RatedEntries {
  std::vector<double> centers;  ///< Ascending.
  std::vector<double> costs;    ///< Code length in units of squared error.
  std::vector<double> borders;  ///< Between an entry and the next.
};

/// Drops entries that no value would take, and finds the borders of the others. The cost of entry c
/// for a value v, less v^2, is a line in v, so this is the lower envelope of lines.
void find_borders(RatedEntries& entries) {
  RatedEntries kept;
  const auto crossing = [&](double center, double cost) {
    const double last = kept.centers.back();
    return (center * center + cost - last * last - kept.costs.back()) / (2 * (center - last));
  };
  for (std::size_t i = 0; i < entries.centers.size(); ++i) {
    const double center = entries.centers[i], cost = entries.costs[i];
    while (!kept.centers.empty() && ((center == kept.centers.back() && cost < kept.costs.back()) ||
                                     (!kept.borders.empty() && center != kept.centers.back() &&
                                      crossing(center, cost) <= kept.borders.back()))) {
      kept.centers.pop_back();
      kept.costs.pop_back();
      if (!kept.borders.empty()) kept.borders.pop_back();
    }
    if (!kept.centers.empty()) {
      if (center == kept.centers.back()) continue;
      kept.borders.push_back(crossing(center, cost));
    }
    kept.centers.push_back(center);
    kept.costs.push_back(cost);
  }
  entries = std::move(kept);
}

/// Zeros stay zero: no entry may be cheaper than theirs.
void keep_zero(RatedEntries& entries, bool zeros) {
  if (!zeros) return;
  const auto zero = std::find(entries.centers.begin(), entries.centers.end(), 0.0);
  double& cost = entries.costs[static_cast<std::size_t>(zero - entries.centers.begin())];
  cost = *std::min_element(entries.costs.begin(), entries.costs.end());
}

/// What a bit costs in units of squared error.
double bit_cost(const Sorted& sorted, double rate) {
  return rate * sorted.squares.back() / static_cast<double>(sorted.values.size());
}

/// Entropy-constrained rounds on from these entries, ascending, whose borders are found first.
/// Zero, where there are zeros, is an entry that does not move.
RatedEntries rated_entries(const Sorted& sorted, std::size_t zeros, RatedEntries entries,
                           double rate, int rounds = kRounds) {
  const auto count = static_cast<double>(sorted.values.size());
  const double weight = bit_cost(sorted, rate);
  keep_zero(entries, zeros > 0);
  find_borders(entries);
  for (int round = 0; round < rounds; ++round) {
    RatedEntries next;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < entries.centers.size(); ++i) {
      std::size_t end = sorted.values.size();
      if (i < entries.borders.size()) {
        end = static_cast<std::size_t>(std::upper_bound(sorted.values.begin(), sorted.values.end(),
                                                        static_cast<float>(entries.borders[i])) -
                                       sorted.values.begin());
      }
      end = std::max(begin, end);
      const bool fixed = zeros > 0 && entries.centers[i] == 0;
      const auto members = static_cast<double>(end - begin + (fixed ? zeros : 0));
      if (members > 0) {
        next.costs.push_back(-weight * std::log2(members / (count + static_cast<double>(zeros))));
        next.centers.push_back(
            fixed ? 0 : (sorted.sums[end] - sorted.sums[begin]) / static_cast<double>(end - begin));
      }
      begin = end;
    }
    keep_zero(next, zeros > 0);
    find_borders(next);
    const bool moved = next.centers != entries.centers || next.borders != entries.borders;
    entries = std::move(next);
    if (!moved) break;
  }
  return entries;
}

/// Index of the nearest entry; of two equally near ones the smaller.
std::int32_t nearest(const std::vector<float>& entries, float value) {
  const auto above = std::lower_bound(entries.begin(), entries.end(), value);
  if (above == entries.begin()) return 0;
  auto best = above - 1;
  if (above != entries.end() && *above - value < value - *best) best = above;
  return static_cast<std::int32_t>(best - entries.begin());
}

/// Weights that share a codebook, sorted but for zeros.
struct Shared {
  explicit Shared(std::span<const float> part) : values(part), sorted(nonzero_of(part)) {
    zeros = part.size() - sorted.values.size();
  }
  static std::vector<float> nonzero_of(std::span<const float> part) {
    std::vector<float> result;
    std::ranges::copy_if(part, std::back_inserter(result), [](float v) { return v != 0; });
    return result;
  }

  std::span<const float> values;
  Sorted sorted;
  std::size_t zeros = 0;
};

/// Assigns every value to the entry that it is within the borders of; returns the book.
std::vector<float> assign(const Shared& part, const RatedEntries& rated,
                          std::span<std::int32_t> assignment) {
  const auto entry_of = [&](double value) {
    const auto above = std::lower_bound(rated.borders.begin(), rated.borders.end(), value);
    return static_cast<std::int32_t>(above - rated.borders.begin());
  };
  const std::int32_t of_zero = entry_of(0);  // Most weights may be zero.
  std::ranges::transform(part.values, assignment.begin(),
                         [&](float value) { return value == 0 ? of_zero : entry_of(value); });
  return {rated.centers.begin(), rated.centers.end()};
}

/// Assigns every value to the nearest entry, zero only to zero; returns the book.
std::vector<float> assign(const Shared& part, const std::vector<float>& entries,
                          std::span<std::int32_t> assignment) {
  std::vector<float> book = entries;
  if (part.zeros > 0) {
    book.push_back(0);
    std::sort(book.begin(), book.end());
    book.erase(std::unique(book.begin(), book.end()), book.end());
  }
  for (std::size_t i = 0; i < part.values.size(); ++i) {
    // What was not zero stays connected, as far as the entries allow.
    const float given = part.values[i];
    const float value = given == 0 ? 0 : entries[static_cast<std::size_t>(nearest(entries, given))];
    assignment[i] = nearest(book, value);
  }
  return book;
}

/// Clusters what shares a codebook.
std::vector<float> cluster_part(std::span<const float> values, const CodebookOptions& options,
                                std::span<std::int32_t> assignment) {
  const Shared part(values);
  const std::vector<float> entries = entries_for(part.sorted, std::size_t{1} << options.bits);
  if (options.rate == 0 || part.sorted.values.empty()) return assign(part, entries, assignment);
  RatedEntries start;
  start.centers.assign(entries.begin(), entries.end());
  if (part.zeros > 0) start.centers.push_back(0);
  std::sort(start.centers.begin(), start.centers.end());
  start.costs.assign(start.centers.size(), 0);
  return assign(part, rated_entries(part.sorted, part.zeros, std::move(start), options.rate),
                assignment);
}

/// One round on from the entries of `book` that `assignment` uses, which is overwritten.
std::vector<float> cluster_part_again(std::span<const float> values, const CodebookOptions& options,
                                      const std::vector<float>& book,
                                      std::span<std::int32_t> assignment) {
  const Shared part(values);
  std::vector<std::size_t> counts(book.size(), 0);
  for (const std::int32_t entry : assignment) ++counts[static_cast<std::size_t>(entry)];
  std::map<double, std::size_t> members;  // of each entry that is used, ascending
  for (std::size_t i = 0; i < book.size(); ++i) {
    if (counts[i] > 0) members[book[i]] += counts[i];
  }
  if (part.zeros > 0) members.try_emplace(0.0, part.zeros);
  if (options.rate == 0 || part.sorted.values.empty()) {
    if (part.zeros > 0) members.erase(0.0);
    std::vector<double> centers;
    for (const auto& [center, count] : members) centers.push_back(center);
    lloyd(part.sorted, centers, 1);
    return assign(part, std::vector<float>(centers.begin(), centers.end()), assignment);
  }
  RatedEntries start;
  for (const auto& [center, count] : members) {
    start.centers.push_back(center);
    start.costs.push_back(
        -bit_cost(part.sorted, options.rate) *
        std::log2(static_cast<double>(count) / static_cast<double>(values.size())));
  }
  return assign(part, rated_entries(part.sorted, part.zeros, std::move(start), options.rate, 1),
                assignment);
}

std::size_t elements_per_book(const Shape& shape, std::int64_t rows_per_book) {
  const auto all = static_cast<std::size_t>(element_count(shape));
  if (rows_per_book <= 0 || shape.empty() || shape[0] == 0) return std::max<std::size_t>(all, 1);
  return std::max<std::size_t>(
      all / static_cast<std::size_t>(shape[0]) * static_cast<std::size_t>(rows_per_book), 1);
}

}  // namespace

std::size_t Codebooks::book_of(std::size_t element) const {
  return element / elements_per_book(shape, rows_per_book);
}

namespace {

/// InputError unless these weights can be clustered so.
void check(const Tensor& weights, const CodebookOptions& options) {
  if (options.bits < 1 || options.bits > 12)
    fail("codebooks of {} bits: expected 1 to 12", options.bits);
  if (!(options.rate >= 0 && std::isfinite(options.rate))) {
    fail("a codebook's rate is {}; expected 0 or more", options.rate);
  }
  const std::span<const float> values = weights.data<float>();
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    fail("weights that are not finite cannot be clustered");
  }
}

}  // namespace

Codebooks cluster(const Tensor& weights, const CodebookOptions& options) {
  check(weights, options);
  const std::span<const float> values = weights.data<float>();
  Codebooks result{weights.shape(), options.rows_per_book, {}, {}};
  result.assignment.resize(values.size());
  const std::size_t step = elements_per_book(weights.shape(), options.rows_per_book);
  for (std::size_t begin = 0; begin < values.size(); begin += step) {
    const std::size_t count = std::min(step, values.size() - begin);
    result.books.push_back(cluster_part(values.subspan(begin, count), options,
                                        std::span(result.assignment).subspan(begin, count)));
  }
  return result;
}

Codebooks cluster_again(const Tensor& weights, const CodebookOptions& options, Codebooks before) {
  check(weights, options);
  const std::span<const float> values = weights.data<float>();
  if (before.assignment.size() != values.size()) {
    broken("{} weights are clustered again, {} were before", values.size(),
           before.assignment.size());
  }
  const std::size_t step = elements_per_book(before.shape, before.rows_per_book);
  for (std::size_t book = 0; book < before.books.size(); ++book) {
    const std::size_t begin = book * step, count = std::min(step, values.size() - begin);
    before.books[book] =
        cluster_part_again(values.subspan(begin, count), options, before.books[book],
                           std::span(before.assignment).subspan(begin, count));
  }
  return before;
}

Codebooks read_codebooks(const Tensor& clustered, std::int64_t rows_per_book) {
  const std::span<const float> values = clustered.data<float>();
  Codebooks result{clustered.shape(), rows_per_book, {}, {}};
  const std::size_t step = elements_per_book(clustered.shape(), rows_per_book);
  for (std::size_t begin = 0; begin < values.size(); begin += step) {
    const auto part = values.subspan(begin, std::min(step, values.size() - begin));
    std::vector<float> book(part.begin(), part.end());
    std::sort(book.begin(), book.end());
    book.erase(std::unique(book.begin(), book.end()), book.end());
    for (const float value : part) {
      const auto entry = std::lower_bound(book.begin(), book.end(), value);
      result.assignment.push_back(static_cast<std::int32_t>(entry - book.begin()));
    }
    result.books.push_back(std::move(book));
  }
  return result;
}

Tensor expand(const Codebooks& codebooks) {
  Tensor tensor = Tensor::uninitialized(DType::f32, codebooks.shape);
  const std::span<float> values = tensor.mutable_data<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] =
        codebooks.books[codebooks.book_of(i)][static_cast<std::size_t>(codebooks.assignment[i])];
  }
  return tensor;
}

std::vector<std::vector<double>> entry_sums(const Codebooks& codebooks,
                                            std::span<const float> gradient) {
  if (gradient.size() != codebooks.assignment.size()) {
    broken("{} gradients for {} weights", gradient.size(), codebooks.assignment.size());
  }
  std::vector<std::vector<double>> sums;
  for (const auto& book : codebooks.books) sums.emplace_back(book.size(), 0.0);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    sums[codebooks.book_of(i)][static_cast<std::size_t>(codebooks.assignment[i])] += gradient[i];
  }
  return sums;
}

double relative_error(std::span<const float> original, std::span<const float> changed) {
  double error = 0, energy = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    const double difference = static_cast<double>(original[i]) - changed[i];
    error += difference * difference;
    energy += static_cast<double>(original[i]) * original[i];
  }
  return energy > 0 ? error / energy : 0;
}

int bits_for_error(const Tensor& weights, CodebookOptions options, double tolerance, int most) {
  for (options.bits = 1; options.bits < most; ++options.bits) {
    const Tensor changed = expand(cluster(weights, options));
    if (relative_error(weights.data<float>(), changed.data<float>()) <= tolerance) break;
  }
  return options.bits;
}

Uniform quantize_uniform(const Tensor& weights, int bits) {
  if (bits < 2 || bits > 16) fail("uniform quantization to {} bits: expected 2 to 16", bits);
  const std::span<const float> values = weights.data<float>();
  float largest = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) fail("weights that are not finite cannot be quantized");
    largest = std::max(largest, std::abs(value));
  }
  Uniform result;
  const auto top = static_cast<float>((1 << (bits - 1)) - 1);
  result.scale = largest > 0 ? largest / top : 1;
  // The smallest numbers have no scale that could be divided by.
  if (result.scale < 1e-37F) result.scale = 1e-37F;
  for (const float value : values) {
    const float steps = std::nearbyint(value / result.scale);
    result.integers.push_back(static_cast<std::int32_t>(std::clamp(steps, -top, top)));
  }
  return result;
}

}  // namespace syncopate::codec

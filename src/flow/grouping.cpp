#include "flow/grouping.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "base/random.h"
#include "base/simd.h"

namespace syncopate::flow {
namespace {

/// Exchanges tried per channel, and altogether.
constexpr std::int64_t kTries = 300, kMostTries = 100'000;

SYNCOPATE_MULTIVERSION void add_row(std::int32_t* to, const std::int32_t* row,
                                    std::int64_t samples) {
  for (std::int64_t s = 0; s < samples; ++s) to[s] += row[s];
}

SYNCOPATE_MULTIVERSION void replace_row(std::int32_t* to, const std::int32_t* row,
                                        const std::int32_t* out, const std::int32_t* in,
                                        std::int64_t samples) {
  for (std::int64_t s = 0; s < samples; ++s) to[s] = row[s] - out[s] + in[s];
}

SYNCOPATE_MULTIVERSION void keep_larger(std::int32_t* to, const std::int32_t* row,
                                        std::int64_t samples) {
  for (std::int64_t s = 0; s < samples; ++s) to[s] = to[s] > row[s] ? to[s] : row[s];
}

SYNCOPATE_MULTIVERSION std::int64_t sum_of(const std::int32_t* values, std::int64_t samples) {
  std::int32_t sum = 0;
  for (std::int64_t s = 0; s < samples; ++s) sum += values[s];
  return sum;
}

/// One taker's rows while channels change places.
class Rows {
 public:
  Rows(const Taker& taker, const std::vector<std::int32_t>& order)
      : taker_(taker), rows_((taker.offset + std::ssize(order) - 1) / taker.vector + 1) {
    sums_.assign(static_cast<std::size_t>(rows_ * taker.samples), 0);
    for (std::size_t place = 0; place < order.size(); ++place) {
      add_row(row(row_at(static_cast<std::int64_t>(place))), work(order[place]), taker.samples);
    }
    for (std::int64_t pass = 0; pass * taker_.rows < rows_; ++pass) {
      times_.push_back(time(pass, {}));
    }
  }

  double time() const {
    return taker_.weight *
           static_cast<double>(std::accumulate(times_.begin(), times_.end(), std::int64_t{0}));
  }
  /// What the time grows by when channels `a` and `b` at these places exchange them; to be followed
  /// by keep().
  double try_exchange(std::int64_t place_a, std::int32_t a, std::int64_t place_b, std::int32_t b) {
    changed_[0].row = row_at(place_a);
    changed_[1].row = row_at(place_b);
    same_ = changed_[0].row == changed_[1].row;
    if (same_) return 0;
    replace(changed_[0], a, b);
    replace(changed_[1], b, a);
    const std::int64_t first = changed_[0].row / taker_.rows,
                       second = changed_[1].row / taker_.rows;
    new_times_[0] = time(first, changed_);
    std::int64_t gain = new_times_[0] - times_[static_cast<std::size_t>(first)];
    if (second == first) return taker_.weight * static_cast<double>(gain);
    new_times_[1] = time(second, changed_);
    gain += new_times_[1] - times_[static_cast<std::size_t>(second)];
    return taker_.weight * static_cast<double>(gain);
  }
  void keep() {
    if (same_) return;
    for (std::size_t i = 0; i < 2; ++i) {
      const Changed& changed = changed_[i];
      std::copy(changed.sums.begin(), changed.sums.end(), row(changed.row));
      const std::int64_t pass = changed.row / taker_.rows;
      if (i == 0 || pass != changed_[0].row / taker_.rows) {
        times_[static_cast<std::size_t>(pass)] = new_times_[i];
      }
    }
  }

 private:
  struct Changed {
    std::int64_t row = -1;
    std::vector<std::int32_t> sums;
  };

  std::int64_t row_at(std::int64_t place) const { return (taker_.offset + place) / taker_.vector; }
  std::int32_t* row(std::int64_t r) { return sums_.data() + r * taker_.samples; }
  const std::int32_t* work(std::int32_t channel) const {
    return taker_.work.data() + channel * taker_.samples;
  }
  void replace(Changed& changed, std::int32_t out, std::int32_t in) {
    changed.sums.resize(static_cast<std::size_t>(taker_.samples));
    replace_row(changed.sums.data(), row(changed.row), work(out), work(in), taker_.samples);
  }
  /// Of a pass, with two of all rows replaced or none.
  std::int64_t time(std::int64_t pass, std::span<const Changed> changed) {
    slowest_.assign(static_cast<std::size_t>(taker_.samples), 0);
    for (std::int64_t r = pass * taker_.rows; r < std::min(rows_, (pass + 1) * taker_.rows); ++r) {
      const std::int32_t* sums = row(r);
      for (const Changed& other : changed) {
        if (other.row == r) sums = other.sums.data();
      }
      keep_larger(slowest_.data(), sums, taker_.samples);
    }
    return sum_of(slowest_.data(), taker_.samples);
  }

  const Taker& taker_;
  std::int64_t rows_;
  std::vector<std::int32_t> sums_;   ///< [row][sample]
  std::vector<std::int64_t> times_;  ///< Per pass.
  std::array<Changed, 2> changed_;
  std::array<std::int64_t, 2> new_times_{};
  bool same_ = false;
  std::vector<std::int32_t> slowest_;
};

void improve(const std::vector<Taker>& takers, std::vector<std::int32_t>& order) {
  std::vector<Rows> rows;
  rows.reserve(takers.size());
  for (const Taker& taker : takers) rows.emplace_back(taker, order);
  const std::int64_t channels = std::ssize(order);
  Random random(1);
  for (std::int64_t left = std::min(kMostTries, kTries * channels); left > 0; --left) {
    const std::int64_t p = random.integer(0, channels - 1), q = random.integer(0, channels - 1);
    std::int32_t& a = order[static_cast<std::size_t>(p)];
    std::int32_t& b = order[static_cast<std::size_t>(q)];
    double longer = 0;
    for (Rows& taker : rows) longer += taker.try_exchange(p, a, q, b);
    if (longer > 0) continue;  // Those that change nothing lead to others that do.
    for (Rows& taker : rows) taker.keep();
    std::swap(a, b);
  }
}

}  // namespace

double time_of(const std::vector<Taker>& takers, const std::vector<std::int32_t>& order) {
  double time = 0;
  for (const Taker& taker : takers) time += Rows(taker, order).time();
  return time;
}

std::vector<std::int32_t> best_order(const std::vector<Taker>& takers,
                                     const std::vector<std::vector<std::int32_t>>& starts) {
  std::vector<std::int32_t> best = starts.at(0);
  double least = time_of(takers, best);
  for (const std::vector<std::int32_t>& start : starts) {
    const double time = time_of(takers, start);
    if (time >= least) continue;
    best = start;
    least = time;
  }
  improve(takers, best);
  return best;
}

std::vector<std::int32_t> deal(const std::vector<std::int32_t>& order, std::int64_t vector) {
  const std::int64_t channels = std::ssize(order), rows = (channels - 1) / vector + 1;
  std::vector<std::vector<std::int32_t>> hands(static_cast<std::size_t>(rows));
  std::int64_t row = 0, step = 1;
  for (const std::int32_t channel : order) {
    const auto room = [&](std::int64_t r) {
      return std::ssize(hands[static_cast<std::size_t>(r)]) <
             std::min(vector, channels - r * vector);
    };
    while (!room(row)) {
      row += step;
      if (row < 0 || row >= rows) {
        step = -step;
        row += step;
      }
    }
    hands[static_cast<std::size_t>(row)].push_back(channel);
    row += step;
    if (row < 0 || row >= rows) {
      step = -step;
      row += step;
    }
  }
  std::vector<std::int32_t> result;
  for (const auto& hand : hands) result.insert(result.end(), hand.begin(), hand.end());
  return result;
}

}  // namespace syncopate::flow

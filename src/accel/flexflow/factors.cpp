#include "accel/flexflow/factors.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "array/actions.h"
#include "base/error.h"

namespace syncopate::accel::flexflow {
namespace {

using array::ceil_div;

/// Relative costs of an access [recalled, high]: local store 1, buffer 6.
constexpr double kStore = 1, kBuffer = 6;

/// All sides within the bounds whose product does not exceed the array.
std::vector<Side> sides(std::int64_t maps, std::int64_t rows, std::int64_t cols,
                        std::int64_t array) {
  std::vector<Side> result;
  for (std::int64_t m = 1; m <= std::min(maps, array); ++m) {
    for (std::int64_t r = 1; r <= std::min(rows, array / m); ++r) {
      for (std::int64_t c = 1; c <= std::min(cols, array / m / r); ++c) result.push_back({m, r, c});
    }
  }
  return result;
}

std::int64_t out_steps(const Layer& l, const Side& out) {
  return ceil_div(l.outs, out.maps) * ceil_div(l.rows, out.rows) * ceil_div(l.cols, out.cols);
}

std::int64_t window_steps(const Layer& l, const Side& in) {
  return ceil_div(l.ins, in.maps) * ceil_div(l.kernel_rows, in.rows) *
         ceil_div(l.kernel_cols, in.cols);
}

/// Words moved between buffers, buses and local stores under a mapping, weighted: neurons are read
/// for every block of outputs, kernels once, partial sums for every pass over inputs that a local
/// store holds. Only differences between mappings matter.
double movement(const Layer& l, const Factors& f, const ChooserOptions& options) {
  const std::int64_t window = l.kernel_rows * l.kernel_cols;
  const std::int64_t blocks = std::max<std::int64_t>(1, options.store_words / 2 / window);
  const std::int64_t passes = ceil_div(l.ins, f.in.maps * blocks);
  const auto neurons = static_cast<double>(ceil_div(l.outs, f.out.maps) * l.ins * l.rows * l.cols);
  const auto kernels = static_cast<double>(l.outs * l.ins * window);
  const auto sums = static_cast<double>(2 * (passes - 1) * l.outs * l.rows * l.cols);
  const auto share = static_cast<double>(f.out.rows * f.out.cols * f.in.rows * f.in.cols);
  return static_cast<double>(l.repeats) *
         (kBuffer * (neurons + kernels + sums) +
          kStore * (neurons * static_cast<double>(options.array) + kernels * share));
}

struct Cost {
  double cycles = 0, energy = 0;
};

class Chooser {
 public:
  Chooser(std::span<const Layer> layers, const ChooserOptions& options)
      : layers_(layers), options_(options), readers_(layers.size()) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Layer& l = layers[i];
      inputs_.push_back(sides(l.ins, l.kernel_rows, l.kernel_cols, options.array));
      if (l.producer < 0 || !options.chained) continue;
      if (l.producer >= static_cast<int>(i)) broken("layer {} precedes its producer", i);
      readers_[static_cast<std::size_t>(l.producer)].push_back(i);
    }
  }

  std::vector<Factors> run() {
    switch (options_.objective) {
      case Objective::cycles:
        return minimize({1, 0});
      case Objective::energy:
        return minimize({0, 1});
      case Objective::edp:
        break;
    }
    std::vector<Factors> best = minimize({1, 0});
    Cost at = cost_of(best);
    for (;;) {  // Descends along the tangent of the product; ends, for there are finitely many.
      const std::vector<Factors> next = minimize({at.energy, at.cycles});
      const Cost cost = cost_of(next);
      if (cost.cycles * cost.energy >= at.cycles * at.energy) return best;
      best = next;
      at = cost;
    }
  }

 private:
  /// What a layer is worth in each state, and the outputs' side that makes it so.
  struct Choice {
    double value = 0;
    Side out;
  };
  using Table = std::vector<std::optional<Choice>>;  ///< Per entry of inputs_.

  Cost cost(std::size_t i, const Factors& f) const {
    const Layer& l = layers_[i];
    const double steps = static_cast<double>(l.repeats * out_steps(l, f.out));
    double window = static_cast<double>(window_steps(l, f.in));
    if (options_.packed) {
      window = static_cast<double>(ceil_div(l.ins * l.kernel_rows * l.kernel_cols, options_.array));
    } else if (l.window_cycles) {
      window = l.window_cycles(f.in);
    }
    return {steps * window, movement(l, f, options_)};
  }

  Cost cost_of(const std::vector<Factors>& all) const {
    Cost sum;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Cost c = cost(i, all[i]);
      sum.cycles += c.cycles;
      sum.energy += c.energy;
    }
    return sum;
  }

  /// Sides that a layer's outputs may have: those that all readers can take.
  std::vector<Side> outputs(std::size_t i) const {
    const Layer& l = layers_[i];
    std::int64_t maps = l.outs, rows = l.rows, cols = l.cols;
    for (const std::size_t reader : readers_[i]) {
      maps = std::min(maps, layers_[reader].ins);
      rows = std::min(rows, layers_[reader].kernel_rows);
      cols = std::min(cols, layers_[reader].kernel_cols);
    }
    std::vector<Side> result = sides(maps, rows, cols, options_.array);
    std::sort(result.begin(), result.end(), [](const Side& a, const Side& b) {
      return std::array{-a.maps, a.rows, -a.cols} < std::array{-b.maps, b.rows, -b.cols};
    });
    return result;
  }

  std::vector<Factors> minimize(const Cost& weight) const;
  Table table(std::size_t i, const std::vector<Table>& after, const Cost& weight) const;
  std::size_t first_side(std::size_t i, const Table& table) const;

  std::span<const Layer> layers_;
  const ChooserOptions& options_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<std::vector<Side>> inputs_;  ///< In ascending order.
};

Chooser::Table Chooser::table(std::size_t i, const std::vector<Table>& after,
                              const Cost& weight) const {
  Table result(inputs_[i].size());
  for (const Side& out : outputs(i)) {
    double rest = 0;
    for (const std::size_t reader : readers_[i]) {
      const auto& sides = inputs_[reader];
      const auto at = std::lower_bound(sides.begin(), sides.end(), out) - sides.begin();
      rest += after[reader][static_cast<std::size_t>(at)]->value;
    }
    for (std::size_t s = 0; s < inputs_[i].size(); ++s) {
      const Cost c = cost(i, {out, inputs_[i][s]});
      const double value = weight.cycles * c.cycles + weight.energy * c.energy + rest;
      if (!result[s] || value < result[s]->value) result[s] = Choice{value, out};
    }
  }
  return result;
}

/// The best state of a layer that is free to choose its own.
std::size_t Chooser::first_side(std::size_t i, const Table& table) const {
  std::size_t best = 0;
  const auto rank = [&](std::size_t s) {
    const Side& side = inputs_[i][s];
    return std::array{-side.cols, -side.maps, side.rows};
  };
  for (std::size_t s = 1; s < table.size(); ++s) {
    const double a = table[s]->value, b = table[best]->value;
    if (a < b || (a == b && rank(s) < rank(best))) best = s;
  }
  return best;
}

std::vector<Factors> Chooser::minimize(const Cost& weight) const {
  std::vector<Table> tables(layers_.size());
  for (std::size_t i = layers_.size(); i-- > 0;) tables[i] = table(i, tables, weight);
  std::vector<Factors> result(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const int producer = options_.chained ? layers_[i].producer : -1;
    std::size_t s = 0;
    if (producer < 0) {
      s = first_side(i, tables[i]);
    } else {
      const Side& in = result[static_cast<std::size_t>(producer)].out;
      s = static_cast<std::size_t>(std::lower_bound(inputs_[i].begin(), inputs_[i].end(), in) -
                                   inputs_[i].begin());
    }
    result[i] = {tables[i][s]->out, inputs_[i][s]};
  }
  return result;
}

}  // namespace

std::string to_text(const Factors& f) {
  return fmt::format("<{},{},{},{},{},{}>", f.out.maps, f.in.maps, f.out.rows, f.out.cols,
                     f.in.rows, f.in.cols);
}

Objective objective_from(std::string_view name) {
  if (name == "cycles") return Objective::cycles;
  if (name == "energy") return Objective::energy;
  if (name == "edp") return Objective::edp;
  broken("there is no objective '{}'", name);
}

std::int64_t dense_cycles(const Layer& layer, const Factors& factors) {
  return layer.repeats * out_steps(layer, factors.out) * window_steps(layer, factors.in);
}

std::int64_t packed_cycles(const Layer& layer, const Side& out, std::int64_t array) {
  return layer.repeats * out_steps(layer, out) *
         ceil_div(layer.ins * layer.kernel_rows * layer.kernel_cols, array);
}

bool feasible(const Layer& layer, const Factors& f, std::int64_t array) {
  const auto within = [](const Side& side, std::int64_t maps, std::int64_t rows,
                         std::int64_t cols) {
    return side.maps >= 1 && side.maps <= maps && side.rows >= 1 && side.rows <= rows &&
           side.cols >= 1 && side.cols <= cols;
  };
  return within(f.out, layer.outs, layer.rows, layer.cols) &&
         within(f.in, layer.ins, layer.kernel_rows, layer.kernel_cols) &&
         f.out.product() <= array && f.in.product() <= array;
}

std::vector<Factors> choose_factors(std::span<const Layer> layers, const ChooserOptions& options) {
  return Chooser(layers, options).run();
}

}  // namespace syncopate::accel::flexflow

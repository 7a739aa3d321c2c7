#include "prune/structure.h"

#include <cmath>
#include <numeric>

#include "base/error.h"

namespace syncopate::prune {
namespace {

std::int64_t windows_along(std::int64_t extent, std::int64_t window, std::int64_t stride) {
  return extent <= window ? 1 : (extent - window + stride - 1) / stride + 1;
}

Grid make_grid(const Weights& w, const Block& window, const Block& slide) {
  const auto or_whole = [](std::int64_t stride, std::int64_t whole) {
    return stride == 0 ? whole : stride;
  };
  Grid grid;
  grid.window = window;
  grid.stride = {or_whole(slide.inputs, window.inputs), or_whole(slide.outputs, window.outputs),
                 or_whole(slide.height, window.height), or_whole(slide.width, window.width)};
  grid.inputs = windows_along(w.inputs, window.inputs, grid.stride.inputs);
  grid.outputs = windows_along(w.outputs, window.outputs, grid.stride.outputs);
  grid.height = windows_along(w.height, window.height, grid.stride.height);
  grid.width = windows_along(w.width, window.width, grid.stride.width);
  return grid;
}

/// Numbers 0..n-1 in an order whose every beginning is spread evenly: by their reversed bits.
std::vector<std::int64_t> spread_ranks(std::int64_t n) {
  int bits = 0;
  while ((std::int64_t{1} << bits) < n) ++bits;
  std::vector<std::int64_t> rank(static_cast<std::size_t>(n));
  std::int64_t next = 0;
  for (std::int64_t reversed = 0; reversed < (std::int64_t{1} << bits); ++reversed) {
    std::int64_t number = 0;
    for (int b = 0; b < bits; ++b) number |= ((reversed >> b) & 1) << (bits - 1 - b);
    if (number < n) rank[static_cast<std::size_t>(number)] = next++;
  }
  return rank;
}

/// Marks the `kept` best scores of those that are not negative; ties go to the earlier one.
std::vector<std::uint8_t> keep_best(const std::vector<float>& scores, std::size_t kept) {
  std::vector<std::uint8_t> keep(scores.size(), 0);
  std::vector<float> order = scores;
  const auto last = order.begin() + static_cast<std::ptrdiff_t>(kept) - 1;
  std::nth_element(order.begin(), last, order.end(), std::greater<>());
  const float threshold = *last;
  auto ties = static_cast<std::ptrdiff_t>(kept) -
              std::count_if(scores.begin(), scores.end(), [&](float s) { return s > threshold; });
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] < 0 || scores[i] < threshold) continue;
    if (scores[i] > threshold || ties-- > 0) keep[i] = 1;
  }
  return keep;
}

std::vector<float> all_scores(const Weights& w, const Grid& grid, Criterion criterion,
                              const Magnitudes& values) {
  std::vector<float> scores;
  scores.reserve(static_cast<std::size_t>(w.groups * grid.count()));
  for_each_window(w, grid,
                  [&](const Window& at) { scores.push_back(score(w, at, criterion, values)); });
  return scores;
}

std::size_t share(double density, std::int64_t of) {
  const auto wanted = std::llround(density * static_cast<double>(of));
  return static_cast<std::size_t>(std::clamp<std::int64_t>(wanted, 1, of));
}

/// Windows side by side: the best share of them.
Mask best_windows(const Weights& w, const Grid& grid, double density, const Options& options,
                  const Magnitudes& values) {
  const std::vector<float> scores = all_scores(w, grid, options.criterion, values);
  const auto keep = keep_best(scores, share(density, std::ssize(scores)));
  Mask mask(values.values.size(), 0);
  for_each_window(w, grid, [&](const Window& at) {
    if (keep[static_cast<std::size_t>(at.index)] == 0) return;
    for_each_address(w, at, [&](std::size_t a) { mask[a] = values.alive(a) ? 1 : 0; });
  });
  return mask;
}

/// Windows that overlap: the worst go as long as the density allows.
Mask without_worst_windows(const Weights& w, const Grid& grid, double density,
                           const Options& options, const Magnitudes& values) {
  std::vector<Window> windows;
  for_each_window(w, grid, [&](const Window& at) { windows.push_back(at); });
  const std::vector<float> scores = all_scores(w, grid, options.criterion, values);
  std::vector<std::size_t> order(windows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  Mask mask(values.values.size(), 1);
  if (values.older != nullptr) mask = *values.older;
  const auto wanted = static_cast<std::int64_t>(share(density, w.size()));
  std::int64_t left = std::count(mask.begin(), mask.end(), 1);
  for (const std::size_t n : order) {
    std::int64_t covered = 0;
    for_each_address(w, windows[n], [&](std::size_t a) { covered += mask[a]; });
    if (left - covered < wanted) break;
    left -= covered;
    for_each_address(w, windows[n], [&](std::size_t a) { mask[a] = 0; });
  }
  return mask;
}

/// A number of weights in every window.
Mask best_of_each_window(const Weights& w, const Grid& grid, double density, const Options& options,
                         const Magnitudes& values) {
  const Quotas quotas(w, grid, options, density);
  Mask mask(values.values.size(), 0);
  std::vector<std::size_t> places;
  for_each_window(w, grid, [&](const Window& at) {
    places.clear();
    for_each_address(w, at, [&](std::size_t a) {
      if (values.alive(a)) places.push_back(a);
    });
    const auto kept = std::min<std::ptrdiff_t>(quotas.of(w, at), std::ssize(places));
    std::stable_sort(places.begin(), places.end(),
                     [&](std::size_t a, std::size_t b) { return values.at(a) > values.at(b); });
    for (std::ptrdiff_t n = 0; n < kept; ++n) mask[places[static_cast<std::size_t>(n)]] = 1;
  });
  return mask;
}

}  // namespace

Grid single_weights(const Weights& weights) { return side_by_side(weights, {1, 1, 1, 1}); }

Grid side_by_side(const Weights& weights, const Block& window) {
  return make_grid(weights, window, {0, 0, 0, 0});
}

Grid grid_for(const Weights& w, const Options& options) {
  switch (options.method) {
    case Method::magnitude:
      return single_weights(w);
    case Method::coarse: {
      if (!w.fully_connected) return make_grid(w, options.conv, options.conv_stride);
      const bool large = w.inputs >= 4096 && w.outputs >= 4096;
      return make_grid(w, large ? options.fc_large : options.fc_small, options.fc_stride);
    }
    case Method::n_of_m:
      return side_by_side(w, {options.m, 1, 1, 1});
    case Method::balanced:
      if (w.kernel() > 1) return side_by_side(w, {1, 1, w.height, w.width});
      return side_by_side(w, {options.group_1x1, 1, 1, 1});
  }
  broken("unknown method {}", static_cast<int>(options.method));
}

float score(const Weights& w, const Window& window, Criterion criterion, const Magnitudes& values) {
  float result = 0;
  bool alive = false;
  for_each_address(w, window, [&](std::size_t a) {
    const float magnitude = values.at(a);
    alive |= values.alive(a);
    if (criterion == Criterion::max) {
      result = std::max(result, magnitude);
    } else {
      result += criterion == Criterion::average ? magnitude : std::log(magnitude);
    }
  });
  if (!alive) return -1;
  if (criterion == Criterion::max) return result;
  result /= static_cast<float>(window.size());
  return criterion == Criterion::average ? result : std::exp(result);
}

Quotas::Quotas(const Weights& w, const Grid& grid, const Options& options, double density) {
  step_ = std::min(grid.window.inputs, w.inputs);
  size_ = step_ * grid.window.outputs * grid.window.height * grid.window.width;
  const auto part = [&](std::int64_t size) { return density * static_cast<double>(size); };
  const bool n_of_m = options.method == Method::n_of_m;
  const std::int64_t full = n_of_m ? options.m : size_;
  tail_.resize(static_cast<std::size_t>(size_) + 1, 0);
  const std::int64_t n = std::clamp<std::int64_t>(std::llround(part(full)), 1, full);
  for (std::int64_t t = 1; t <= size_; ++t) {
    const std::int64_t rounded = options.q_rounding == QRounding::down
                                     ? static_cast<std::int64_t>(part(t) + 1e-9)
                                     : std::llround(part(t));
    tail_[static_cast<std::size_t>(t)] =
        n_of_m ? (n * t + full - 1) / full : std::max<std::int64_t>(1, rounded);
  }
  low_ = tail_.back();
  if (n_of_m || options.q_rounding == QRounding::down) return;
  low_ = static_cast<std::int64_t>(part(size_) + 1e-9);
  const std::int64_t windows = w.inputs / step_;
  rank_ = spread_ranks(windows);
  extras_ = std::llround((part(size_) - static_cast<double>(low_)) * static_cast<double>(windows));
  if (low_ == 0) extras_ = std::max<std::int64_t>(1, extras_);
}

std::int64_t Quotas::of(const Weights& w, const Window& window) const {
  if (window.size() < size_) return tail_[static_cast<std::size_t>(window.size())];
  if (extras_ == 0) return low_;
  const std::int64_t output = window.group * w.outputs + window.output;
  const auto place = static_cast<std::size_t>((window.input / step_ + output) % std::ssize(rank_));
  return low_ + (rank_[place] < extras_ ? 1 : 0);
}

std::string Quotas::text() const {
  if (extras_ == 0) return fmt::format("{} of {}", low_, size_);
  if (extras_ == std::ssize(rank_)) return fmt::format("{} of {}", low_ + 1, size_);
  return fmt::format("{}/{} of {}", low_ + 1, low_, size_);
}

Mask layer_mask(const ir::Graph& graph, const Layer& layer, double density, const Options& options,
                const Mask* older) {
  return layer_mask(graph.value(layer.weights.value).constant->data<float>(), layer, density,
                    options, older);
}

Mask layer_mask(std::span<const float> weights, const Layer& layer, double density,
                const Options& options, const Mask* older) {
  const Weights& w = layer.weights;
  const Magnitudes values{weights, older};
  if (older != nullptr && older->size() != values.values.size()) {
    fail("prune: the older mask of '{}' has {} entries; its weights are {}", layer.value,
         older->size(), values.values.size());
  }
  const Grid grid = grid_for(w, options);
  if (options.method == Method::n_of_m || options.method == Method::balanced) {
    return best_of_each_window(w, grid, density, options, values);
  }
  return grid.overlaps() ? without_worst_windows(w, grid, density, options, values)
                         : best_windows(w, grid, density, options, values);
}

}  // namespace syncopate::prune

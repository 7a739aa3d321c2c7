// Compiled alone: other files of the folder have names of their own that are the same.
#include <algorithm>
#include <cmath>
#include <limits>

#include "gconv/follow.h"
#include "gconv/quantize_parts.h"

namespace syncopate::gconv::quantizing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Magnitudes an integer post may reach: half of kSumLimit, so that rounding of its parts fits too.
constexpr double kRoom = kSumLimit / 2;
/// Multipliers stay 31 bits wide; more would not change 16-bit results.
constexpr double kLargestMultiplier = 2147483647.0;

double at(const std::vector<double>& values, std::size_t c) {
  return values[values.size() == 1 ? 0 : c];
}

/// One channel of an integer post.
struct Step {
  std::int64_t multiplier = 0, bias = 0;
  int shift = 0;
  bool operator==(const Step&) const = default;
};

/// The largest shift for which multiplier and sum stay in bounds, then without common factors of
/// two, so that exact steps read as exact.
Step make_step(double factor, double offset, double bound) {
  const double reach = bound * std::abs(factor) + std::abs(offset);
  int shift = 62;
  if (reach > 0) {
    shift = std::min(shift, static_cast<int>(std::floor(std::log2(kRoom / reach))));
  }
  if (factor != 0) {
    shift = std::min(
        shift, static_cast<int>(std::floor(std::log2(kLargestMultiplier / std::abs(factor)))));
  }
  shift = std::max(shift, 0);
  const double most = kRoom / std::max(bound, 1.0);
  const double multiplier = std::clamp(std::ldexp(factor, shift), -most, most);
  const double bias = std::clamp(std::ldexp(offset, shift), -kRoom, kRoom);
  Step step{static_cast<std::int64_t>(std::nearbyint(multiplier)),
            static_cast<std::int64_t>(std::nearbyint(bias)), shift};
  while (step.shift > 0 && step.multiplier % 2 == 0 && step.bias % 2 == 0) {
    step.multiplier /= 2;
    step.bias /= 2;
    --step.shift;
  }
  return step;
}

/// Per-channel vectors, or single entries when all channels agree.
FixedPost assemble(std::vector<Step> steps) {
  if (std::all_of(steps.begin(), steps.end(), [&](const Step& s) { return s == steps[0]; })) {
    steps.resize(1);
  }
  FixedPost post;
  for (const Step& step : steps) {
    post.multiplier.push_back(step.multiplier);
    post.bias.push_back(step.bias);
    post.shift.push_back(step.shift);
  }
  return post;
}

std::size_t channels_of(const RealPost& post, const std::vector<double>& unit, const Bound& bound) {
  return std::max({post.scale.size(), post.bias.size(), unit.size(), bound.size()});
}

std::int64_t clamp_to(double value, std::int64_t largest) {
  const auto limit = static_cast<double>(largest);
  return static_cast<std::int64_t>(std::nearbyint(std::clamp(value, -limit, limit)));
}

Interval intersection(const Interval& a, const Interval& b) {
  Interval both{std::max(a.low, b.low), std::min(a.high, b.high)};
  both.high = std::max(both.high, both.low);
  return both;
}

/// Arguments outside of this give the same 16-bit results as its ends.
Interval useful_arguments(const PostOp& op, double largest_result, double step) {
  switch (op.function) {
    case Function::sigmoid:
      return {std::log(step / 4), -std::log(step / 4)};
    case Function::tanh:
      return {std::log(step / 8), -std::log(step / 8)};
    case Function::exp:
      return {std::log(step / 4), std::log(largest_result)};
    case Function::hard_sigmoid: {
      const double a = -op.beta / op.alpha, b = (1 - op.beta) / op.alpha;
      return op.alpha == 0 ? Interval{-kInfinity, kInfinity}
                           : Interval{std::min(a, b), std::max(a, b)};
    }
    case Function::hard_swish:
      return {-3, std::max(3.0, largest_result)};
    case Function::sqrt:
      return {0, largest_result * largest_result};
    case Function::leaky_relu:
    case Function::reciprocal:
    case Function::power:
      break;
  }
  return {-kInfinity, kInfinity};
}

/// The domain of a table: real interval and real step of its integer argument.
struct Domain {
  std::int64_t low = 0, high = 0;
  double step = 1;
};

Domain choose_domain(const RealPost& post, const Narrow& output, const Interval& reachable,
                     double largest_result, std::int64_t entries) {
  Interval real = intersection(reachable, {post.low, post.high});
  real = intersection(real, useful_arguments(*post.function, largest_result, output.scale));
  if (post.function->function == Function::reciprocal && real.low >= 0) {
    real.low = std::max(real.low, 1 / largest_result);
    real.high = std::max(real.high, real.low);
  }
  Domain domain;
  const double width = std::max(real.high - real.low, 1e-30);
  const double ends = std::max(std::abs(real.low), std::abs(real.high));
  // Far from zero a narrow interval would need arguments beyond exact integers.
  domain.step = std::max(width / static_cast<double>(entries - 2), ends / 1e9);
  domain.low = static_cast<std::int64_t>(std::nearbyint(real.low / domain.step));
  domain.high = static_cast<std::int64_t>(std::nearbyint(real.high / domain.step));
  return domain;
}

}  // namespace

RealPost::RealPost(const GConv& gconv) : low(-kInfinity), high(kInfinity) {
  if (!has_one_form(gconv.post, {})) {
    broken("gconv '{}': its post has no single fixed-point form", gconv.name);
  }
  for (const PostOp& op : gconv.post) {
    if (op.kind == PostOp::Kind::function) {
      function = &op;
    } else if (op.kind == PostOp::Kind::clamp) {
      low = std::min(std::max(low, op.low), op.high);
      high = std::max(std::min(high, op.high), op.low);
    } else {
      const std::size_t channels =
          std::max({scale.size(), op.scale.size(), bias.size(), op.bias.size()});
      std::vector<double> next_scale(std::max(scale.size(), op.scale.size())), next_bias(channels);
      for (std::size_t c = 0; c < channels; ++c) {
        next_bias[c] = at(op.scale, c) * at(bias, c) + at(op.bias, c);
      }
      for (std::size_t c = 0; c < next_scale.size(); ++c) {
        next_scale[c] = at(op.scale, c) * at(scale, c);
      }
      scale = std::move(next_scale);
      bias = std::move(next_bias);
    }
  }
}

double evaluate(const PostOp& op, double x) {
  switch (op.function) {
    case Function::leaky_relu:
      return x < 0 ? op.alpha * x : x;
    case Function::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Function::tanh:
      return std::tanh(x);
    case Function::exp:
      return std::exp(x);
    case Function::reciprocal:
      return 1 / x;
    case Function::sqrt:
      return std::sqrt(std::max(x, 0.0));
    case Function::hard_sigmoid:
      return std::clamp(op.alpha * x + op.beta, 0.0, 1.0);
    case Function::hard_swish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Function::power:
      return std::pow(op.gamma + op.alpha * x, -op.beta);
  }
  broken("unknown function");
}

FixedPost make_post(const RealPost& post, const std::vector<double>& unit, const Bound& bound,
                    const Narrow& output, const Interval& reachable, double largest_result,
                    std::int64_t table_entries) {
  Domain domain;
  double target = output.scale;
  if (post.function != nullptr) {
    domain = choose_domain(post, output, reachable, largest_result, table_entries);
    target = domain.step;
  }
  std::vector<Step> steps(channels_of(post, unit, bound));
  for (std::size_t c = 0; c < steps.size(); ++c) {
    steps[c] = make_step(at(post.scale, c) * at(unit, c) / target, at(post.bias, c) / target,
                         at(bound, c));
  }
  FixedPost result = assemble(std::move(steps));
  if (post.function == nullptr) {
    result.low = clamp_to(post.low / target, output.largest());
    result.high = clamp_to(post.high / target, output.largest());
    return result;
  }
  result.low = domain.low;
  result.high = domain.high;
  std::vector<std::int16_t> table;
  table.reserve(static_cast<std::size_t>(domain.high - domain.low + 1));
  for (std::int64_t i = domain.low; i <= domain.high; ++i) {
    const double y = evaluate(*post.function, static_cast<double>(i) * domain.step);
    table.push_back(std::isnan(y)
                        ? std::int16_t{0}
                        : static_cast<std::int16_t>(clamp_to(y / output.scale, output.largest())));
  }
  result.table = std::make_shared<const std::vector<std::int16_t>>(std::move(table));
  return result;
}

std::optional<WidePost> make_wide_post(const RealPost& post, const std::vector<double>& unit,
                                       const Bound& bound, double resolution, double limit) {
  const std::size_t channels = channels_of(post, unit, bound);
  std::vector<Step> steps(channels);
  WidePost result;
  result.unit.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double factor = at(post.scale, c) * at(unit, c), bias = at(post.bias, c);
    if (factor == 0) {
      result.unit[c] = bias == 0 ? 1 : std::abs(bias) / 16777216;
    } else {
      const double finer = std::ceil(std::log2(std::abs(factor) / resolution));
      const int exponent = static_cast<int>(std::clamp(std::isnan(finer) ? 0.0 : finer, 0.0, 24.0));
      steps[c].multiplier = (factor < 0 ? -1 : 1) * (std::int64_t{1} << exponent);
      result.unit[c] = std::ldexp(std::abs(factor), -exponent);
    }
    const double offset = bias / result.unit[c];
    const double reach = at(bound, c) * std::abs(static_cast<double>(steps[c].multiplier));
    if (!(reach + std::abs(offset) < limit)) {
      return std::nullopt;
    }
    steps[c].bias = static_cast<std::int64_t>(std::nearbyint(offset));
  }
  result.post = assemble(std::move(steps));
  result.post.low = std::numeric_limits<std::int64_t>::min();
  result.post.high = std::numeric_limits<std::int64_t>::max();
  return result;
}

}  // namespace syncopate::gconv::quantizing

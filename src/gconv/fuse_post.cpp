#include <algorithm>
#include <limits>
#include <utility>

#include "gconv/fixed_post.h"
#include "gconv/follow.h"
#include "gconv/passes.h"

// Before:                                            After:
//   gconv conv1        x -> conv1/sum   mul, add       gconv conv1   x -> y   mul, add
//   gconv conv1/bias   conv1/sum -> a   affine           affine, affine, clamp
//   gconv bn1          a -> b           affine
//   gconv relu1        b -> y           clamp
//
// In a quantized chain the sums in between are exact, so the composed fixed post gives the same
// bits: multipliers multiply, a shift and a clamp come last.

namespace syncopate::gconv {
namespace {

bool is_unclamped(const FixedPost& post) {
  return post.low == std::numeric_limits<std::int64_t>::min() &&
         post.high == std::numeric_limits<std::int64_t>::max();
}

/// Only adds and multiplies: nothing is lost before the next post.
bool is_exact(const FixedPost& post) {
  return is_unclamped(post) && !post.table &&
         std::all_of(post.shift.begin(), post.shift.end(), [](int s) { return s == 0; });
}

/// Only clamps and looks up.
bool is_lookup(const FixedPost& post) {
  return post.multiplier == std::vector<std::int64_t>{1} &&
         post.bias == std::vector<std::int64_t>{0} && post.shift == std::vector<int>{0};
}

/// `second` after an exact `first`.
FixedPost compose_exact(const FixedPost& first, const FixedPost& second) {
  FixedPost result = second;
  const std::size_t channels =
      std::max({first.multiplier.size(), first.bias.size(), second.multiplier.size(),
                second.bias.size(), second.shift.size()});
  result.multiplier.resize(channels);
  result.bias.resize(channels);
  for (std::size_t i = 0; i < channels; ++i) {
    const auto c = static_cast<std::int64_t>(i);
    const std::int64_t factor = channel_entry(second.multiplier, c);
    result.multiplier[i] = channel_entry(first.multiplier, c) * factor;
    result.bias[i] = channel_entry(first.bias, c) * factor + channel_entry(second.bias, c);
  }
  return result;
}

/// `second` after any `first`, when `second` clamps and looks up only, or `first` ends in a table
/// whose few results `second` can be applied to beforehand. nullopt when neither holds.
std::optional<FixedPost> compose_lookup(const FixedPost& first, const FixedPost& second) {
  FixedPost result = first;
  if (first.table) {
    if (second.multiplier.size() > 1 || second.bias.size() > 1 || second.shift.size() > 1) {
      return std::nullopt;
    }
    std::vector<std::int16_t> table;
    for (const std::int16_t value : *first.table) {
      table.push_back(static_cast<std::int16_t>(apply(second, 0, value)));
    }
    result.table = std::make_shared<const std::vector<std::int16_t>>(std::move(table));
    return result;
  }
  if (!is_lookup(second)) {
    return std::nullopt;
  }
  // All values between the clamps of `first`, sent through `second`, stay an interval.
  result.low = std::clamp(first.low, second.low, second.high);
  result.high = std::clamp(first.high, second.low, second.high);
  if (second.table) {
    const auto begin = second.table->begin();
    result.table = std::make_shared<const std::vector<std::int16_t>>(
        begin + (result.low - second.low), begin + (result.high - second.low + 1));
  }
  return result;
}

std::optional<FixedPost> compose(const std::optional<FixedPost>& first,
                                 const std::optional<FixedPost>& second) {
  if (!first) {
    return second;
  }
  if (!second) {
    return std::nullopt;
  }
  return is_exact(*first) ? compose_exact(*first, *second) : compose_lookup(*first, *second);
}

/// `next` as a part of `first`; nullopt when that cannot be said exactly.
std::optional<GConv> fused(bool quantized, const GConv& first, const GConv& next) {
  if (next.post.empty() || !follows(first, next) || !has_one_form(first.post, next.post)) {
    return std::nullopt;
  }
  GConv result = first;
  if (quantized) {
    result.fixed = compose(first.fixed, next.fixed);
    if (!result.fixed) {
      return std::nullopt;
    }
  }
  result.post.insert(result.post.end(), next.post.begin(), next.post.end());
  result.channel = result.channel.empty() ? next.channel : result.channel;
  result.output = {next.output.tensor, next.output.base, {}};
  for (const Dim& dim : first.dims) {
    const int d = next.dim_index(dim.name);
    result.output.strides.push_back(
        dim.outputs() == 1 || d < 0 ? 0 : next.output.strides[static_cast<std::size_t>(d)]);
  }
  return result;
}

/// Whether per-channel entries of both, weights included, run along the same dimension.
bool channels_agree(const GConv& first, const GConv& next) {
  return first.channel.empty() || next.channel.empty() || first.channel == next.channel;
}

}  // namespace

Chain fuse_post(Chain chain) {
  std::map<std::string, int> readers, writers;
  for (const GConv& gconv : chain.gconvs) {
    ++readers[gconv.input.tensor];
    ++writers[gconv.output.tensor];
    if (gconv.kernel) {
      ++readers[gconv.kernel->tensor];
    }
  }
  for (const std::string& output : chain.outputs) {
    ++readers[output];
  }
  Chain result = std::move(chain);
  std::vector<GConv> gconvs = std::exchange(result.gconvs, {});
  std::map<std::string, std::size_t> writer;  // of tensors with a single one, in result.gconvs
  for (GConv& gconv : gconvs) {
    const auto before = writer.find(gconv.input.tensor);
    if (before != writer.end() && readers[gconv.input.tensor] == 1) {
      GConv& first = result.gconvs[before->second];
      std::optional<GConv> both =
          channels_agree(first, gconv) ? fused(result.quantized, first, gconv) : std::nullopt;
      if (both) {
        result.tensors.erase(first.output.tensor);
        first = std::move(*both);
        if (writers[first.output.tensor] == 1) {
          writer[first.output.tensor] = before->second;
        }
        continue;
      }
    }
    const std::string& to = result.gconvs.emplace_back(std::move(gconv)).output.tensor;
    if (writers[to] == 1) {
      writer[to] = result.gconvs.size() - 1;
    }
  }
  return result;
}

}  // namespace syncopate::gconv

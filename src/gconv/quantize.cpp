#include "gconv/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gconv/follow.h"
#include "gconv/quantize_parts.h"

namespace syncopate::gconv {
namespace quantizing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Exact sums passed between GCONVs stay below this, so that 17 bits are left for multipliers.
constexpr double kWideLimit = 35184372088832.0 * 8;  // 2^48
/// Exact sums count in steps at least this much finer than the narrow result they lead to.
constexpr double kFiner = 256;
/// And so much finer again, where that fits, when a model prescribes the narrow result's step: its
/// steps are coarse, and a bias off by 1/512 of one would round too many results to another step.
constexpr double kFinerStill = 4096;

double at(const std::vector<double>& values, std::size_t c) {
  return values[values.size() == 1 ? 0 : c];
}

std::vector<double> multiplied(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result(std::max(a.size(), b.size()));
  for (std::size_t c = 0; c < result.size(); ++c) {
    result[c] = at(a, c) * at(b, c);
  }
  return result;
}

/// Blocks of a constant kernel, one per output channel; 1 when channels do not own equal blocks.
std::int64_t channel_blocks(const GConv& gconv, const TensorInfo& info) {
  const int along = gconv.channel.empty() ? -1 : gconv.dim_index(gconv.channel);
  if (along < 0) {
    return 1;
  }
  const auto c = static_cast<std::size_t>(along);
  const Dim& dim = gconv.dims[c];
  const std::int64_t channels = dim.ng * dim.nop;
  if (dim.nopc != 1 || info.elements % channels != 0) {
    return 1;
  }
  const std::int64_t block = info.elements / channels;
  View inside = *gconv.kernel;
  std::vector<std::int64_t> extents = kernel_extents(gconv);
  extents[c] = dim.nks;  // the taps of the first channel
  const AddressRange range = address_range(inside, extents);
  const bool fits = range.low >= 0 && range.high < block;
  return fits && (channels == 1 || inside.strides[c] * dim.nks == block) ? channels : 1;
}

class Quantizer {
 public:
  Quantizer(const Chain& chain, const Ranges& ranges, const QuantizeOptions& options)
      : source_(chain),
        ranges_(ranges),
        options_(options),
        uses_(chain),
        narrow_(choose_scales(chain, uses_, ranges, options)),
        result_(chain) {}

  Chain run() {
    result_.quantized = true;
    result_.weight_bits = options_.weight_bits;
    result_.activation_bits = options_.activation_bits;
    quantize_constants();
    for (const std::string& input : result_.inputs) {
      set_narrow(input);
    }
    for (GConv& gconv : result_.gconvs) {
      quantize(gconv);
    }
    for (auto& [name, info] : result_.tensors) {
      if (info.dtype == DType::f32) {
        set_narrow(name);  // tensors that nothing writes
      }
    }
    return std::move(result_);
  }

 private:
  void quantize_constants() {
    std::map<std::string, std::int64_t> blocks;
    std::map<std::string, int> bits;
    for (const GConv& gconv : source_.gconvs) {
      if (source_.tensor(gconv.input.tensor).constant) {
        blocks[gconv.input.tensor] = 1;
        bits.emplace(gconv.input.tensor, 16);
      }
      if (gconv.kernel && source_.tensor(gconv.kernel->tensor).constant) {
        const std::string& name = gconv.kernel->tensor;
        const bool weights = gconv.main == Main::mul && gconv.reduce == Reduce::add;
        const std::int64_t channels =
            gconv.main == Main::mul ? channel_blocks(gconv, source_.tensor(name)) : 1;
        const auto [known, fresh] = blocks.emplace(name, channels);
        known->second = fresh || known->second == channels ? channels : 1;
        bits[name] = weights ? options_.weight_bits : std::max(bits[name], 16);
      }
    }
    for (const auto& [name, channels] : blocks) {
      TensorInfo& info = result_.tensor(name);
      Weights weights = quantize_weights(name, info, bits[name], channels);
      info.dtype = weights.values.dtype();
      info.constant = std::move(weights.values);
      info.scale = weights.scale;
      info.channel_scale = std::move(weights.channel_scale);
      sums_[name] = std::move(weights.sums);
    }
    for (auto& [name, info] : result_.tensors) {
      if (info.constant && info.dtype == DType::f32) {  // nothing reads it
        info.constant = Tensor(DType::i16, info.constant->shape());
        info.dtype = DType::i16;
        info.scale = 1;
      }
    }
  }

  void set_narrow(const std::string& name) {
    TensorInfo& info = result_.tensor(name);
    const Narrow& narrow = narrow_.at(name);
    info.dtype = narrow.dtype;
    info.scale = narrow.scale;
    info.channel_scale.clear();
  }

  /// Real value of one unit of an operand, per channel.
  std::vector<double> operand_unit(const std::string& name) const {
    const TensorInfo& info = result_.tensor(name);
    return info.channel_scale.empty() ? std::vector<double>{info.scale} : info.channel_scale;
  }

  /// Real value of one unit of the exact sum; sets the factors of additions.
  std::vector<double> sum_unit(GConv& gconv) const {
    std::vector<double> unit = operand_unit(gconv.input.tensor);
    if (gconv.pre == Pre::square) {
      unit = multiplied(unit, unit);
    }
    if (gconv.main == Main::none) {
      return unit;
    }
    const std::vector<double> other = operand_unit(gconv.kernel->tensor);
    if (gconv.main == Main::mul) {
      return multiplied(unit, other);
    }
    if (unit[0] == other[0]) {
      return unit;
    }
    const double common = std::max(unit[0], other[0]) / std::ldexp(1.0, kFactorBits);
    const auto factor = [&](double step) {
      return std::max<std::int64_t>(1, std::llrint(step / common));
    };
    gconv.input_factor = factor(unit[0]);
    gconv.kernel_factor = factor(other[0]);
    return {common};
  }

  Bound bound_of(const GConv& gconv) const {
    if (!gconv.kernel || gconv.main != Main::mul ||
        !result_.tensor(gconv.kernel->tensor).constant) {
      return sum_bound(result_, gconv, wide_bounds_, nullptr);
    }
    const TensorInfo& kernel = result_.tensor(gconv.kernel->tensor);
    const std::vector<double>& known = sums_.at(gconv.kernel->tensor);
    const std::int64_t channels = channel_blocks(gconv, kernel);
    const std::vector<double> sums =
        static_cast<std::int64_t>(known.size()) == channels && channels > 1
            ? known
            : weight_sums(gconv, kernel);
    return sum_bound(result_, gconv, wide_bounds_, &sums);
  }

  void quantize(GConv& gconv) {
    const auto units_along = wide_channels_.find(gconv.input.tensor);
    if (units_along != wide_channels_.end()) {
      gconv.channel = units_along->second;
    }
    const std::vector<double> unit = sum_unit(gconv);
    const Bound bound = bound_of(gconv);
    if (keep_wide(gconv, unit, bound)) {
      return;
    }
    const std::string& to = gconv.output.tensor;
    set_narrow(to);
    const RealPost post(gconv);
    const Narrow& output = narrow_.at(to);
    const double largest = output.scale * static_cast<double>(output.largest());
    const std::int64_t entries = output.dtype == DType::i8 ? kSmallTable : kLargeTable;
    gconv.fixed =
        make_post(post, unit, bound, output, reachable(gconv, post, unit, bound), largest, entries);
  }

  /// Leaves the exact sum to the reader when that continues the post.
  bool keep_wide(GConv& gconv, const std::vector<double>& unit, const Bound& bound) {
    const std::string& to = gconv.output.tensor;
    const GConv* next = follower(gconv);
    const bool affine_only = std::all_of(gconv.post.begin(), gconv.post.end(), [](const auto& op) {
      return op.kind == PostOp::Kind::affine;
    });
    if (next == nullptr || !affine_only ||
        *std::max_element(bound.begin(), bound.end()) >= kWideLimit) {
      return false;
    }
    const RealPost post(gconv);
    const std::optional<WidePost> wide = wide_post(post, unit, bound, *next);
    if (!wide) {
      return false;
    }
    TensorInfo& info = result_.tensor(to);
    info.dtype = DType::i64;
    info.scale = 0;
    if (wide->unit.size() > 1) {
      wide_channels_[to] = gconv.channel;
    }
    if (gconv.post.empty()) {  // the sum itself
      info.channel_scale = unit;
      wide_bounds_[to] = bound;
      return true;
    }
    info.channel_scale = wide->unit;
    gconv.fixed = wide->post;
    wide_bounds_[to] = post_bound(gconv, bound);
    return true;
  }

  /// The GCONV that alone reads the result and applies more posts to it, or null.
  const GConv* follower(const GConv& gconv) const {
    const std::string& to = gconv.output.tensor;
    const GConv* next = uses_.only_reader(source_, to);
    const bool one_channel = next == nullptr || next->channel.empty() || gconv.channel.empty() ||
                             next->channel == gconv.channel;
    const bool alone = uses_.writers_of(to).size() == 1 && source_.tensor(to).scale == 0;
    if (next == nullptr || !alone || !one_channel || next->post.empty() || !follows(gconv, *next) ||
        (keeps_values(gconv) && keeps_values(*next))) {
      return nullptr;
    }
    return uses_.writers_of(next->output.tensor).size() == 1 ? next : nullptr;
  }

  /// The exact post before `next`, in steps fine enough for what follows; nullopt when no sum of
  /// the allowed size is.
  std::optional<WidePost> wide_post(const RealPost& post, const std::vector<double>& unit,
                                    const Bound& bound, const GConv& next) const {
    double gain = 1;
    const GConv* end = &next;
    for (const GConv* at_end = &next; at_end != nullptr; at_end = follower(*at_end)) {
      end = at_end;
      for (const PostOp& op : at_end->post) {
        double largest = op.kind == PostOp::Kind::affine ? 0 : 1;
        for (const double scale : op.scale) {
          largest = std::max(largest, std::abs(scale));
        }
        gain *= largest;  // 0 when the following posts ignore the sum
      }
    }
    const std::string& result = end->output.tensor;
    const double resolution = narrow_.at(result).scale / kFiner / gain;
    std::optional<WidePost> wide;
    if (source_.tensor(result).scale != 0) {
      wide = make_wide_post(post, unit, bound, resolution / kFinerStill, kWideLimit);
    }
    return wide ? wide : make_wide_post(post, unit, bound, resolution, kWideLimit);
  }

  /// Where the argument of a function can lie.
  Interval reachable(const GConv& gconv, const RealPost& post, const std::vector<double>& unit,
                     const Bound& bound) const {
    double largest = 0;
    for (std::size_t c = 0; c < std::max(unit.size(), bound.size()); ++c) {
      largest = std::max(largest, at(unit, c) * at(bound, c));
    }
    const auto calibrated = ranges_.find(gconv.input.tensor);
    if (gconv.main == Main::none && calibrated != ranges_.end()) {
      double terms = 1;
      for (const Dim& dim : gconv.dims) {
        terms *= gconv.reduce == Reduce::add ? static_cast<double>(dim.nks) : 1;
      }
      const double seen = calibrated->second;
      largest = std::min(largest, terms * (gconv.pre == Pre::square ? seen * seen : seen));
    }
    Interval sums{gconv.pre == Pre::square || is_positive(gconv) ? 0 : -largest, largest};
    Interval result{kInfinity, -kInfinity};
    for (std::size_t c = 0; c < std::max(post.scale.size(), post.bias.size()); ++c) {
      const double a = at(post.scale, c) * sums.low + at(post.bias, c);
      const double b = at(post.scale, c) * sums.high + at(post.bias, c);
      result.low = std::min({result.low, a, b});
      result.high = std::max({result.high, a, b});
    }
    return result;
  }

  /// A sum or maximum of results of exp, as in softmax.
  bool is_positive(const GConv& gconv) const {
    if (gconv.main != Main::none) {
      return false;
    }
    const std::vector<std::size_t>& writers = uses_.writers_of(gconv.input.tensor);
    return !writers.empty() && std::all_of(writers.begin(), writers.end(), [&](std::size_t i) {
      const std::vector<PostOp>& post = source_.gconvs[i].post;
      return !post.empty() && post.back().kind == PostOp::Kind::function &&
             (post.back().function == Function::exp || post.back().function == Function::sigmoid);
    });
  }

  static constexpr int kFactorBits = 24;
  static constexpr std::int64_t kLargeTable = 65536, kSmallTable = 4096;

  const Chain& source_;
  const Ranges& ranges_;
  QuantizeOptions options_;
  Uses uses_;
  std::map<std::string, Narrow> narrow_;
  Chain result_;
  std::map<std::string, std::vector<double>> sums_;
  Bounds wide_bounds_;
  /// Dimension along which the units of an exact sum differ.
  std::map<std::string, std::string> wide_channels_;
};

}  // namespace
}  // namespace quantizing

std::int64_t largest_weight(int bits) { return bits == 8 ? 127 : 32639; }

std::int64_t largest_activation(int bits) { return bits == 8 ? 127 : 32767; }

Chain quantize(const Chain& chain, const Ranges& ranges, const QuantizeOptions& options) {
  for (const int bits : {options.weight_bits, options.activation_bits}) {
    if (bits != 8 && bits != 16) {
      fail("{} bits; supported are 8 and 16", bits);
    }
  }
  Chain result = quantizing::Quantizer(chain, ranges, options).run();
  apply_thresholds(result, options.weight_threshold, options.activation_threshold);
  return result;
}

}  // namespace syncopate::gconv

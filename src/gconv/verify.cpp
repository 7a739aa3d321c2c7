#include <algorithm>
#include <cmath>
#include <set>

#include "gconv/bounds.h"
#include "gconv/chain.h"

namespace syncopate::gconv {
namespace {

/// Extents and products beyond this are refused before anything multiplies them.
constexpr double kLargest = 1099511627776.0;  // 2^40

class Verifier {
 public:
  explicit Verifier(const Chain& chain) : chain_(chain) {}

  void run() {
    check_tensors();
    std::set<std::string> names;
    for (const GConv& gconv : chain_.gconvs) {
      if (!names.insert(gconv.name).second || gconv.name.empty()) {
        broken("gconv name '{}' is empty or used twice", gconv.name);
      }
      check(gconv);
    }
    for (const std::string& output : chain_.outputs) {
      if (!readable(output)) {
        broken("output '{}' of chain {} is never written", output, chain_.name);
      }
    }
  }

 private:
  void check_tensors() {
    for (const auto& [name, info] : chain_.tensors) {
      if (info.elements < 0 || static_cast<double>(info.elements) > kLargest) {
        broken("tensor '{}' has {} elements", name, info.elements);
      }
      if (info.constant &&
          (info.constant->size() != info.elements || info.constant->dtype() != info.dtype)) {
        broken("the constant of tensor '{}' does not fit its description", name);
      }
      const bool integer = info.dtype == DType::i8 || info.dtype == DType::i16 ||
                           (info.dtype == DType::i64 && !info.constant);
      if (chain_.quantized ? !integer : info.dtype != DType::f32) {
        broken("tensor '{}' is {} in a {} chain", name, name_of(info.dtype),
               chain_.quantized ? "quantized" : "float");
      }
    }
    for (const std::string& input : chain_.inputs) {
      chain_.tensor(input);
      written_.insert(input);
    }
  }

  void check(const GConv& gconv) {
    check_dims(gconv);
    check_operators(gconv);
    check_view(gconv, gconv.input, input_extents(gconv), "input");
    check_read(gconv, gconv.input.tensor);
    if (gconv.kernel) {
      check_view(gconv, *gconv.kernel, kernel_extents(gconv), "kernel");
      check_read(gconv, gconv.kernel->tensor);
    }
    check_view(gconv, gconv.output, output_extents(gconv), "output");
    check_output(gconv);
    check_posts(gconv);
    if (chain_.quantized) {
      check_sums(gconv);
    } else if (gconv.fixed) {
      broken("gconv '{}' has a fixed post in a float chain", gconv.name);
    }
    written_.insert(gconv.output.tensor);
  }

  void check_dims(const GConv& gconv) const {
    std::set<std::string> names;
    double work = 1;
    for (const Dim& dim : gconv.dims) {
      if (dim.name.empty() || !names.insert(dim.name).second) {
        broken("gconv '{}': dimension name '{}' is empty or used twice", gconv.name, dim.name);
      }
      const std::int64_t numbers[] = {dim.ng,     dim.nop,      dim.nopc, dim.nks,
                                      dim.stride, dim.dilation, dim.nips};
      for (const std::int64_t number : numbers) {
        if (number < 1 || static_cast<double>(number) > kLargest) {
          broken("gconv '{}', dimension {}: {} is out of range", gconv.name, dim.name, number);
        }
      }
      if (std::abs(static_cast<double>(dim.pad)) > kLargest) {
        broken("gconv '{}', dimension {}: padding {}", gconv.name, dim.name, dim.pad);
      }
      work *= static_cast<double>(dim.ng) * static_cast<double>(dim.nop) *
              static_cast<double>(dim.nopc) * static_cast<double>(dim.nks);
      check_reach(gconv, dim);
      if (static_cast<double>(dim.ng) * static_cast<double>(dim.nips) > kLargest) {
        broken("gconv '{}', dimension {}: {} groups of {}", gconv.name, dim.name, dim.ng, dim.nips);
      }
    }
    if (work > 1e18) {
      broken("gconv '{}' has {:.3g} operations", gconv.name, work);
    }
  }

  /// Without a reduction nothing can stand in for a missing input.
  static void check_reach(const GConv& gconv, const Dim& dim) {
    const double last = static_cast<double>(dim.nopc - 1) * static_cast<double>(dim.stride) +
                        static_cast<double>(dim.nks - 1) * static_cast<double>(dim.dilation) -
                        static_cast<double>(dim.pad);
    if (std::abs(last) > kLargest) {
      broken("gconv '{}', dimension {} reaches {}", gconv.name, dim.name, last);
    }
    if (gconv.reduce == Reduce::none &&
        (dim.nks != 1 || dim.pad > 0 || last >= static_cast<double>(dim.nips))) {
      broken("gconv '{}', dimension {}: no reduction, but it has a window or padding", gconv.name,
             dim.name);
    }
  }

  static void check_operators(const GConv& gconv) {
    if ((gconv.main == Main::none) == gconv.kernel.has_value()) {
      broken("gconv '{}': main {} {} kernel", gconv.name, name_of(gconv.main),
             gconv.kernel ? "with a" : "without a");
    }
    if (!gconv.channel.empty() && gconv.dim_index(gconv.channel) < 0) {
      broken("gconv '{}': channel '{}' is not a dimension", gconv.name, gconv.channel);
    }
    if (gconv.input_factor < 1 || gconv.kernel_factor < 1) {
      broken("gconv '{}': operand factors must be positive", gconv.name);
    }
  }

  void check_view(const GConv& gconv, const View& view, const std::vector<std::int64_t>& extents,
                  std::string_view what) const {
    const TensorInfo& info = chain_.tensor(view.tensor);
    if (view.strides.size() != extents.size()) {
      broken("gconv '{}': {} strides for {} dimensions of the {}", gconv.name, view.strides.size(),
             extents.size(), what);
    }
    double low = static_cast<double>(view.base);
    double high = low;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      const double reach =
          static_cast<double>(extents[i] - 1) * static_cast<double>(view.strides[i]);
      (reach < 0 ? low : high) += reach;
    }
    if (low < 0 || high >= static_cast<double>(info.elements)) {
      broken("gconv '{}': the {} view covers {}..{} of tensor '{}', which has {} elements",
             gconv.name, what, low, high, view.tensor, info.elements);
    }
  }

  bool readable(const std::string& tensor) const {
    return written_.contains(tensor) || chain_.tensor(tensor).constant.has_value();
  }

  void check_read(const GConv& gconv, const std::string& tensor) const {
    if (!readable(tensor)) {
      broken("gconv '{}' reads tensor '{}' before it is written", gconv.name, tensor);
    }
  }

  void check_output(const GConv& gconv) const {
    const std::vector<std::int64_t> extents = output_extents(gconv);
    for (std::size_t i = 0; i < extents.size(); ++i) {
      if (extents[i] > 1 && gconv.output.strides[i] == 0) {
        broken("gconv '{}' writes one element many times in dimension {}", gconv.name,
               gconv.dims[i].name);
      }
    }
    if (chain_.tensor(gconv.output.tensor).constant) {
      broken("gconv '{}' writes the constant '{}'", gconv.name, gconv.output.tensor);
    }
  }

  static void check_length(const GConv& gconv, std::size_t entries) {
    const int along = gconv.channel.empty() ? -1 : gconv.dim_index(gconv.channel);
    const std::int64_t channels =
        along < 0 ? 1 : gconv.dims[static_cast<std::size_t>(along)].outputs();
    if (entries != 1 && static_cast<std::int64_t>(entries) != channels) {
      broken("gconv '{}': {} post entries for {} channels", gconv.name, entries, channels);
    }
  }

  static void check_posts(const GConv& gconv) {
    for (const PostOp& op : gconv.post) {
      if (op.kind == PostOp::Kind::affine) {
        check_length(gconv, op.scale.size());
        check_length(gconv, op.bias.size());
      }
    }
    if (!gconv.fixed) {
      return;
    }
    const FixedPost& post = *gconv.fixed;
    check_length(gconv, post.multiplier.size());
    check_length(gconv, post.bias.size());
    check_length(gconv, post.shift.size());
    if (std::any_of(post.shift.begin(), post.shift.end(), [](int s) { return s < 0 || s > 62; })) {
      broken("gconv '{}': a shift is outside 0..62", gconv.name);
    }
    if (post.low > post.high) {
      broken("gconv '{}': the post clamps to {}..{}", gconv.name, post.low, post.high);
    }
    const double entries = static_cast<double>(post.high) - static_cast<double>(post.low) + 1;
    if (post.table && static_cast<double>(post.table->size()) != entries) {
      broken("gconv '{}': {} table entries for {}", gconv.name, post.table->size(), entries);
    }
  }

  void check_sums(const GConv& gconv) {
    const TensorInfo& output = chain_.tensor(gconv.output.tensor);
    if (output.dtype != DType::i64) {
      check_narrow(gconv, output);
    }
    wide_[gconv.output.tensor] = bound_of(gconv, output.dtype == DType::i64);
  }

  /// The bound by types is quick; when it does not suffice, or later posts build on it, the
  /// weights themselves are summed.
  Bound bound_of(const GConv& gconv, bool precise) const {
    if (!precise) {
      try {
        return bound_from(gconv, false);
      } catch (const InternalError&) {
      }
    }
    return bound_from(gconv, true);
  }

  Bound bound_from(const GConv& gconv, bool precise) const {
    std::vector<double> kernel_sums;
    if (precise && gconv.kernel && chain_.tensor(gconv.kernel->tensor).constant) {
      kernel_sums = weight_sums(gconv, chain_.tensor(gconv.kernel->tensor));
    }
    const Bound sums =
        sum_bound(chain_, gconv, wide_, kernel_sums.empty() ? nullptr : &kernel_sums);
    if (*std::max_element(sums.begin(), sums.end()) >= kSumLimit) {
      broken("gconv '{}': an exact sum could reach 2^62", gconv.name);
    }
    return gconv.fixed ? post_bound(gconv, sums) : sums;
  }

  static void check_narrow(const GConv& gconv, const TensorInfo& output) {
    if (!gconv.fixed) {
      broken("gconv '{}' writes an exact sum into {}", gconv.name, name_of(output.dtype));
    }
    const auto limit = static_cast<std::int64_t>(type_bound(output.dtype));
    std::int64_t low = gconv.fixed->low, high = gconv.fixed->high;
    if (gconv.fixed->table) {
      const auto [least, most] =
          std::minmax_element(gconv.fixed->table->begin(), gconv.fixed->table->end());
      low = *least;
      high = *most;
    }
    if (low < -limit || high >= limit) {
      broken("gconv '{}': results {}..{} do not fit {}", gconv.name, low, high,
             name_of(output.dtype));
    }
  }

  const Chain& chain_;
  std::set<std::string> written_;
  Bounds wide_;
};

}  // namespace

void verify(const Chain& chain) { Verifier(chain).run(); }

}  // namespace syncopate::gconv

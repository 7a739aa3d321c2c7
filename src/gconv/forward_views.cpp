#include <algorithm>
#include <numeric>
#include <utility>

#include "gconv/bounds.h"
#include "gconv/passes.h"

// Before:                                     After:
//   gconv a          x -> u                     gconv a   x -> cat[0:8]
//   gconv b          x -> v                     gconv b   x -> cat[8:12]
//   gconv cat/part0  u -> cat[0:8]              gconv c   cat[0:8] -> y
//   gconv cat/part1  v -> cat[8:12]
//   gconv c          u -> y
//
// A copy goes when everyone who uses the tensor on its one side can use a view of the other side.

namespace syncopate::gconv {
namespace {

/// Element addresses of one tensor as addresses of another: a box of steps on either side.
struct AddressMap {
  struct Axis {
    std::int64_t extent, from, to;  ///< Steps of `from` on this side are steps of `to` on that.
  };
  std::string tensor;  ///< That side.
  std::int64_t from_base = 0, to_base = 0;
  std::vector<Axis> axes;  ///< Largest `from` first.

  AddressMap(const GConv& copy, const View& from, const View& to)
      : tensor(to.tensor), from_base(from.base), to_base(to.base) {
    for (std::size_t d = 0; d < copy.dims.size(); ++d) {
      if (copy.dims[d].outputs() > 1) {
        axes.push_back({copy.dims[d].outputs(), from.strides[d], to.strides[d]});
      }
    }
    std::sort(axes.begin(), axes.end(),
              [](const Axis& a, const Axis& b) { return a.from > b.from; });
  }

  /// Whether every address has one place in the box: steps nest.
  bool is_clear() const {
    std::int64_t covered = 1;
    for (std::size_t i = axes.size(); i-- > 0;) {
      if (axes[i].from < covered) {
        return false;
      }
      covered = axes[i].from * axes[i].extent;
    }
    return true;
  }

  /// The same elements on the other side; nullopt when some lie outside the box or across its
  /// steps.
  std::optional<View> translate(const View& view, const std::vector<std::int64_t>& extents) const {
    std::vector<std::int64_t> used(axes.size(), 0);
    View result{tensor, to_base, std::vector<std::int64_t>(extents.size(), 0)};
    for (std::size_t d = 0; d < extents.size(); ++d) {
      if (extents[d] == 1 || view.strides[d] == 0) {
        continue;
      }
      const auto axis = std::find_if(axes.begin(), axes.end(), [&](const Axis& a) {
        return view.strides[d] > 0 && view.strides[d] % a.from == 0 &&
               view.strides[d] / a.from * (extents[d] - 1) < a.extent;
      });
      if (axis == axes.end()) {
        return std::nullopt;
      }
      const std::int64_t steps = view.strides[d] / axis->from;
      result.strides[d] = steps * axis->to;
      used[static_cast<std::size_t>(axis - axes.begin())] += steps * (extents[d] - 1);
    }
    std::int64_t offset = view.base - from_base;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::int64_t steps = offset < 0 ? -1 : offset / axes[i].from;
      if (steps < 0 || steps + used[i] >= axes[i].extent) {
        return std::nullopt;
      }
      offset -= steps * axes[i].from;
      result.base += steps * axes[i].to;
    }
    return offset == 0 ? std::optional<View>(result) : std::nullopt;
  }
};

bool keeps_order(const Dim& dim) {
  return dim.nop == 1 && dim.nks == 1 && dim.pad == 0 && dim.inputs() == dim.outputs() &&
         (dim.stride == 1 || dim.nopc == 1);
}

/// A GCONV that changes no value.
bool is_copy(const Chain& chain, const GConv& gconv) {
  if (gconv.pre != Pre::none || gconv.main != Main::none || gconv.reduce == Reduce::max ||
      !gconv.post.empty() || !std::all_of(gconv.dims.begin(), gconv.dims.end(), keeps_order)) {
    return false;
  }
  const TensorInfo &from = chain.tensor(gconv.input.tensor),
                   &to = chain.tensor(gconv.output.tensor);
  if (!gconv.fixed) {
    return !chain.quantized && from.dtype == to.dtype;
  }
  const FixedPost& post = *gconv.fixed;
  const auto limit = static_cast<std::int64_t>(type_bound(from.dtype)) - 1;
  return from.dtype == to.dtype && from.dtype != DType::i64 && from.scale == to.scale &&
         !post.table && post.multiplier == std::vector<std::int64_t>{1} &&
         post.bias == std::vector<std::int64_t>{0} && post.shift == std::vector<int>{0} &&
         post.low <= -limit && post.high >= limit;
}

class Forwarder {
 public:
  explicit Forwarder(Chain chain) : chain_(std::move(chain)), gone_(chain_.gconvs.size(), false) {}

  Chain run() {
    for (std::size_t i = 0; i < chain_.gconvs.size(); ++i) {
      if (is_copy(chain_, chain_.gconvs[i])) {
        gone_[i] = write_through(i) || read_through(i);
      }
    }
    std::vector<GConv> gconvs = std::exchange(chain_.gconvs, {});
    for (std::size_t i = 0; i < gone_.size(); ++i) {
      if (!gone_[i]) {
        chain_.gconvs.push_back(std::move(gconvs[i]));
      }
    }
    return std::move(chain_);
  }

 private:
  bool is_end(const std::string& tensor) const {
    const auto contains = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), tensor) != names.end();
    };
    return contains(chain_.inputs) || contains(chain_.outputs) ||
           chain_.tensor(tensor).constant.has_value();
  }

  /// Whoever writes or reads the copy's source uses the copy instead.
  bool write_through(std::size_t index) {
    const GConv copy = chain_.gconvs[index];
    if (is_end(copy.input.tensor) || copy.input.tensor == copy.output.tensor) {
      return false;
    }
    return redirect(index, AddressMap(copy, copy.input, copy.output), copy.input.tensor);
  }

  /// Whoever reads the copy reads its source instead.
  bool read_through(std::size_t index) {
    const GConv copy = chain_.gconvs[index];
    const std::string& target = copy.output.tensor;
    const auto writes =
        std::count_if(chain_.gconvs.begin(), chain_.gconvs.end(),
                      [&](const GConv& gconv) { return gconv.output.tensor == target; });
    if (is_end(target) || writes != 1) {
      return false;
    }
    return redirect(index, AddressMap(copy, copy.output, copy.input), target);
  }

  /// Translates every view of `tensor` but the copy's own; changes nothing when one cannot be.
  bool redirect(std::size_t copy, const AddressMap& map, const std::string& tensor) {
    if (!map.is_clear()) {
      return false;
    }
    std::vector<std::pair<View*, View>> changes;
    const auto add = [&](View& view, const std::vector<std::int64_t>& extents) {
      if (view.tensor != tensor) {
        return true;
      }
      std::optional<View> changed = map.translate(view, extents);
      if (changed) {
        changes.emplace_back(&view, std::move(*changed));
      }
      return changed.has_value();
    };
    for (std::size_t i = 0; i < chain_.gconvs.size(); ++i) {
      GConv& gconv = chain_.gconvs[i];
      if (i == copy || gone_[i]) {
        continue;
      }
      if (!add(gconv.input, input_extents(gconv)) || !add(gconv.output, output_extents(gconv)) ||
          (gconv.kernel && !add(*gconv.kernel, kernel_extents(gconv)))) {
        return false;
      }
    }
    for (auto& [view, changed] : changes) {
      *view = std::move(changed);
    }
    chain_.tensors.erase(tensor);
    return true;
  }

  Chain chain_;
  std::vector<bool> gone_;
};

}  // namespace

Chain forward_views(Chain chain) { return Forwarder(std::move(chain)).run(); }

}  // namespace syncopate::gconv

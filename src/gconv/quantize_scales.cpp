#include <algorithm>
#include <cmath>
#include <limits>

#include "gconv/quantize_parts.h"

namespace syncopate::gconv::quantizing {
namespace {

const std::vector<std::size_t> kNobody;

/// 16 bits can spare one so that inputs beyond the calibration data do not saturate.
constexpr double kHeadroom = 2;

const std::vector<std::size_t>& entry(const std::map<std::string, std::vector<std::size_t>>& uses,
                                      const std::string& tensor) {
  const auto found = uses.find(tensor);
  return found == uses.end() ? kNobody : found->second;
}

/// Groups of tensors that share one step.
class Classes {
 public:
  std::string root(const std::string& name) {
    std::string& parent = parents_.try_emplace(name, name).first->second;
    if (parent != name) {
      parent = root(parent);
    }
    return parents_.at(name);
  }
  void join(const std::string& a, const std::string& b) { parents_[root(a)] = root(b); }

 private:
  std::map<std::string, std::string> parents_;
};

bool is_copy(const GConv& gconv) { return keeps_values(gconv) && gconv.post.empty(); }

class ScaleChooser {
 public:
  ScaleChooser(const Chain& chain, const Uses& uses, const Ranges& ranges,
               const QuantizeOptions& options)
      : chain_(chain), uses_(uses), ranges_(ranges), options_(options) {}

  std::map<std::string, Narrow> choose() {
    find_final_tensors();
    join_classes();
    std::map<std::string, double> largest_range, prescribed;
    std::map<std::string, std::int64_t> largest_integer;
    for (const auto& [name, info] : chain_.tensors) {
      if (info.constant) {
        continue;
      }
      const std::string root = classes_.root(name);
      if (!absorbed_.contains(name)) {
        largest_range[root] = std::max(largest_range[root], range(name));
      }
      const std::int64_t integer = Narrow{0, dtype(name)}.largest();
      const auto [at, fresh] = largest_integer.emplace(root, integer);
      at->second = fresh ? integer : std::min(at->second, integer);
      if (prescribed_step(name) != 0) {
        prescribed[root] = info.scale;
      }
    }
    std::map<std::string, Narrow> result;
    for (const auto& [name, info] : chain_.tensors) {
      if (!info.constant) {
        const std::string root = classes_.root(name);
        const double own = largest_range[root] / static_cast<double>(largest_integer[root]);
        result[name] = {prescribed.contains(root) ? prescribed[root] : own, dtype(name)};
      }
    }
    return result;
  }

 private:
  /// Tensors from which no further weights are reached: the results, which keep 16 bits.
  void find_final_tensors() {
    for (std::size_t i = chain_.gconvs.size(); i-- > 0;) {
      const GConv& gconv = chain_.gconvs[i];
      const bool weighted = gconv.kernel && chain_.tensor(gconv.kernel->tensor).constant &&
                            gconv.reduce == Reduce::add;
      if (weighted || early_.contains(gconv.output.tensor)) {
        early_.insert(gconv.input.tensor);
        if (gconv.kernel) {
          early_.insert(gconv.kernel->tensor);
        }
      }
    }
  }

  DType dtype(const std::string& tensor) const {
    return options_.activation_bits == 8 && early_.contains(tensor) ? DType::i8 : DType::i16;
  }

  /// Only copies into one tensor read it, so its own finer step would be of no use to anyone.
  bool feeds_only(const std::string& tensor, const std::string& target) const {
    if (std::find(chain_.outputs.begin(), chain_.outputs.end(), tensor) != chain_.outputs.end() ||
        !entry(uses_.kernel_readers, tensor).empty()) {
      return false;
    }
    const std::vector<std::size_t>& readers = entry(uses_.input_readers, tensor);
    return std::all_of(readers.begin(), readers.end(), [&](std::size_t i) {
      return is_copy(chain_.gconvs[i]) && chain_.gconvs[i].output.tensor == target;
    });
  }

  /// The step that the model prescribes for a tensor, or 0: also where the tensor's type is too
  /// narrow to count to the tensor's bounds in such steps. One step beyond is allowed for -128.
  double prescribed_step(const std::string& tensor) const {
    const double step = chain_.tensor(tensor).scale;
    const auto most = static_cast<double>(Narrow{0, dtype(tensor)}.largest());
    return step != 0 && clamp_bound(tensor) / step < most + 1.5 ? step : 0;
  }

  /// A QuantizeLinear (a clamp to a tensor with a prescribed step) that alone reads its input: the
  /// input may as well be rounded to that step at once, and not twice.
  bool feeds_quantization(const GConv& gconv) const {
    const std::string &from = gconv.input.tensor, &to = gconv.output.tensor;
    const bool copies = gconv.pre == Pre::none && gconv.main == Main::none &&
                        gconv.reduce == Reduce::none && !gconv.post.empty();
    return copies && chain_.tensor(to).scale != 0 && chain_.tensor(from).scale == 0 &&
           !chain_.tensor(from).constant && uses_.writers_of(to).size() == 1 &&
           uses_.only_reader(chain_, from) == &gconv && dtype(from) == dtype(to) &&
           std::all_of(gconv.post.begin(), gconv.post.end(),
                       [](const PostOp& op) { return op.kind == PostOp::Kind::clamp; });
  }

  void join_classes() {
    for (const GConv& gconv : chain_.gconvs) {
      const std::string &from = gconv.input.tensor, &to = gconv.output.tensor;
      if (feeds_quantization(gconv)) {
        absorbed_.insert(from);
        classes_.join(from, to);
        continue;
      }
      if (!keeps_values(gconv) || chain_.tensor(from).constant) {
        continue;
      }
      const double a = prescribed_step(from), b = prescribed_step(to);
      const bool several = uses_.writers_of(to).size() > 1;
      if ((a != 0 || b != 0) && a != b && (several || b != 0)) {
        continue;  // the model prescribes different steps
      }
      if (!several || dtype(from) == DType::i16 || feeds_only(from, to)) {
        classes_.join(from, to);
      }
    }
  }

  /// The magnitude to which all writers of a tensor clamp it; infinite when one does not.
  double clamp_bound(const std::string& name) const {
    if (uses_.writers_of(name).empty()) {
      return std::numeric_limits<double>::infinity();
    }
    double bound = 0;
    for (const std::size_t i : uses_.writers_of(name)) {
      const GConv& gconv = chain_.gconvs[i];
      const bool clamped = !gconv.post.empty() && gconv.post.back().kind == PostOp::Kind::clamp;
      const double edge =
          clamped ? std::max(std::abs(gconv.post.back().low), std::abs(gconv.post.back().high))
                  : std::numeric_limits<double>::infinity();
      bound = std::max(bound, edge);
    }
    return bound;
  }

  /// The range of a tensor: as calibrated, or as its writer's clamp says when that is not much
  /// wider, because later inputs may use all of it.
  double range(const std::string& name) const {
    const auto found = ranges_.find(name);
    double seen = found == ranges_.end() ? -1 : found->second;
    if (found != ranges_.end() && !(seen >= 0 && std::isfinite(seen))) {
      fail("tensor '{}' has calibration range {}; expected a finite number", name, seen);
    }
    const double bound = clamp_bound(name);
    const bool bounded = std::isfinite(bound);
    if (bounded && (seen < 0 || bound <= 2 * seen)) {
      seen = bound;
    } else if (dtype(name) == DType::i16) {
      seen *= kHeadroom;
    }
    if (seen < 0) {
      fail("no calibration range for tensor '{}'; calibrate this chain first", name);
    }
    return seen == 0 ? 1 : seen;
  }

  const Chain& chain_;
  const Uses& uses_;
  const Ranges& ranges_;
  const QuantizeOptions& options_;
  Classes classes_;
  std::set<std::string> early_;
  std::set<std::string> absorbed_;  ///< Take the step of the QuantizeLinear that reads them.
};

}  // namespace

Uses::Uses(const Chain& chain) {
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    const GConv& gconv = chain.gconvs[i];
    writers[gconv.output.tensor].push_back(i);
    input_readers[gconv.input.tensor].push_back(i);
    if (gconv.kernel) {
      kernel_readers[gconv.kernel->tensor].push_back(i);
    }
  }
}

const std::vector<std::size_t>& Uses::writers_of(const std::string& tensor) const {
  return entry(writers, tensor);
}

const GConv* Uses::only_reader(const Chain& chain, const std::string& tensor) const {
  const bool is_output =
      std::find(chain.outputs.begin(), chain.outputs.end(), tensor) != chain.outputs.end();
  const std::vector<std::size_t>& readers = entry(input_readers, tensor);
  if (is_output || readers.size() != 1 || !entry(kernel_readers, tensor).empty()) {
    return nullptr;
  }
  return &chain.gconvs[readers[0]];
}

bool keeps_values(const GConv& gconv) {
  if (gconv.pre != Pre::none || gconv.main != Main::none) {
    return false;
  }
  for (const Dim& dim : gconv.dims) {
    if (gconv.reduce == Reduce::add && dim.nks != 1) {
      return false;
    }
  }
  return std::all_of(gconv.post.begin(), gconv.post.end(), [](const PostOp& op) {
    return op.kind == PostOp::Kind::clamp && op.low <= 0 && std::isinf(op.high);
  });
}

std::map<std::string, Narrow> choose_scales(const Chain& chain, const Uses& uses,
                                            const Ranges& ranges, const QuantizeOptions& options) {
  return ScaleChooser(chain, uses, ranges, options).choose();
}

}  // namespace syncopate::gconv::quantizing

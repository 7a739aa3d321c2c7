#include "ref/float_net.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>

#include "ref/float_plan.h"
#include "ref/float_range.h"

namespace syncopate::ref {
namespace {

using ir::kNoValue;
using ir::ValueId;

/// Everything below this is far enough from overflow for rounding not to matter.
constexpr double kSafe = 1e37;

View view_of(const Tensor& tensor) {
  return {tensor.dtype(), tensor.shape(), const_cast<std::byte*>(tensor.raw().data())};
}

/// What is known about the magnitude of each value during one inference.
class Bounds {
 public:
  explicit Bounds(std::size_t values) : bounds_(values, kUnknown), measured_(values, false) {}

  void set(ValueId value, double bound) { bounds_[index(value)] = bound; }
  void measure(const Ranged& operand, const std::byte* data) {
    const std::size_t at = index(operand.value);
    if (measured_[at]) return;
    record(operand.value, largest_magnitude(reinterpret_cast<const float*>(data), operand.floats));
  }
  void record(ValueId value, float largest) {
    bounds_[index(value)] = static_cast<double>(largest);
    measured_[index(value)] = true;
  }
  bool known(ValueId value) const { return bounds_[index(value)] >= 0; }
  double operator[](ValueId value) const { return bounds_[index(value)]; }

 private:
  static constexpr double kUnknown = -1;
  static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }
  std::vector<double> bounds_;
  std::vector<bool> measured_;
};

}  // namespace

struct FloatNet::Impl {
  /// Either kind of observer, and whom it has been told of.
  struct Sink {
    const Observer* contents = nullptr;
    const RangeObserver* ranges = nullptr;
    std::set<ValueId> told{};

    bool wants(const Impl& net, ValueId value) const {
      return (contents || ranges) && net.observed.contains(value) && !told.contains(value);
    }
    void tell(const Impl& net, ValueId value, const Tensor& tensor) {
      if (!wants(net, value)) return;
      told.insert(value);
      const std::string& name = net.graph.value(value).name;
      if (contents) {
        (*contents)(name, tensor);
      } else {
        (*ranges)(name, largest_magnitude(view_of(tensor)));
      }
    }
  };

  const ir::Graph& graph;
  std::set<ValueId> observed;
  Plan plan;
  std::mutex mutex;

  Impl(const ir::Graph& g, std::set<ValueId> names, Runs runs)
      : graph(g), observed(std::move(names)), plan(g, observed, runs) {}

  void check(std::span<const Tensor> inputs) const {
    if (inputs.size() != graph.inputs.size()) {
      fail("network '{}' takes {} input(s), {} given", graph.name, graph.inputs.size(),
           inputs.size());
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ir::Value& wanted = graph.value(graph.inputs[i]);
      const Tensor& given = inputs[i];
      if (given.shape() == wanted.shape && given.dtype() == wanted.dtype) continue;
      fail("input '{}' is {} of {}, expected {} of {}", wanted.name, to_string(given.shape()),
           name_of(given.dtype()), to_string(wanted.shape), name_of(wanted.dtype));
    }
  }

  /// A copy of a value that is alive, in row-major order.
  Tensor export_value(ValueId value) {
    if (const Tensor* constant = plan.constant(value)) return *constant;
    const ir::Value& v = graph.value(value);
    const Located& at = plan.located(value);
    Tensor tensor = Tensor::uninitialized(v.dtype, v.shape);
    std::byte* from = plan.address(at.slot);
    std::byte* to = tensor.mutable_raw().data();
    if (at.plain) {
      std::memcpy(to, from, tensor.bytes());
    } else {
      dnnl::memory source(at.md, plan.engine(), from);
      dnnl::memory target(Plan::row_major(v.shape), plan.engine(), to);
      dnnl::reorder(source, target).execute(plan.stream(), source, target);
      plan.stream().wait();
    }
    return tensor;
  }

  /// Tells the observer of values that are there before the first step.
  void tell_given(Sink& sink, std::span<const Tensor> inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) sink.tell(*this, graph.inputs[i], inputs[i]);
    for (ValueId value : observed) {
      if (const Tensor* constant = plan.constant(value)) sink.tell(*this, value, *constant);
    }
  }

  void tell_made(Sink& sink, const Step& step, Bounds& bounds) {
    for (const Made& made : step.makes) {
      if (!sink.wants(*this, made.value)) continue;
      const bool in_place = sink.ranges && graph.value(made.value).dtype == DType::f32;
      if (!in_place) {
        sink.tell(*this, made.value, export_value(made.value));
        continue;
      }
      bounds.measure(plan.ranged(made.value, made.at), plan.address(made.at.slot));
      sink.told.insert(made.value);
      (*sink.ranges)(graph.value(made.value).name, static_cast<float>(bounds[made.value]));
    }
  }

  /// Whether a guarded step provably meets neither NaN nor infinity; bounds its result if so.
  bool proves_safe(const Step& step, Bounds& bounds) const {
    const Guard& guard = *step.guard;
    const auto judge = [&] {
      std::vector<double> operands;
      for (const Ranged& operand : guard.operands) operands.push_back(bounds[operand.value]);
      return guard.bound(operands);
    };
    const auto measure = [&](bool all) {
      for (const Ranged& operand : guard.operands) {
        if (!all && bounds.known(operand.value)) continue;
        bounds.measure(operand, plan.address(operand.slot));
      }
    };
    measure(false);
    auto [worst, result] = judge();
    if (!(worst <= kSafe)) {
      // Bounds grow from layer to layer far beyond the truth: look again before giving up.
      measure(true);
      std::tie(worst, result) = judge();
      if (!(worst <= kSafe)) return false;
    }
    for (const Made& made : step.makes) bounds.set(made.value, result);
    return true;
  }

  std::vector<Tensor> run(std::span<const Tensor> inputs, Sink sink) {
    const std::lock_guard lock(mutex);
    check(inputs);
    tell_given(sink, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::ranges::copy(inputs[i].raw(), plan.input(graph.inputs[i]));
    }
    Bounds bounds(graph.values.size());
    for (const Step& step : plan.steps()) {
      if (step.guard && !proves_safe(step, bounds)) return run_plainly(inputs, std::move(sink));
      step.run();
      tell_made(sink, step, bounds);
    }
    std::vector<Tensor> outputs;
    for (ValueId output : graph.outputs) outputs.push_back(export_value(output));
    return outputs;
  }

  /// The whole network in plain loops, which keep NaN and infinity; values already observed are not
  /// reported again.
  std::vector<Tensor> run_plainly(std::span<const Tensor> inputs, Sink sink) const {
    std::vector<int> readers(graph.values.size(), 0);
    const auto reads = [&](ValueId value) -> int& {
      return readers[static_cast<std::size_t>(value)];
    };
    for (const ir::Node& node : graph.nodes) {
      for (ValueId input : node.inputs) {
        if (input != kNoValue) ++reads(input);
      }
    }
    for (ValueId output : graph.outputs) ++reads(output);
    std::map<ValueId, Tensor> values;
    for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i]] = inputs[i];
    const auto tensor = [&](ValueId value) -> const Tensor& {
      const ir::Value& v = graph.value(value);
      return v.constant ? *v.constant : values.at(value);
    };
    for (const ir::Node& node : graph.nodes) {
      std::vector<View> in, out;
      for (ValueId input : node.inputs) {
        in.push_back(input == kNoValue ? View{} : view_of(tensor(input)));
      }
      for (ValueId output : node.outputs) {
        if (output == kNoValue) {
          out.emplace_back();
          continue;
        }
        const ir::Value& v = graph.value(output);
        values[output] = Tensor::uninitialized(v.dtype, v.shape);
        out.push_back(view_of(values[output]));
      }
      run_plain({node, in, out});
      for (ValueId output : node.outputs) {
        if (output != kNoValue) sink.tell(*this, output, values[output]);
      }
      for (ValueId input : node.inputs) {
        if (input != kNoValue && --reads(input) == 0) values.erase(input);
      }
    }
    std::vector<Tensor> outputs;
    for (ValueId output : graph.outputs) outputs.push_back(tensor(output));
    return outputs;
  }
};

FloatNet::FloatNet(const ir::Graph& graph, std::set<std::string> observed, Runs runs) {
  std::set<ValueId> ids;
  for (std::size_t i = 0; i < graph.values.size() && !observed.empty(); ++i) {
    if (observed.erase(graph.values[i].name) > 0) ids.insert(static_cast<ValueId>(i));
  }
  if (!observed.empty()) {
    fail("network '{}' has no value '{}' to observe", graph.name, *observed.begin());
  }
  impl_ = std::make_unique<Impl>(graph, std::move(ids), runs);
}

FloatNet::~FloatNet() = default;
FloatNet::FloatNet(FloatNet&&) noexcept = default;

std::vector<Tensor> FloatNet::run(std::span<const Tensor> inputs, const Observer& observe) const {
  return impl_->run(inputs, {observe ? &observe : nullptr, nullptr});
}

std::vector<Tensor> FloatNet::run_ranges(std::span<const Tensor> inputs,
                                         const RangeObserver& observe) const {
  return impl_->run(inputs, {nullptr, observe ? &observe : nullptr});
}

}  // namespace syncopate::ref

#include "ref/calibrate.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ref/float_net.h"
#include "ref/float_range.h"
#include "ref/interpret.h"
#include "ref/range_rules.h"
#include "ref/storage.h"

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::GConv;
using Contents = std::map<std::string, std::vector<double>>;

/// Largest magnitude, or the first value that is not finite.
double magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) return value;
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

/// What a tensor belongs to, for messages: the layer that makes it, or the network's input.
std::string maker_of(const RangeRules& rules, const std::string& tensor) {
  const auto& writers = rules.writers(tensor);
  return writers.empty() ? fmt::format("input '{}'", tensor)
                         : fmt::format("layer '{}'", writers.front()->layer);
}

class Calibrator {
 public:
  Calibrator(const ir::Graph& graph, const Chain& chain, Runs runs)
      : chain_(chain), rules_(graph, chain), net_(graph, watched(), runs) {}

  Calibration run(std::span<const std::vector<Tensor>> inputs) {
    for (const std::vector<Tensor>& one : inputs) result_.outputs.push_back(infer(one));
    rules_.derive(result_.ranges);
    return std::move(result_);
  }

 private:
  /// Values to observe: for their range, and as operands of what exists in the chain only.
  std::set<std::string> watched() {
    std::set<std::string> names = rules_.observed();
    for (const std::string& tensor : rules_.evaluated()) add_operands(tensor);
    names.insert(operands_.begin(), operands_.end());
    return names;
  }

  void add_operands(const std::string& tensor) {
    for (const GConv* gconv : rules_.writers(tensor)) {
      add_operand(gconv->input.tensor);
      if (gconv->kernel) add_operand(gconv->kernel->tensor);
    }
  }

  void add_operand(const std::string& tensor) {
    if (chain_.tensors.at(tensor).constant) return;
    if (!rules_.in_graph(tensor)) {
      add_operands(tensor);
    } else {
      operands_.insert(tensor);
    }
  }

  void note(const std::string& tensor, double range) {
    if (!std::isfinite(range)) {
      fail("{}: an activation is {}; calibration needs finite values, so check weights and inputs",
           maker_of(rules_, tensor), std::isnan(range) ? "NaN" : "infinite");
    }
    const auto [entry, fresh] = result_.ranges.emplace(tensor, range);
    if (!fresh) entry->second = std::max(entry->second, range);
  }

  std::vector<Tensor> infer(const std::vector<Tensor>& inputs) {
    Contents contents;
    for (std::size_t i = 0; i < std::min(inputs.size(), chain_.inputs.size()); ++i) {
      const std::string& name = chain_.inputs[i];
      if (inputs[i].dtype() != DType::f32) {
        fail("input '{}' holds {}; the network expects f32", name, name_of(inputs[i].dtype()));
      }
      note(name, static_cast<double>(
                     largest_magnitude(inputs[i].data<float>().data(), inputs[i].size())));
    }
    std::vector<Tensor> outputs;
    if (operands_.empty()) {
      outputs = net_.run_ranges(inputs, [&](const std::string& name, float range) {
        note(name, static_cast<double>(range));
      });
    } else {
      outputs = net_.run(inputs, [&](const std::string& name, const Tensor& value) {
        std::vector<double> values = to_doubles(to_storage(value, chain_.tensors.at(name)));
        if (rules_.observed().contains(name)) note(name, magnitude(values));
        if (operands_.contains(name)) contents[name] = std::move(values);
      });
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::string& name = chain_.inputs[i];
        contents[name] = to_doubles(to_storage(inputs[i], chain_.tensors.at(name)));
      }
      for (const std::string& tensor : rules_.evaluated()) {
        note(tensor, magnitude(evaluate(tensor, contents)));
      }
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) check_output(outputs[i], i);
    return outputs;
  }

  void check_output(const Tensor& output, std::size_t index) const {
    if (output.dtype() != DType::f32 || std::isfinite(magnitude(to_doubles(output)))) return;
    fail(
        "{}: output '{}' is not finite; calibration needs finite values, so check weights and "
        "inputs",
        maker_of(rules_, chain_.outputs.at(index)), chain_.outputs.at(index));
  }

  /// Contents of a tensor, computed by the GCONVs that write it unless they are known.
  const std::vector<double>& evaluate(const std::string& tensor, Contents& contents) const {
    const auto known = contents.find(tensor);
    if (known != contents.end()) return known->second;
    const gconv::TensorInfo& info = chain_.tensors.at(tensor);
    if (info.constant) return contents[tensor] = to_doubles(*info.constant);
    std::vector<double> values(static_cast<std::size_t>(info.elements));
    for (const GConv* gconv : rules_.writers(tensor)) {
      const std::vector<double>& input = evaluate(gconv->input.tensor, contents);
      std::span<const double> kernel;
      if (gconv->kernel) kernel = evaluate(gconv->kernel->tensor, contents);
      interpret_gconv_float(*gconv, input, kernel, values);
    }
    return contents[tensor] = std::move(values);
  }

  const Chain& chain_;
  RangeRules rules_;
  std::set<std::string> operands_;
  FloatNet net_;
  Calibration result_;
};

}  // namespace

Calibration calibrate(const ir::Graph& graph, const Chain& chain,
                      std::span<const std::vector<Tensor>> inputs) {
  if (inputs.empty()) fail("{}: calibration needs at least one input", chain.name);
  const Runs runs = inputs.size() == 1 ? Runs::once : Runs::often;
  return Calibrator(graph, chain, runs).run(inputs);
}

}  // namespace syncopate::ref

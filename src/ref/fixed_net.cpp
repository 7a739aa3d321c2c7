#include "ref/fixed_net.h"

#include <mutex>
#include <set>

#include "ref/fixed_step.h"
#include "ref/interpret.h"
#include "ref/loops.h"
#include "ref/storage.h"

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::GConv;

class ElementStep : public FixedStep {
 public:
  explicit ElementStep(const GConv& gconv) : gconv_(gconv) {}
  void run(const StepOperands& operands) const override {
    interpret_gconv(gconv_, operands.input, operands.kernel, operands.output);
  }

 private:
  const GConv& gconv_;
};

std::unique_ptr<FixedStep> make_step(const Chain& chain, const GConv& gconv, Runs runs) {
  if (std::unique_ptr<FixedStep> step = make_dense_step(chain, gconv)) return step;
  if (std::unique_ptr<FixedStep> step = make_conv_step(chain, gconv, {.runs = runs})) return step;
  if (std::unique_ptr<FixedStep> step = make_row_step(chain, gconv)) return step;
  return make_element_step(gconv);
}

}  // namespace

std::unique_ptr<FixedStep> make_element_step(const GConv& gconv) {
  return std::make_unique<ElementStep>(gconv);
}

struct FixedNet::Impl {
  using Values = std::map<std::string, Tensor>;

  Impl(const Chain& the_chain, Runs runs) : chain(the_chain) {
    if (!chain.quantized) broken("FixedNet: chain {} is not quantized", chain.name);
    std::set<std::string> kept(chain.outputs.begin(), chain.outputs.end());
    last_use.resize(chain.gconvs.size());
    for (std::size_t i = chain.gconvs.size(); i-- > 0;) {
      const GConv& gconv = chain.gconvs[i];
      const auto release = [&](const gconv::View& view) {
        if (!chain.tensors.at(view.tensor).constant && kept.insert(view.tensor).second) {
          last_use[i].push_back(view.tensor);
        }
      };
      release(gconv.input);
      if (gconv.kernel) release(*gconv.kernel);
      release(gconv.output);
    }
    steps.reserve(chain.gconvs.size());
    for (const GConv& gconv : chain.gconvs) steps.push_back(make_step(chain, gconv, runs));
  }

  const Tensor& read(const Values& values, const std::string& name) const {
    const auto held = values.find(name);
    if (held != values.end()) return held->second;
    const auto info = chain.tensors.find(name);
    if (info == chain.tensors.end() || !info->second.constant) {
      broken("tensor '{}' of chain {} is not held at this point", name, chain.name);
    }
    return *info->second.constant;
  }

  /// Storage for a GCONV's output, made at its first writer.
  Tensor& written(Values& values, const GConv& gconv) const {
    const auto held = values.find(gconv.output.tensor);
    if (held != values.end()) return held->second;
    const gconv::TensorInfo& info = chain.tensors.at(gconv.output.tensor);
    std::int64_t outputs = 1;
    for (const gconv::Dim& dim : gconv.dims) outputs *= dim.outputs();
    Tensor fresh = outputs == info.elements ? Tensor::uninitialized(info.dtype, {info.elements})
                                            : Tensor(info.dtype, {info.elements});
    return values.emplace(gconv.output.tensor, std::move(fresh)).first->second;
  }

  Values start(std::span<const Tensor> inputs) const {
    if (inputs.size() != chain.inputs.size()) {
      fail("{}: {} inputs given, the network has {}", chain.name, inputs.size(),
           chain.inputs.size());
    }
    Values values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::string& name = chain.inputs[i];
      values[name] = quantize_input(inputs[i], chain.tensors.at(name), name);
    }
    return values;
  }

  Values run(std::span<const Tensor> inputs, const Visitor& visit) {
    Values values = start(inputs);
    const std::lock_guard lock(running);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const GConv& gconv = chain.gconvs[i];
      Tensor& output = written(values, gconv);
      const Tensor* kernel = gconv.kernel ? &read(values, gconv.kernel->tensor) : nullptr;
      steps[i]->run({read(values, gconv.input.tensor), kernel, output, scratch});
      if (visit) {
        visit(i, [&](const std::string& name) -> const Tensor& { return read(values, name); });
      }
      for (const std::string& name : last_use[i]) values.erase(name);
    }
    return values;
  }

  const Chain& chain;
  std::vector<std::unique_ptr<FixedStep>> steps;
  std::vector<std::vector<std::string>> last_use;  ///< Per GCONV: tensors to free after it.
  StepScratch scratch;
  std::mutex running;  ///< The scratch memory serves one run at a time.
};

FixedNet::FixedNet(const Chain& chain, Runs runs) : impl_(std::make_unique<Impl>(chain, runs)) {}
FixedNet::~FixedNet() = default;
FixedNet::FixedNet(FixedNet&&) noexcept = default;

std::vector<Tensor> FixedNet::run(std::span<const Tensor> inputs, const Visitor& visit) const {
  const Impl::Values values = impl_->run(inputs, visit);
  std::vector<Tensor> outputs;
  for (const std::string& name : impl_->chain.outputs) {
    outputs.push_back(to_logical(impl_->read(values, name), impl_->chain.tensors.at(name)));
  }
  return outputs;
}

std::vector<Tensor> FixedNet::dequantize(std::span<const Tensor> outputs) const {
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const gconv::TensorInfo& info = impl_->chain.tensors.at(impl_->chain.outputs.at(i));
    result.push_back(ref::dequantize(outputs[i], info.scale));
  }
  return result;
}

}  // namespace syncopate::ref

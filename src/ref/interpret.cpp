#include "ref/interpret.h"

#include <cmath>

#include "gconv/fixed_post.h"
#include "ref/element.h"
#include "ref/storage.h"

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::Function;
using gconv::GConv;
using gconv::PostOp;

double apply_function(const PostOp& op, double x) {
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
      return std::sqrt(x);
    case Function::hard_sigmoid:
      return std::clamp(op.alpha * x + op.beta, 0.0, 1.0);
    case Function::hard_swish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Function::power:
      return std::pow(op.gamma + op.alpha * x, -op.beta);
  }
  return x;
}

/// Calls `use` with a function from address to integer element.
template <class Use>
void with_reader(const Tensor* tensor, const Use& use) {
  if (tensor == nullptr) {
    use([](std::int64_t) { return std::int64_t{0}; });
    return;
  }
  with_integers(*tensor, [&](auto elements) {
    use([elements](std::int64_t address) {
      return static_cast<std::int64_t>(elements[static_cast<std::size_t>(address)]);
    });
  });
}

void check_input_count(const Chain& chain, std::size_t given) {
  if (given == chain.inputs.size()) return;
  fail("{}: {} inputs given, the network has {}", chain.name, given, chain.inputs.size());
}

}  // namespace

double apply_float(const std::vector<PostOp>& post, std::int64_t channel, double x) {
  for (const PostOp& op : post) {
    switch (op.kind) {
      case PostOp::Kind::affine:
        x = gconv::channel_entry(op.scale, channel) * x + gconv::channel_entry(op.bias, channel);
        break;
      case PostOp::Kind::clamp:
        x = std::min(std::max(x, op.low), op.high);
        break;
      case PostOp::Kind::function:
        x = apply_function(op, x);
        break;
    }
  }
  return x;
}

void interpret_gconv(const GConv& gconv, const Tensor& input, const Tensor* kernel,
                     Tensor& output) {
  with_reader(&input, [&](auto read_input) {
    with_reader(kernel, [&](auto read_kernel) {
      const ElementEvaluator<std::int64_t, decltype(read_input), decltype(read_kernel)> evaluator(
          gconv, read_input, read_kernel);
      with_mutable_integers(output, [&](auto out) {
        using T = typename decltype(out)::element_type;
        const std::int64_t count = output_count(gconv);
        for (std::int64_t i = 0; i < count; ++i) {
          const OutputIndex at(gconv, i);
          const std::int64_t sum = evaluator.reduce(at);
          const std::int64_t y =
              gconv.fixed ? gconv::apply(*gconv.fixed, evaluator.channel(at), sum) : sum;
          out[static_cast<std::size_t>(evaluator.address(at))] = static_cast<T>(y);
        }
      });
    });
  });
}

void interpret_gconv_float(const GConv& gconv, std::span<const double> input,
                           std::span<const double> kernel, std::span<double> output) {
  const auto reader = [](std::span<const double> from) {
    return [from](std::int64_t address) { return from[static_cast<std::size_t>(address)]; };
  };
  const auto read_input = reader(input);
  const auto read_kernel = reader(kernel);
  const ElementEvaluator<double, decltype(read_input), decltype(read_kernel)> evaluator(
      gconv, read_input, read_kernel);
  const std::int64_t count = output_count(gconv);
  for (std::int64_t i = 0; i < count; ++i) {
    const OutputIndex at(gconv, i);
    output[static_cast<std::size_t>(evaluator.address(at))] =
        apply_float(gconv.post, evaluator.channel(at), evaluator.reduce(at));
  }
}

std::map<std::string, Tensor> interpret(const Chain& chain, std::span<const Tensor> inputs) {
  if (!chain.quantized) broken("interpret: chain {} is not quantized", chain.name);
  check_input_count(chain, inputs.size());
  std::map<std::string, Tensor> values;
  for (const auto& [name, info] : chain.tensors) {
    values[name] = info.constant ? info.constant->reshaped({info.elements})
                                 : Tensor(info.dtype, {info.elements});
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = chain.inputs[i];
    values[name] = quantize_input(inputs[i], chain.tensors.at(name), name);
  }
  for (const GConv& gconv : chain.gconvs) {
    const Tensor* kernel = gconv.kernel ? &values.at(gconv.kernel->tensor) : nullptr;
    interpret_gconv(gconv, values.at(gconv.input.tensor), kernel, values.at(gconv.output.tensor));
  }
  return values;
}

std::vector<double> to_doubles(const Tensor& tensor) {
  if (tensor.dtype() == DType::f32) {
    const std::span<const float> values = tensor.data<float>();
    return {values.begin(), values.end()};
  }
  return with_integers(tensor, [](auto values) {
    std::vector<double> result(values.size());
    std::transform(values.begin(), values.end(), result.begin(),
                   [](auto x) { return static_cast<double>(x); });
    return result;
  });
}

std::map<std::string, std::vector<double>> interpret_float(const Chain& chain,
                                                           std::span<const Tensor> inputs) {
  if (chain.quantized) broken("interpret_float: chain {} is quantized", chain.name);
  check_input_count(chain, inputs.size());
  std::map<std::string, std::vector<double>> values;
  for (const auto& [name, info] : chain.tensors) {
    values[name] = info.constant ? to_doubles(*info.constant)
                                 : std::vector<double>(static_cast<std::size_t>(info.elements));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = chain.inputs[i];
    const gconv::TensorInfo& info = chain.tensors.at(name);
    if (inputs[i].size() != info.elements) {
      fail("input '{}' has shape {}; the network expects {}", name, to_string(inputs[i].shape()),
           to_string(info.shape));
    }
    values[name] = to_doubles(to_storage(inputs[i], info));
  }
  for (const GConv& gconv : chain.gconvs) {
    std::span<const double> kernel;
    if (gconv.kernel) kernel = values.at(gconv.kernel->tensor);
    interpret_gconv_float(gconv, values.at(gconv.input.tensor), kernel,
                          values.at(gconv.output.tensor));
  }
  return values;
}

}  // namespace syncopate::ref

#include <torch/csrc/autograd/custom_function.h>

#include "train/batch_norm.h"
#include "train/operators.h"

namespace syncopate::train::rules {
namespace {

using batch_norm::bf16;
using torch::Tensor;

const bf16* elements(const Tensor& x) { return static_cast<const bf16*>(x.data_ptr()); }

batch_norm::Extents extents(const Tensor& x) {
  return {x.size(0) * x.size(2) * x.size(3), x.size(1)};
}

/// The normalization, and its mean and variance, which have no gradient.
struct Normalization : torch::autograd::Function<Normalization> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const Tensor& input, const Tensor& scale,
                                                const Tensor& shift, double epsilon, bool rectify) {
    const Tensor x = channels_last(input);
    const Tensor mean = torch::empty_like(scale), variance = torch::empty_like(scale);
    batch_norm::moments(extents(x), elements(x), mean.data_ptr<float>(),
                        variance.data_ptr<float>());
    const Tensor inverse = (variance + epsilon).rsqrt();
    const Tensor y = torch::empty_like(x);
    batch_norm::normalize(extents(x), channels(scale, shift, mean, inverse), rectify, elements(x),
                          static_cast<bf16*>(y.data_ptr()));
    context->save_for_backward({x, scale, shift, mean, inverse});
    context->saved_data["rectify"] = rectify;
    context->mark_non_differentiable({mean, variance});
    return {y, mean, variance};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(), "this normalization has no second derivative");
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1];
    const Tensor dy = channels_last(gradients[0]);
    const Tensor dx = torch::empty_like(x), dscale = torch::empty_like(scale),
                 dshift = torch::empty_like(scale);
    batch_norm::gradients(extents(x), channels(scale, saved[2], saved[3], saved[4]),
                          context->saved_data["rectify"].toBool(), elements(x), elements(dy),
                          static_cast<bf16*>(dx.data_ptr()), dscale.data_ptr<float>(),
                          dshift.data_ptr<float>());
    return {dx, dscale, dshift, {}, {}};
  }

 private:
  static batch_norm::Channels channels(const Tensor& scale, const Tensor& shift, const Tensor& mean,
                                       const Tensor& inverse) {
    return {scale.data_ptr<float>(), shift.data_ptr<float>(), mean.data_ptr<float>(),
            inverse.data_ptr<float>()};
  }
};

}  // namespace

bool suits_own_batch_norm(const Tensor& x, const Tensor& scale) {
  return x.dim() == 4 && x.numel() > 0 && x.is_cpu() && x.scalar_type() == torch::kBFloat16 &&
         scale.scalar_type() == torch::kFloat;
}

Tensor own_batch_norm(const Call& call, double epsilon) {
  const Tensor& x = call.in[0];
  const torch::autograd::variable_list results =
      Normalization::apply(x, call.in[1], call.in[2], epsilon, call.rectify);
  const torch::NoGradGuard guard;
  // torch's own rule: running variances are those of the population.
  const auto rows = static_cast<double>(x.numel() / x.size(1));
  Tensor running_mean = call.in[3], running_variance = call.in[4];
  running_mean.lerp_(results[1], call.momentum);
  running_variance.lerp_(results[2] * (rows / (rows - 1)), call.momentum);
  return results[0];
}

}  // namespace syncopate::train::rules

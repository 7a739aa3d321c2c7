#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "train/operators.h"
#include "train/winograd.h"

namespace syncopate::train::rules {
namespace {

using torch::Tensor;

Tensor pictures(const Tensor& like, std::int64_t channels) {
  return torch::empty({like.size(0), channels, like.size(2), like.size(3)},
                      like.options().memory_format(torch::MemoryFormat::ChannelsLast));
}

/// torch::conv2d(input, filters) with padding 1.
struct Winograd : torch::autograd::Function<Winograd> {
  static winograd::Extents extents(const Tensor& x, const Tensor& w) {
    return {x.size(0), x.size(2), x.size(3), w.size(1), w.size(0)};
  }

  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& input,
                        const Tensor& filters) {
    const Tensor x = channels_last(input), w = filters.contiguous();
    context->save_for_backward({x, w});
    const Tensor y = pictures(x, w.size(0));
    winograd::convolve(extents(x, w), x.data_ptr<float>(), w.data_ptr<float>(),
                       y.data_ptr<float>());
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(), "minimal filtering has no second derivative");
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1];
    const Tensor dy = channels_last(gradients[0]);
    Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      dx = pictures(x, w.size(1));
      winograd::input_gradient(extents(x, w), dy.data_ptr<float>(), w.data_ptr<float>(),
                               dx.data_ptr<float>());
    }
    if (context->needs_input_grad(1)) {
      dw = torch::empty(w.sizes(), w.options());
      winograd::filter_gradient(extents(x, w), x.data_ptr<float>(), dy.data_ptr<float>(),
                                dw.data_ptr<float>());
    }
    return {dx, dw};
  }
};

}  // namespace

bool suits_winograd(const ir::Conv& op, const Tensor& x, const Tensor& w) {
  // With fewer channels the transforms cost more than the products they save.
  constexpr std::int64_t fewest_channels = 32;
  return is_plain_3x3(op) && std::min(w.size(0), w.size(1)) >= fewest_channels && x.numel() > 0 &&
         x.is_cpu() && x.scalar_type() == torch::kFloat && w.scalar_type() == torch::kFloat;
}

Tensor winograd_conv(const Tensor& x, const Tensor& w) { return Winograd::apply(x, w); }

}  // namespace syncopate::train::rules

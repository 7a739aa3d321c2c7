#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>

#include "train/operators.h"

namespace syncopate::train::rules {
namespace {

using torch::Tensor;

/// The 3x3 window around every pixel, zero outside the picture: [pictures * height * width][9 *
/// channels], from pictures stored channels last.
Tensor patches(const Tensor& x) {
  const std::int64_t pictures = x.size(0), channels = x.size(1), height = x.size(2),
                     width = x.size(3);
  Tensor result = torch::empty({pictures * height * width, 9 * channels},
                               x.options().memory_format(torch::MemoryFormat::Contiguous));
  const auto* from = static_cast<const char*>(x.data_ptr());
  auto* to = static_cast<char*>(result.data_ptr());
  const std::int64_t pixel = channels * x.element_size();
  at::parallel_for(0, pictures, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first * height; row < last * height; ++row) {
      const std::int64_t y = row % height;
      for (std::int64_t column = 0; column < width; ++column) {
        char* patch = to + (row * width + column) * 9 * pixel;
        for (std::int64_t tap = 0; tap < 9; ++tap, patch += pixel) {
          const std::int64_t down = tap / 3 - 1, right = tap % 3 - 1;
          const bool inside =
              y + down >= 0 && y + down < height && column + right >= 0 && column + right < width;
          if (inside) {
            std::memcpy(patch, from + ((row + down) * width + column + right) * pixel,
                        static_cast<std::size_t>(pixel));
          } else {
            std::memset(patch, 0, static_cast<std::size_t>(pixel));
          }
        }
      }
    }
  });
  return result;
}

/// Rows of a product of patches as pictures stored channels last.
Tensor as_pictures(const Tensor& rows, const Tensor& like) {
  return rows.view({like.size(0), like.size(2), like.size(3), rows.size(1)}).permute({0, 3, 1, 2});
}

/// torch::conv2d(input, filters) with padding 1.
struct Patches : torch::autograd::Function<Patches> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& input,
                        const Tensor& w) {
    const Tensor x = channels_last(input);
    const Tensor windows = patches(x);
    context->save_for_backward({windows, w});
    const Tensor filters = channels_last(w).permute({0, 2, 3, 1}).view({w.size(0), -1});
    return as_pictures(windows.mm(filters.t()), x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(),
                "convolutions of patches have no second derivative");
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const Tensor &windows = saved[0], &w = saved[1];
    const Tensor dy = channels_last(gradients[0]);
    Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      const Tensor turned = w.flip({2, 3}).permute({2, 3, 0, 1}).reshape({-1, w.size(1)});
      dx = as_pictures(patches(dy).mm(turned), dy);
    }
    if (context->needs_input_grad(1)) {
      const Tensor rows = dy.permute({0, 2, 3, 1}).view({-1, dy.size(1)});
      dw = rows.t().mm(windows).view({w.size(0), 3, 3, w.size(1)}).permute({0, 3, 1, 2});
    }
    return {dx, dw};
  }
};

}  // namespace

bool suits_patches(const ir::Conv& op, const Tensor& x, const Tensor& w) {
  // oneDNN's convolutions go picture by picture and row by row, which gives their products few
  // rows.
  constexpr std::int64_t most_pixels = 16, fewest_channels = 128;
  return is_plain_3x3(op) && x.size(2) * x.size(3) <= most_pixels &&
         std::min(w.size(0), w.size(1)) >= fewest_channels && x.numel() > 0 && x.is_cpu() &&
         x.scalar_type() == torch::kBFloat16 && w.scalar_type() == torch::kBFloat16;
}

Tensor patch_conv(const Tensor& x, const Tensor& w) { return Patches::apply(x, w); }

}  // namespace syncopate::train::rules

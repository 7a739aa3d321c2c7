// Compiled alone: other files of the folder have names of their own that are the same.
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>

#include "base/simd.h"
#include "ref/fixed_step.h"
#include "ref/loops.h"
#include "ref/post_row.h"

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::GConv;

/// Batches up to this size read the weights in place; larger ones are worth packing them.
constexpr std::int64_t kMostPixels = 3;
/// Products added in 32 bits: 256 * 2^15 * 2^7 = 2^30.
constexpr std::int64_t kBlock = 256;
/// Output channels handled together.
constexpr std::int64_t kRows = 64;

// Activations are split into digits x = 256*high + low within +-128, so that blocks of products
// fit 32 bits.

SYNCOPATE_MULTIVERSION
std::int64_t dot_i16(const std::int16_t* __restrict weights, const std::int16_t* __restrict high,
                     const std::int16_t* __restrict low, std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    std::int32_t sum_high = 0;
    std::int32_t sum_low = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      sum_high += weights[i] * high[i];
      sum_low += weights[i] * low[i];
    }
    sum += std::int64_t{sum_high} * 256 + sum_low;
  }
  return sum;
}

SYNCOPATE_MULTIVERSION
std::int64_t dot_i8(const std::int8_t* __restrict weights, const std::int16_t* __restrict high,
                    const std::int16_t* __restrict low, std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    std::int32_t sum_high = 0;
    std::int32_t sum_low = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      sum_high += weights[i] * high[i];
      sum_low += weights[i] * low[i];
    }
    sum += std::int64_t{sum_high} * 256 + sum_low;
  }
  return sum;
}

std::int64_t dot(const std::int16_t* weights, const std::int16_t* high, const std::int16_t* low,
                 std::int64_t count) {
  return dot_i16(weights, high, low, count);
}
std::int64_t dot(const std::int8_t* weights, const std::int16_t* high, const std::int16_t* low,
                 std::int64_t count) {
  return dot_i8(weights, high, low, count);
}

/// The loops of a fully connected layer.
struct DenseLoops {
  Loop rows;                 ///< Output channels.
  std::vector<Loop> pixels;  ///< Batch.
  std::vector<Loop> taps;    ///< In the order of the weights.
  bool fits = false;
};

DenseLoops dense_loops(const GConv& gconv) {
  Loops all = loops_of(gconv);
  DenseLoops result;
  result.pixels = all.positions;
  bool shared = true;
  for (const Loop& loop : all.groups) {
    shared = shared && loop.kernel == 0;
    result.pixels.push_back(loop);
  }
  result.taps = all.taps;
  std::ranges::stable_sort(result.taps,
                           [](const Loop& a, const Loop& b) { return a.kernel > b.kernel; });
  std::int64_t contiguous = 1;
  for (auto tap = result.taps.rbegin(); tap != result.taps.rend(); ++tap) {
    shared = shared && tap->kernel == contiguous;
    contiguous *= tap->extent;
  }
  const bool inside = std::ranges::none_of(gconv.dims, padded);
  result.fits =
      shared && inside && all.kernels.size() == 1 && count_of(result.pixels) <= kMostPixels;
  if (all.kernels.size() == 1) result.rows = all.kernels.front();
  return result;
}

class DenseStep : public FixedStep {
 public:
  DenseStep(const GConv& gconv, const Tensor& weights, DenseLoops loops)
      : weights_(weights),
        post_(gconv.fixed ? &*gconv.fixed : nullptr),
        loops_(std::move(loops)),
        count_(count_of(loops_.taps)),
        kernel_base_(gconv.kernel->base),
        output_base_(gconv.output.base) {
    // The first tap of position 0 may lie before or after the view's base.
    input_base_ = gconv.input.base;
    for (std::size_t d = 0; d < gconv.dims.size(); ++d) {
      input_base_ += reach_of(gconv.dims[d]).begin * gconv.input.strides[d];
    }
  }

  void run(const StepOperands& operands) const override {
    const std::int64_t pixels = count_of(loops_.pixels);
    std::int16_t* digits = operands.scratch.reserve(static_cast<std::size_t>(2 * count_ * pixels));
    gather(operands.input, digits);
    const std::int64_t rows = loops_.rows.extent;
    std::byte* out = operands.output.mutable_raw().data();
    tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, (rows + kRows - 1) / kRows),
                      [&](const auto& range) {
                        for (std::int64_t b = range.begin(); b < range.end(); ++b) {
                          run_rows(b * kRows, std::min(rows, (b + 1) * kRows), digits,
                                   operands.output.dtype(), out);
                        }
                      });
  }

 private:
  void gather(const Tensor& input, std::int16_t* digits) const {
    Odometer pixel(loops_.pixels);
    for (std::int64_t p = count_of(loops_.pixels); p > 0; --p, pixel.next()) {
      Odometer tap(loops_.taps);
      for (std::int64_t k = 0; k < count_; ++k, tap.next()) {
        const auto at = static_cast<std::size_t>(input_base_ + pixel.input + tap.input);
        const int x = input.dtype() == DType::i8 ? int{input.data<std::int8_t>()[at]}
                                                 : int{input.data<std::int16_t>()[at]};
        const int high = (x + 128) >> 8;
        digits[k] = static_cast<std::int16_t>(high);
        digits[k + count_] = static_cast<std::int16_t>(x - high * 256);
      }
      digits += 2 * count_;
    }
  }

  void run_rows(std::int64_t first, std::int64_t last, const std::int16_t* digits, DType dtype,
                std::byte* out) const {
    if (weights_.dtype() == DType::i8) {
      run_rows(weights_.data<std::int8_t>().data(), first, last, digits, dtype, out);
    } else {
      run_rows(weights_.data<std::int16_t>().data(), first, last, digits, dtype, out);
    }
  }

  template <class T>
  void run_rows(const T* weights, std::int64_t first, std::int64_t last, const std::int16_t* digits,
                DType dtype, std::byte* out) const {
    const std::int64_t pixels = count_of(loops_.pixels);
    std::int64_t sums[kMostPixels][kRows];
    for (std::int64_t row = first; row < last; ++row) {
      const T* from = weights + kernel_base_ + row * loops_.rows.kernel;
      for (std::int64_t p = 0; p < pixels; ++p) {
        const std::int16_t* high = digits + 2 * p * count_;
        sums[p][row - first] = dot(from, high, high + count_, count_);
      }
    }
    const auto width = static_cast<std::int64_t>(size_of(dtype));
    Odometer pixel(loops_.pixels);
    for (std::int64_t p = 0; p < pixels; ++p, pixel.next()) {
      const std::int64_t at = output_base_ + pixel.output + first * loops_.rows.output;
      post_.apply({sums[p], static_cast<std::size_t>(last - first)},
                  pixel.channel + first * loops_.rows.channel, loops_.rows.channel, dtype,
                  out + at * width, loops_.rows.output);
    }
  }

  const Tensor& weights_;
  PostRow post_;
  DenseLoops loops_;
  std::int64_t count_, kernel_base_, output_base_, input_base_ = 0;
};

}  // namespace

bool constant_products(const Chain& chain, const GConv& gconv) {
  if (gconv.main != gconv::Main::mul || gconv.reduce != gconv::Reduce::add ||
      gconv.pre != gconv::Pre::none || !gconv.kernel || gconv.input_factor != 1 ||
      gconv.kernel_factor != 1) {
    return false;
  }
  const auto narrow = [](DType dtype) { return dtype == DType::i8 || dtype == DType::i16; };
  const gconv::TensorInfo& weights = chain.tensors.at(gconv.kernel->tensor);
  return weights.constant && narrow(weights.constant->dtype()) &&
         narrow(chain.tensors.at(gconv.input.tensor).dtype) &&
         plain_integer(chain.tensors.at(gconv.output.tensor).dtype);
}

std::unique_ptr<FixedStep> make_dense_step(const Chain& chain, const GConv& gconv) {
  if (!constant_products(chain, gconv)) return nullptr;
  DenseLoops loops = dense_loops(gconv);
  if (!loops.fits) return nullptr;
  const gconv::TensorInfo& weights = chain.tensors.at(gconv.kernel->tensor);
  return std::make_unique<DenseStep>(gconv, *weights.constant, std::move(loops));
}

}  // namespace syncopate::ref

#include "sim/plain_sums.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>

#include "base/simd.h"

namespace syncopate::sim {
namespace {

using gconv::Main;
using gconv::Reduce;

SYNCOPATE_MULTIVERSION std::int64_t dot(const std::int16_t* x, const std::int16_t* k,
                                        std::int64_t n) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::int32_t{x[i]} * std::int32_t{k[i]};
  return sum;
}

/// Evaluates one output at a time.
class Plain {
 public:
  Plain(const LayerData& data, const map::TileBox& box)
      : data_(data),
        loops_(data.loops()),
        gconv_(data.gconv()),
        box_(box),
        conv_(loops_.kind == map::WorkKind::conv),
        channels_(conv_ ? loops_.groups * loops_.ins : loops_.outs) {
    if (loops_.weights && loops_.kind != map::WorkKind::elementwise) {
      weights_ = weights_of(data.chain(), data.gconv(), loops_);
    }
    plain_dot_ = conv_ && weights_ && data.second().empty() && gconv_.pre == gconv::Pre::none &&
                 gconv_.main == Main::mul && gconv_.reduce == Reduce::add;
  }

  /// Reads an output's weights; output() is then asked for this output.
  void begin(std::int64_t out);

  std::int64_t output(const std::array<std::int64_t, 3>& pixel, std::int64_t out);

 private:
  /// Adds the terms of one kernel position.
  void position(std::int64_t row, std::int64_t kernel_position, std::int64_t out,
                std::int64_t result_position, std::int64_t& sum);

  const LayerData& data_;
  const map::Loops& loops_;
  const gconv::GConv& gconv_;
  const map::TileBox& box_;
  bool conv_;
  std::int64_t channels_;
  std::shared_ptr<const Weights> weights_;
  bool plain_dot_ = false;                       ///< Sums of products, nothing else.
  std::vector<std::int16_t> weights_of_output_;  ///< [kernel position][input].
};

void Plain::begin(std::int64_t out) {
  if (!weights_) return;
  const auto ins = static_cast<std::size_t>(box_.in1 - box_.in0);
  const auto kernel = static_cast<std::size_t>(loops_.kernel_size());
  weights_of_output_.resize(kernel * ins);
  for (std::size_t k = 0; k < kernel; ++k) {
    weights_->read(box_.group * loops_.outs + out, static_cast<std::int64_t>(k),
                   conv_ ? box_.in0 : 0, std::span(weights_of_output_).subspan(k * ins, ins));
  }
}

void Plain::position(std::int64_t row, std::int64_t kernel_position, std::int64_t out,
                     std::int64_t result_position, std::int64_t& sum) {
  const std::int64_t ins = box_.in1 - box_.in0;
  const std::int16_t* weights = weights_of_output_.data() + kernel_position * ins;
  const std::int64_t first = row * channels_ + (conv_ ? box_.group * loops_.ins + box_.in0 : out);
  if (plain_dot_) {
    sum += dot(data_.input().data() + first, weights, ins) * gconv_.input_factor *
           gconv_.kernel_factor;
    return;
  }
  for (std::int64_t i = 0; i < ins; ++i) {
    const std::int64_t raw = data_.input()[static_cast<std::size_t>(first + i)];
    const std::int64_t x = apply_pre(gconv_.pre, raw) * gconv_.input_factor;
    std::int64_t k = weights_ ? weights[i] : 0;
    if (!data_.second().empty()) k = data_.second()[static_cast<std::size_t>(result_position)];
    k *= gconv_.kernel_factor;
    std::int64_t term = x;
    if (gconv_.main == Main::mul) term = x * k;
    if (gconv_.main == Main::add) term = x + k;
    if (gconv_.main == Main::sub) term = x - k;
    sum = gconv_.reduce == Reduce::max ? std::max(sum, term) : sum + term;
  }
}

std::int64_t Plain::output(const std::array<std::int64_t, 3>& pixel, std::int64_t out) {
  std::int64_t sum = gconv_.reduce == Reduce::max ? INT64_MIN : 0;
  const std::int64_t result_row =
      ((box_.batch * loops_.out[0] + pixel[0]) * loops_.out[1] + pixel[1]) * loops_.out[2] +
      pixel[2];
  const std::int64_t result_position =
      result_row * loops_.groups * loops_.outs + box_.group * loops_.outs + out;
  for (std::int64_t k = 0; k < loops_.kernel_size(); ++k) {
    const std::array<std::int64_t, 3> kernel = {k / loops_.kernel[2] / loops_.kernel[1],
                                                k / loops_.kernel[2] % loops_.kernel[1],
                                                k % loops_.kernel[2]};
    std::int64_t row = box_.batch;
    bool inside = true;
    for (std::size_t d = 0; d < 3; ++d) {
      const std::int64_t x =
          pixel[d] * loops_.stride[d] + kernel[d] * loops_.dilation[d] - loops_.pad[d];
      inside = inside && x >= 0 && x < loops_.in[d];
      row = row * loops_.in[d] + x;
    }
    if (inside) position(row, k, out, result_position, sum);
  }
  return sum;
}

}  // namespace

std::vector<std::int64_t> plain_sums(const LayerData& data, const map::TileBox& box) {
  const std::int64_t outs = box.out1 - box.out0;
  std::vector<std::int64_t> sums(static_cast<std::size_t>(box.pixels() * outs));
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, outs, 8), [&](const Range& range) {
    Plain plain(data, box);
    for (std::int64_t out = range.begin(); out != range.end(); ++out) {
      plain.begin(box.out0 + out);
      std::int64_t* sum = sums.data() + out;
      for_each_pixel(box, [&](const std::array<std::int64_t, 3>& pixel) {
        *sum = plain.output(pixel, box.out0 + out);
        sum += outs;
      });
    }
  });
  return sums;
}

}  // namespace syncopate::sim

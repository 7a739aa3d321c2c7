#include "ref/packed_weights.h"

#include <algorithm>

#include "base/simd.h"

namespace syncopate::ref {
namespace {

/// Pairs after which overflow is considered: few enough that one piece alone cannot overflow
/// (2 * 64 products below 2^15 * 2^7 stay below 2^31), many enough to cost nothing.
constexpr std::int64_t kPiece = 64;
constexpr std::int64_t kMostLanes = 32;

/// Largest sum over the pairs of |weight| of any lane, and adds each lane's to `sums`.
SYNCOPATE_MULTIVERSION
void add_magnitudes(const std::int16_t* __restrict packed, std::int64_t pairs, std::int64_t step,
                    std::int64_t lanes, std::int32_t* __restrict sums) {
  for (std::int64_t p = 0; p < pairs; ++p) {
    const std::int16_t* pair = packed + p * step;
    for (std::int64_t l = 0; l < lanes; ++l) {
      const std::int32_t a = pair[2 * l];
      const std::int32_t b = pair[2 * l + 1];
      sums[l] += (a < 0 ? -a : a) + (b < 0 ? -b : b);
    }
  }
}

/// Cuts a block's reduction into segments while its weights are being packed.
class Segmenter {
 public:
  Segmenter(std::int64_t largest_digit, WeightBlock& block)
      : limit_(((std::int64_t{1} << 31) - 1) / largest_digit), block_(block) {}

  void add(std::int64_t input, const std::int16_t* packed, std::int64_t pairs, std::int64_t step,
           std::int64_t lanes) {
    for (std::int64_t begin = 0; begin < pairs; begin += kPiece) {
      const std::int64_t count = std::min(kPiece, pairs - begin);
      std::int32_t piece[kMostLanes] = {};
      add_magnitudes(packed + begin * step, count, step, lanes, piece);
      append(input + 2 * begin, count, piece, begin > 0);
    }
  }
  void finish() { block_.segments.back().flush = true; }

 private:
  void append(std::int64_t input, std::int64_t pairs, const std::int32_t* piece, bool continues) {
    std::int64_t largest = 0;
    for (std::int64_t l = 0; l < kMostLanes; ++l) largest = std::max(largest, sums_[l] + piece[l]);
    if (largest > limit_) {
      block_.segments.back().flush = true;
      std::fill(std::begin(sums_), std::end(sums_), 0);
      continues = false;
    }
    for (std::int64_t l = 0; l < kMostLanes; ++l) sums_[l] += piece[l];
    if (continues) {
      block_.segments.back().pairs += static_cast<std::int32_t>(pairs);
    } else {
      block_.segments.push_back({input, static_cast<std::int32_t>(pairs), false});
    }
  }

  std::int64_t limit_;
  WeightBlock& block_;
  std::int64_t sums_[kMostLanes] = {};
};

template <class T>
void pack(const PackRequest& request, const T* weights, WeightBlock& block, std::int16_t* packed) {
  const ReductionOrder& order = *request.order;
  const std::int64_t lanes = block.narrow ? request.lanes / 2 : request.lanes;
  const std::int64_t step = 2 * lanes;
  Segmenter segmenter(request.largest_digit, block);
  std::int16_t* out = packed + block.address;
  std::fill_n(out, order.pairs() * step, std::int16_t{0});
  for (std::size_t r = 0; r < order.run_inputs.size(); ++r) {
    const T* run = weights + request.base + order.run_kernels[r];
    for (std::int64_t lane = 0; lane < block.count; ++lane) {
      const T* from = run + (block.first + lane) * request.channel_step;
      std::int16_t* to = out + 2 * lane;
      for (std::int64_t k = 0; k < order.run; ++k) {
        to[(k >> 1) * step + (k & 1)] = from[order.taps[static_cast<std::size_t>(k)]];
      }
    }
    segmenter.add(order.run_inputs[r], out, order.pairs_per_run(), step, lanes);
    out += order.pairs_per_run() * step;
  }
  segmenter.finish();
}

}  // namespace

void pack_block(const PackRequest& request, WeightBlock& block, std::int16_t* packed) {
  if (request.weights->dtype() == DType::i8) {
    pack(request, request.weights->data<std::int8_t>().data(), block, packed);
  } else {
    pack(request, request.weights->data<std::int16_t>().data(), block, packed);
  }
}

}  // namespace syncopate::ref

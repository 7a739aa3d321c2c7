#include "ref/packed_weights.h"

#include <algorithm>
#include <cstring>

#include "base/simd.h"
#include "ref/lane_rows.h"
#include "ref/weight_sums.h"

namespace syncopate::ref {
namespace {

/// Pairs after which overflow is considered: few enough that one piece alone cannot overflow
/// (2 * 64 products below 2^15 * 2^7 stay below 2^31, and so do 2 * 64 times what upper bytes can
/// leave out, see WeightSums), many enough to cost nothing. They are packed while they are in the
/// first cache.
constexpr std::int64_t kPiece = 64;
constexpr std::int64_t kLimit = (std::int64_t{1} << 31) - 1;

/// Cuts a block's reduction into segments while its weights are being packed.
class Segmenter {
 public:
  Segmenter(const PackRequest& request, WeightBlock& block) : request_(request), block_(block) {}

  /// A piece of which nothing is missing but the upper bytes. `continues`: the activations follow
  /// those of the piece before.
  void add(std::int64_t input, std::int16_t* packed, std::int64_t pairs, bool continues) {
    WeightSums sums;
    if (request_.split == Split::bytes) {
      add_upper_bytes(packed, pairs, block_.lanes, sums);
    } else {
      add_magnitudes(packed, pairs, block_.lanes, sums);
    }
    std::int64_t worst = 0;
    std::int64_t piece[kMostLanes];
    for (std::int64_t l = 0; l < block_.lanes; ++l) {
      piece[l] = worst_of(sums, l);
      worst = std::max(worst, worst_[l] + piece[l]);
    }
    if (worst > kLimit) {
      flush();
      continues = false;
    }
    for (std::int64_t l = 0; l < block_.lanes; ++l) {
      worst_[l] += piece[l];
      upper_[l] += sums.upper[l];
    }
    if (continues) {
      block_.segments.back().pairs += static_cast<std::int32_t>(pairs);
    } else {
      block_.segments.push_back({input, static_cast<std::int32_t>(pairs), false});
    }
  }

  /// Empties the accumulators after the last segment.
  void flush() {
    block_.segments.back().flush = true;
    if (request_.split == Split::bytes) {
      for (std::int64_t l = 0; l < block_.lanes; ++l) block_.starts.push_back(-128 * upper_[l]);
    }
    std::fill(std::begin(worst_), std::end(worst_), 0);
    std::fill(std::begin(upper_), std::end(upper_), 0);
  }

 private:
  /// How far a lane's accumulators can come during a piece.
  std::int64_t worst_of(const WeightSums& sums, std::int64_t lane) const {
    return request_.split == Split::bytes
               ? 32768 * std::int64_t{sums.rest[lane]} + 255 * std::int64_t{sums.weight[lane]}
               : request_.largest_digit * std::int64_t{sums.weight[lane]};
  }

  const PackRequest& request_;
  WeightBlock& block_;
  std::int64_t worst_[kMostLanes] = {};
  std::int32_t upper_[kMostLanes] = {};
};

/// Kernels of a block as rows of 16-bit elements in the order of the reduction.
class Rows {
 public:
  /// Reads kernels in place where they lie in that order; else copies them.
  template <class T>
  Rows(const PackRequest& request, const T* weights, const WeightBlock& block)
      : order_(*request.order) {
    weights += request.base + block.first * request.channel_step;
    if constexpr (std::is_same_v<T, std::int16_t>) {
      if (order_.in_place) {
        data_ = weights;
        step_ = request.channel_step;
        return;
      }
    }
    step_ = order_.run * static_cast<std::int64_t>(order_.run_kernels.size());
    copies_ = scratch(step_ * block.count);
    data_ = copies_;
    if constexpr (std::is_same_v<T, std::int16_t>) {
      if (const std::int64_t kernel = kernel_innermost(); kernel > 0) {
        const Deinterleave deinterleave(kernel);
        for (std::int64_t lane = 0; lane < block.count; ++lane) {
          deinterleave(weights + lane * request.channel_step, step_ / kernel,
                       copies_ + lane * step_);
        }
        return;
      }
    }
    std::int16_t* to = copies_;
    for (std::int64_t lane = 0; lane < block.count; ++lane, weights += request.channel_step) {
      for (const std::int64_t run : order_.run_kernels) {
        for (const std::int64_t tap : order_.taps) *to++ = weights[run + tap];
      }
    }
  }

  /// Element 0 of a run.
  const std::int16_t* row(std::int64_t lane, std::size_t run) const {
    const std::int64_t skip =
        copies_ == nullptr ? order_.run_kernels[run] : order_.run * static_cast<std::int64_t>(run);
    return data_ + lane * step_ + skip;
  }

  /// From one lane's row to the next one's.
  std::int64_t pitch() const { return step_; }

 private:
  /// Memory that a thread keeps from block to block: fresh memory costs more than filling it.
  static std::int16_t* scratch(std::int64_t elements) {
    static thread_local std::vector<std::int16_t> memory;
    if (std::ssize(memory) < elements) memory.resize(static_cast<std::size_t>(elements));
    return memory.data();
  }

  /// The number of kernel positions when the weights of an output lie as [channel][position], as
  /// in ONNX, and are wanted as [position][channel]; 0 otherwise.
  std::int64_t kernel_innermost() const {
    const std::int64_t runs = std::ssize(order_.run_kernels);
    const std::int64_t kernel = order_.run > 1 ? order_.taps[1] : 0;
    if (kernel < 1 || order_.run * runs % kernel != 0) return 0;
    const std::int64_t channels = order_.run * runs / kernel;
    if (order_.run % channels != 0) return 0;
    for (std::int64_t r = 0; r < runs; ++r) {
      if (order_.run_kernels[static_cast<std::size_t>(r)] != r * (order_.run / channels)) return 0;
    }
    const std::int64_t* tap = order_.taps.data();
    for (std::int64_t position = 0; position < order_.run / channels; ++position) {
      for (std::int64_t c = 0; c < channels; ++c) {
        if (*tap++ != c * kernel + position) return 0;
      }
    }
    return kernel;
  }

  const ReductionOrder& order_;
  const std::int16_t* data_ = nullptr;
  std::int64_t step_ = 0;
  std::int16_t* copies_ = nullptr;
};

template <class T>
void pack(const PackRequest& request, const T* weights, WeightBlock& block, std::int16_t* packed) {
  const ReductionOrder& order = *request.order;
  const std::int64_t pairs = order.pairs_per_run(request.split);
  const PairSteps steps{2 * block.lanes, packed_size(request.split, 2, block.lanes)};
  const Rows rows(request, weights, block);
  Segmenter segmenter(request, block);
  std::int16_t* out = packed + block.address;
  for (std::size_t r = 0; r < order.run_inputs.size(); ++r) {
    for (std::int64_t begin = 0; begin < pairs; begin += kPiece) {
      const std::int64_t count = std::min(kPiece, pairs - begin);
      const std::int64_t size = packed_size(request.split, count, block.lanes);
      const std::int64_t elements = std::min(order.run - 2 * begin, 2 * count);
      const bool full = block.count == block.lanes && elements == 2 * count;
      if (!full) std::fill_n(out, size, std::int16_t{0});
      put_rows(rows.row(0, r) + 2 * begin, rows.pitch(), block.count, elements, steps, out);
      segmenter.add(order.run_inputs[r] + 2 * begin, out, count, begin > 0);
      out += size;
    }
  }
  segmenter.flush();
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

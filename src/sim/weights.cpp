#include "sim/weights.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/simd.h"
#include "sim/bit_transpose.h"
#include "sim/bits.h"

namespace syncopate::sim {
namespace {

/// Rows of one output when its weights lie as [ins][kernel] (ONNX order): the mask of the whole
/// block is taken in one sweep and then transposed to [kernel][ins].
template <class T>
void transposed_rows(const T* block, std::int64_t ins, std::int64_t kernel,
                     const BitTranspose& transpose, std::uint64_t* rows, std::int64_t words,
                     std::vector<std::uint64_t>& scratch) {
  scratch.assign(static_cast<std::size_t>((ins * kernel + 63) / 64 + 2), 0);
  pack_nonzero(std::span(block, static_cast<std::size_t>(ins * kernel)), scratch.data());
  transpose(scratch.data(), ins, rows, words);
}

std::int64_t offset_of(const map::KernelStrides& strides, const map::Loops& loops, std::int64_t out,
                       std::int64_t position) {
  const std::int64_t kh = loops.kernel[1], kw = loops.kernel[2];
  return strides.base + out / loops.outs * strides.group + out % loops.outs * strides.out +
         position / (kh * kw) * strides.kernel[0] + position / kw % kh * strides.kernel[1] +
         position % kw * strides.kernel[2];
}

/// True when an output's weights lie as [ins][kernel] without gaps.
bool kernel_innermost(const map::KernelStrides& strides, const map::Loops& loops) {
  const auto& k = loops.kernel;
  return (k[2] == 1 || strides.kernel[2] == 1) && (k[1] == 1 || strides.kernel[1] == k[2]) &&
         (k[0] == 1 || strides.kernel[0] == k[1] * k[2]) &&
         (loops.ins == 1 || strides.in == loops.kernel_size());
}

template <class T>
void build_bits(std::span<const T> values, const map::KernelStrides& strides,
                const map::Loops& loops, BitPlane& plane) {
  const std::int64_t kernel = loops.kernel_size();
  const bool blockwise = kernel > 1 && kernel_innermost(strides, loops);
  const BitTranspose transpose(kernel);
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, loops.groups * loops.outs, 8), [&](const Range& range) {
    std::vector<std::uint64_t> scratch;
    std::vector<T> line(static_cast<std::size_t>(loops.ins));
    for (std::int64_t out = range.begin(); out != range.end(); ++out) {
      std::uint64_t* rows = plane.data.data() + out * kernel * plane.words;
      if (blockwise) {
        transposed_rows(values.data() + offset_of(strides, loops, out, 0), loops.ins, kernel,
                        transpose, rows, plane.words, scratch);
        continue;
      }
      for (std::int64_t position = 0; position < kernel; ++position) {
        const T* from = values.data() + offset_of(strides, loops, out, position);
        if (strides.in != 1) {
          for (std::size_t in = 0; in < line.size(); ++in) {
            line[in] = from[static_cast<std::int64_t>(in) * strides.in];
          }
          from = line.data();
        }
        pack_nonzero(std::span(from, static_cast<std::size_t>(loops.ins)),
                     rows + position * plane.words);
      }
    }
  });
}

/// ORs `rows` rows of `words` words each.
SYNCOPATE_MULTIVERSION void merge_rows(const std::uint64_t* from, std::int64_t rows,
                                       std::int64_t words, std::uint64_t* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t w = 0; w < words; ++w) {
      to[w] = (r == 0 ? 0 : to[w]) | from[r * words + w];
    }
  }
}

constexpr std::size_t kMostDistinct = 256;

/// Distinct non-zero values among all stored elements, ascending; empty when over 256. A constant
/// read through a view is read whole here: views of weights cover their tensor.
template <class T>
std::vector<std::int16_t> distinct_of(std::span<const T> values) {
  std::vector<bool> seen(65536, false);
  std::vector<std::int16_t> found;
  for (const T value : values) {
    const auto key = static_cast<std::size_t>(static_cast<std::uint16_t>(value));
    if (value == 0 || seen[key]) continue;
    seen[key] = true;
    found.push_back(value);
    if (found.size() > kMostDistinct) return {};
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Weights::Weights(Tensor constant, const map::KernelStrides& strides, const map::Loops& loops)
    : constant_(std::move(constant)), strides_(strides), loops_(loops) {
  if (constant_.dtype() != DType::i8 && constant_.dtype() != DType::i16) {
    broken("weights must be i8 or i16, not {}", name_of(constant_.dtype()));
  }
}

void Weights::read(std::int64_t out, std::int64_t position, std::int64_t in0,
                   std::span<std::int16_t> values) const {
  const std::int64_t begin = offset_of(strides_, loops_, out, position) + in0 * strides_.in;
  const auto copy = [&](const auto* from) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = from[begin + static_cast<std::int64_t>(i) * strides_.in];
    }
  };
  if (constant_.dtype() == DType::i8) return copy(constant_.data<std::int8_t>().data());
  copy(constant_.data<std::int16_t>().data());
}

const BitPlane& Weights::bits() const {
  std::call_once(bits_once_, [this] {
    bits_.rows = loops_.groups * loops_.outs * loops_.kernel_size();
    bits_.bits = loops_.ins;
    bits_.words = (loops_.ins + 63) / 64;
    bits_.data.assign(static_cast<std::size_t>(bits_.rows * bits_.words), 0);
    // Isolated: a thread that waits inside must not take up work that needs these bits.
    tbb::this_task_arena::isolate([this] {
      if (constant_.dtype() == DType::i8) {
        build_bits(constant_.data<std::int8_t>(), strides_, loops_, bits_);
      } else {
        build_bits(constant_.data<std::int16_t>(), strides_, loops_, bits_);
      }
    });
  });
  return bits_;
}

const BitPlane& Weights::any_bits(std::int64_t lanes) const {
  const BitPlane& all = bits();
  const std::lock_guard lock(any_mutex_);
  const auto [found, is_new] = any_bits_.try_emplace(lanes);
  BitPlane& any = found->second;
  if (!is_new) return any;
  const std::int64_t lane_groups = (loops_.outs + lanes - 1) / lanes;
  const std::int64_t block = loops_.kernel_size() * all.words;  // Words of one output.
  any.rows = loops_.groups * lane_groups * loops_.kernel_size();
  any.bits = all.bits;
  any.words = all.words;
  any.data.resize(static_cast<std::size_t>(any.rows * any.words));
  const auto merge = [&](std::int64_t lg) {
    const std::int64_t lane0 = lg % lane_groups * lanes;
    const std::int64_t present = std::min(lanes, loops_.outs - lane0);
    merge_rows(all.data.data() + (lg / lane_groups * loops_.outs + lane0) * block, present, block,
               any.data.data() + lg * block);
  };
  // Isolated: a thread that waits inside must not take up work that needs the lock it holds.
  tbb::this_task_arena::isolate(
      [&] { tbb::parallel_for(std::int64_t{0}, loops_.groups * lane_groups, merge); });
  return any;
}

std::shared_ptr<const void> Weights::derive(
    const std::string& key, const std::function<std::shared_ptr<const void>()>& make) const {
  bits();  // What is made may need them: built before the lock is taken.
  const std::lock_guard lock(derived_mutex_);
  std::shared_ptr<const void>& found = derived_[key];
  // Isolated: a thread that waits inside must not take up work that needs the lock it holds.
  if (!found) tbb::this_task_arena::isolate([&] { found = make(); });
  return found;
}

std::span<const std::int16_t> Weights::distinct() const {
  std::call_once(distinct_once_, [this] {
    distinct_ = constant_.dtype() == DType::i8 ? distinct_of(constant_.data<std::int8_t>())
                                               : distinct_of(constant_.data<std::int16_t>());
  });
  return distinct_;
}

std::shared_ptr<const Weights> weights_of(const gconv::Chain& chain, const gconv::GConv& gconv,
                                          const map::Loops& loops) {
  const gconv::TensorInfo& info = chain.tensor(gconv.kernel->tensor);
  if (!info.constant) broken("{}: its kernel {} is no constant", gconv.name, gconv.kernel->tensor);
  const map::KernelStrides s = map::kernel_strides(chain, gconv);
  // A live entry holds its constant, so an address in the cache cannot be reused by another tensor.
  using Key = std::pair<const std::byte*, std::array<std::int64_t, 13>>;
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<const Weights>> cache;
  const Key key{info.constant->raw().data(),
                {s.base, s.group, s.out, s.in, s.kernel[0], s.kernel[1], s.kernel[2], loops.groups,
                 loops.outs, loops.ins, loops.kernel[0], loops.kernel[1], loops.kernel[2]}};
  const std::lock_guard lock(mutex);
  if (auto found = cache[key].lock()) return found;
  std::erase_if(cache, [](const auto& entry) { return entry.second.expired(); });
  auto made = std::make_shared<const Weights>(*info.constant, s, loops);
  cache[key] = made;
  return made;
}

}  // namespace syncopate::sim

// Compiled alone: other files of the folder have names of their own that are the same.
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "ref/fixed_step.h"
#include "ref/loops.h"
#include "ref/post_row.h"
#include "ref/row_ops.h"

// Pooling, element-wise operators, copies between views, parts of softmax and of LRN, depthwise
// convolutions: a row of outputs at a time, along the loop whose outputs lie side by side. For each
// tap the row's operands are widened to 64 bits and combined into a row of sums.

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::GConv;
using gconv::Main;
using gconv::Reduce;

/// Longest row handled at a time: its sums and operands stay in the first cache.
constexpr std::int64_t kChunk = 1024;
/// Elements of work worth a task.
constexpr std::int64_t kTaskElements = 16384;
/// Largest number of weights that are rearranged to lie along the row.
constexpr std::int64_t kMostRearranged = 1 << 22;
/// What a maximum starts from: no value of a chain is this small.
constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::min();

/// A dimension with padding: its position and its tap together decide whether there is an input.
struct Guard {
  std::size_t dim = 0;
  std::int64_t stride = 1, pad = 0, nips = 1;
  int outer = -1;  ///< Index of its position loop among the outer loops; -1: not there.
  bool along_row = false;
};

/// One tap: where its operands lie relative to those of tap 0, and per guard its shift of the
/// input index.
struct Tap {
  std::int64_t input = 0, kernel = 0;
  std::vector<std::int64_t> shifts;
};

/// Joins neighbors of a sorted loop list that address all operands as one longer loop would.
void merge_loops(std::vector<Loop>& loops, const std::vector<bool>& guarded) {
  for (std::size_t i = loops.size(); i-- > 1;) {
    const Loop& inner = loops[i];
    Loop& outer = loops[i - 1];
    const auto continues = [&](std::int64_t a, std::int64_t b) { return a == b * inner.extent; };
    if (guarded[inner.dim] || guarded[outer.dim] || !continues(outer.input, inner.input) ||
        !continues(outer.kernel, inner.kernel) || !continues(outer.output, inner.output) ||
        !continues(outer.channel, inner.channel)) {
      continue;
    }
    const std::int64_t extent = outer.extent * inner.extent;
    outer = inner;
    outer.extent = extent;
    loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

class RowStep : public FixedStep {
 public:
  RowStep(const GConv& gconv, const gconv::TensorInfo* kernel);
  void run(const StepOperands& operands) const override;

 private:
  /// A piece of a row of outputs.
  struct Row {
    std::int64_t input = 0, kernel = 0, output = 0, channel = 0;
    std::int64_t count = 0;
    std::vector<std::int64_t> starts;  ///< Per guard: input index of tap 0 at the first element.
  };
  struct Buffers {
    std::int64_t sums[kChunk], input[kChunk], kernel[kChunk];
  };

  void find_guards();
  void choose_loops(const Loops& all);
  void list_taps(const std::vector<Loop>& loops);
  void rearrange_kernel(const gconv::TensorInfo& kernel);
  void place(const Odometer& at, std::int64_t first, Row& row) const;
  bool clip(const Row& row, const Tap& tap, std::int64_t& begin, std::int64_t& end) const;
  bool adds_neighbors(const Tensor& input, const Tensor* kernel) const;
  void reduce(const Row& row, const Tensor& input, const Tensor* kernel, Buffers& buffers) const;
  void run_row(const Row& row, const StepOperands& operands, const Tensor* kernel, std::byte* out,
               Buffers& buffers) const;

  const GConv& gconv_;
  PostRow post_;
  bool values_only_;  ///< No pre, no main: taps are reduced as they are.
  Loop row_;
  std::vector<Loop> outer_;
  std::vector<Guard> guards_;
  std::vector<Tap> taps_;
  std::int64_t kernel_base_ = 0;
  Tensor rearranged_;  ///< The kernel with rows side by side; empty when it is read in place.
};

RowStep::RowStep(const GConv& gconv, const gconv::TensorInfo* kernel)
    : gconv_(gconv),
      post_(gconv.fixed ? &*gconv.fixed : nullptr),
      values_only_(gconv.main == Main::none && gconv.pre == gconv::Pre::none &&
                   gconv.input_factor == 1) {
  const Loops all = loops_of(gconv);
  find_guards();
  choose_loops(all);
  list_taps(all.taps);
  if (kernel == nullptr) return;
  kernel_base_ = gconv.kernel->base;
  if (kernel->constant && row_.kernel != 0 && row_.kernel != 1) rearrange_kernel(*kernel);
}

void RowStep::find_guards() {
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    const gconv::Dim& dim = gconv_.dims[d];
    if (padded(dim)) guards_.push_back({d, dim.stride, dim.pad, dim.nips});
  }
}

void RowStep::choose_loops(const Loops& all) {
  for (const std::vector<Loop>* loops : {&all.groups, &all.kernels, &all.positions}) {
    outer_.insert(outer_.end(), loops->begin(), loops->end());
  }
  std::vector<bool> guarded(gconv_.dims.size());
  for (const Guard& guard : guards_) guarded[guard.dim] = true;
  if (post_.uniform()) {
    for (Loop& loop : outer_) loop.channel = 0;
  }
  std::ranges::stable_sort(outer_,
                           [](const Loop& a, const Loop& b) { return a.output > b.output; });
  merge_loops(outer_, guarded);
  if (!outer_.empty()) {
    row_ = outer_.back();
    outer_.pop_back();
  }
  for (Guard& guard : guards_) {
    const auto moves = [&](const Loop& loop) {
      return loop.dim == guard.dim && loop.kind == Loop::Kind::position;
    };
    guard.along_row = row_.extent > 1 && moves(row_);
    const auto found = std::ranges::find_if(outer_, moves);
    if (found != outer_.end()) guard.outer = static_cast<int>(found - outer_.begin());
  }
}

void RowStep::list_taps(const std::vector<Loop>& loops) {
  Odometer at(loops);
  for (std::int64_t i = count_of(loops); i > 0; --i, at.next()) {
    Tap tap{at.input, at.kernel, {}};
    for (const Guard& guard : guards_) {
      std::int64_t shift = 0;
      for (std::size_t l = 0; l < loops.size(); ++l) {
        if (loops[l].dim == guard.dim) shift = at.index(l) * gconv_.dims[guard.dim].dilation;
      }
      tap.shifts.push_back(shift);
    }
    taps_.push_back(std::move(tap));
  }
}

void RowStep::rearrange_kernel(const gconv::TensorInfo& kernel) {
  std::int64_t elements = row_.extent * static_cast<std::int64_t>(taps_.size());
  for (const Loop& loop : outer_) elements *= loop.kernel == 0 ? 1 : loop.extent;
  if (elements > kMostRearranged) return;
  const Tensor& from = *kernel.constant;
  rearranged_ = Tensor::uninitialized(DType::i64, {elements});
  std::int64_t* to = rearranged_.mutable_data<std::int64_t>().data();
  std::vector<Loop> own;
  for (const Loop& loop : outer_) {
    if (loop.kernel != 0) own.push_back(loop);
  }
  Odometer at(own);
  for (std::int64_t i = count_of(own); i > 0; --i, at.next()) {
    for (const Tap& tap : taps_) {
      widen_row({&from, kernel_base_ + at.kernel + tap.kernel, row_.kernel}, row_.extent, to);
      to += row_.extent;
    }
  }
  std::int64_t step = 1;
  row_.kernel = step;
  step *= row_.extent;
  for (Tap& tap : taps_) tap.kernel = step * (&tap - taps_.data());
  step *= static_cast<std::int64_t>(taps_.size());
  for (std::size_t l = outer_.size(); l-- > 0;) {
    if (outer_[l].kernel == 0) continue;
    outer_[l].kernel = step;
    step *= outer_[l].extent;
  }
  kernel_base_ = 0;
}

void RowStep::place(const Odometer& at, std::int64_t first, Row& row) const {
  row.input = gconv_.input.base + at.input + first * row_.input;
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    row.input -= gconv_.dims[d].pad * gconv_.input.strides[d];
  }
  row.kernel = kernel_base_ + at.kernel + first * row_.kernel;
  row.output = gconv_.output.base + at.output + first * row_.output;
  row.channel = at.channel + first * row_.channel;
  row.count = std::min(kChunk, row_.extent - first);
  row.starts.resize(guards_.size());
  for (std::size_t g = 0; g < guards_.size(); ++g) {
    const Guard& guard = guards_[g];
    std::int64_t position = guard.along_row ? first : 0;
    if (guard.outer >= 0) position = at.index(static_cast<std::size_t>(guard.outer));
    row.starts[g] = position * guard.stride - guard.pad;
  }
}

/// The part [begin, end) of the row for which the tap lies within the input; false if none.
bool RowStep::clip(const Row& row, const Tap& tap, std::int64_t& begin, std::int64_t& end) const {
  begin = 0;
  end = row.count;
  for (std::size_t g = 0; g < guards_.size(); ++g) {
    const Guard& guard = guards_[g];
    const std::int64_t start = row.starts[g] + tap.shifts[g];
    if (!guard.along_row) {
      if (start < 0 || start >= guard.nips) return false;
      continue;
    }
    if (start < 0) begin = std::max(begin, (-start + guard.stride - 1) / guard.stride);
    const std::int64_t room = guard.nips - start;  // indices below this are inside
    end = room <= 0 ? 0 : std::min(end, (room + guard.stride - 1) / guard.stride);
  }
  return begin < end;
}

/// Whether the sums are nothing but those of neighboring 16-bit elements of two tensors.
bool RowStep::adds_neighbors(const Tensor& input, const Tensor* kernel) const {
  return (gconv_.main == Main::add || gconv_.main == Main::sub) && gconv_.pre == gconv::Pre::none &&
         taps_.size() == 1 && guards_.empty() && input.dtype() == DType::i16 &&
         kernel->dtype() == DType::i16 && row_.input == 1 && row_.kernel == 1;
}

void RowStep::reduce(const Row& row, const Tensor& input, const Tensor* kernel,
                     Buffers& buffers) const {
  if (adds_neighbors(input, kernel)) {
    const std::int64_t k_factor = gconv_.kernel_factor;
    return add_operand_rows({&input, row.input, 1}, gconv_.input_factor, {kernel, row.kernel, 1},
                            gconv_.main == Main::sub ? -k_factor : k_factor, row.count,
                            buffers.sums);
  }
  const bool maximum = gconv_.reduce == Reduce::max;
  std::fill_n(buffers.sums, row.count, maximum ? kNothing : 0);
  const bool direct = values_only_ && input.dtype() == DType::i16 && row_.input == 1;
  for (const Tap& tap : taps_) {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    if (!clip(row, tap, begin, end)) continue;
    const RowOperand x{&input, row.input + tap.input + begin * row_.input, row_.input};
    if (direct) {
      reduce_operand_row(gconv_.reduce, x, end - begin, buffers.sums + begin);
      continue;
    }
    widen_row(x, end - begin, buffers.input);
    apply_pre_row(gconv_.pre, gconv_.input_factor, end - begin, buffers.input);
    if (kernel != nullptr) {
      widen_row({kernel, row.kernel + tap.kernel + begin * row_.kernel, row_.kernel}, end - begin,
                buffers.kernel);
      apply_main_row(gconv_.main, gconv_.kernel_factor, buffers.kernel, end - begin, buffers.input);
    }
    reduce_row(gconv_.reduce, buffers.input, end - begin, buffers.sums + begin);
  }
  if (maximum) std::replace(buffers.sums, buffers.sums + row.count, kNothing, std::int64_t{0});
}

void RowStep::run_row(const Row& row, const StepOperands& operands, const Tensor* kernel,
                      std::byte* out, Buffers& buffers) const {
  const DType dtype = operands.output.dtype();
  const auto width = static_cast<std::int64_t>(size_of(dtype));
  const bool copies = values_only_ && gconv_.reduce == Reduce::none && guards_.empty() &&
                      operands.input.dtype() == dtype && post_.keeps(dtype);
  if (copies && row_.input == 1 && row_.output == 1) {
    std::memcpy(out + row.output * width, operands.input.raw().data() + row.input * width,
                static_cast<std::size_t>(row.count * width));
    return;
  }
  reduce(row, operands.input, kernel, buffers);
  post_.apply({buffers.sums, static_cast<std::size_t>(row.count)}, row.channel, row_.channel, dtype,
              out + row.output * width, row_.output);
}

void RowStep::run(const StepOperands& operands) const {
  const Tensor* kernel = rearranged_.empty() ? operands.kernel : &rearranged_;
  std::byte* out = operands.output.mutable_raw().data();
  const std::int64_t chunks = (row_.extent + kChunk - 1) / kChunk;
  const std::int64_t pieces = count_of(outer_) * chunks;
  const std::int64_t work = std::min(kChunk, row_.extent) * static_cast<std::int64_t>(taps_.size());
  const std::int64_t grain = std::max<std::int64_t>(1, kTaskElements / work);
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, pieces, grain), [&](const auto& range) {
    Buffers buffers;
    Row row;
    Odometer at(outer_, range.begin() / chunks);
    for (std::int64_t piece = range.begin(); piece < range.end(); ++piece) {
      const std::int64_t chunk = piece % chunks;
      if (chunk == 0 && piece != range.begin()) at.next();
      place(at, chunk * kChunk, row);
      run_row(row, operands, kernel, out, buffers);
    }
  });
}

}  // namespace

std::unique_ptr<FixedStep> make_row_step(const Chain& chain, const GConv& gconv) {
  const auto type = [&](const gconv::View& view) { return chain.tensors.at(view.tensor).dtype; };
  const bool usable = std::ranges::all_of(
      gconv.dims, [](const gconv::Dim& dim) { return dim.stride > 0 || !padded(dim); });
  if (!usable || !plain_integer(type(gconv.input)) || !plain_integer(type(gconv.output)) ||
      (gconv.kernel && !plain_integer(type(*gconv.kernel))) ||
      (gconv.main != Main::none && !gconv.kernel)) {
    return nullptr;
  }
  const gconv::TensorInfo* kernel =
      gconv.main != Main::none ? &chain.tensors.at(gconv.kernel->tensor) : nullptr;
  return std::make_unique<RowStep>(gconv, kernel);
}

}  // namespace syncopate::ref

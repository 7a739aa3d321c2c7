#include "sim/layer_data.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

#include "base/error.h"
#include "sim/bits.h"
#include "sim/effectual.h"

namespace syncopate::sim {
namespace {

using map::Access;

/// Copies one innermost axis, widening; indices outside its valid range become zero.
template <class T>
void copy_line(const T* base, std::int64_t address, const Access::Axis& axis, std::int16_t* to) {
  std::fill(to, to + axis.first, std::int16_t{0});
  std::fill(to + axis.last, to + axis.extent, std::int16_t{0});
  if (axis.stride == 1) {
    std::copy(base + (address + axis.first), base + (address + axis.last), to + axis.first);
    return;
  }
  for (std::int64_t i = axis.first; i < axis.last; ++i) {
    to[i] = base[address + i * axis.stride];
  }
}

/// Copies lines [begin, end) of a normalized array; lines are its innermost axis.
template <class T>
void copy_lines(const T* base, const Access& access, std::int64_t begin, std::int64_t end,
                std::int16_t* to) {
  const std::size_t outer = access.axes.size() - 1;
  const Access::Axis& inner = access.axes[outer];
  for (std::int64_t line = begin; line < end; ++line) {
    std::int64_t address = access.base, rest = line;
    bool inside = true;
    for (std::size_t a = outer; a-- > 0;) {
      const Access::Axis& axis = access.axes[a];
      const std::int64_t index = rest % axis.extent;
      rest /= axis.extent;
      address += index * axis.stride;
      inside = inside && index >= axis.first && index < axis.last;
    }
    std::int16_t* target = to + line * inner.extent;
    if (inside) {
      copy_line(base, address, inner, target);
    } else {
      std::fill(target, target + inner.extent, std::int16_t{0});
    }
  }
}

template <class T>
void gather(const T* base, Access access, std::span<std::int16_t> to) {
  if (access.axes.empty()) access.axes.push_back({1, 1, 0, 1});
  const std::int64_t extent = access.axes.back().extent;
  const std::int64_t lines = static_cast<std::int64_t>(to.size()) / extent;
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / extent);
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, lines, grain), [&](const auto& range) {
    copy_lines(base, access, range.begin(), range.end(), to.data());
  });
}

BitPlane plane_of(std::span<const std::int16_t> values, std::int64_t bits) {
  BitPlane plane;
  plane.bits = bits;
  plane.rows = static_cast<std::int64_t>(values.size()) / bits;
  plane.words = (bits + 63) / 64;
  plane.data.resize(static_cast<std::size_t>(plane.rows * plane.words));
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / bits);
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, plane.rows, grain), [&](const auto& range) {
    for (std::int64_t row = range.begin(); row != range.end(); ++row) {
      pack_nonzero(
          values.subspan(static_cast<std::size_t>(row * bits), static_cast<std::size_t>(bits)),
          plane.data.data() + row * plane.words);
    }
  });
  return plane;
}

/// The weights as one normalized array.
Access weight_access(const gconv::GConv& gconv, const map::Loops& loops,
                     const map::KernelStrides& strides) {
  Access access{gconv.kernel->tensor, strides.base, {}};
  const auto add = [&](std::int64_t extent, std::int64_t stride) {
    if (extent == 1) return;
    if (!access.axes.empty() && access.axes.back().stride == stride * extent) {
      const std::int64_t both = access.axes.back().extent * extent;
      access.axes.back() = {both, stride, 0, both};
    } else {
      access.axes.push_back({extent, stride, 0, extent});
    }
  };
  add(loops.groups, strides.group);
  add(loops.outs, strides.out);
  for (std::size_t d = 0; d < 3; ++d) add(loops.kernel[d], strides.kernel[d]);
  add(loops.ins, strides.in);
  return access;
}

/// Isolated: a thread that waits inside must not take up work that waits for the same thing.
template <class Work>
void once(std::once_flag& flag, const Work& work) {
  std::call_once(flag, [&] { tbb::this_task_arena::isolate(work); });
}

}  // namespace

Operand::Operand(const Tensor& tensor, const Access& access) {
  const auto elements = static_cast<std::size_t>(access.elements());
  if (tensor.dtype() == DType::i16 && access.contiguous()) {
    held_ = tensor;
    const Tensor& shared = held_;  // Reading through a const tensor does not unshare it.
    values_ = shared.data<std::int16_t>().subspan(static_cast<std::size_t>(access.base), elements);
    return;
  }
  copy_.resize(elements);
  if (tensor.dtype() == DType::i16) {
    gather(tensor.data<std::int16_t>().data(), access, copy_);
  } else if (tensor.dtype() == DType::i8) {
    gather(tensor.data<std::int8_t>().data(), access, copy_);
  } else {
    broken("tensor '{}' holds {}, machines take i8 or i16", access.tensor, name_of(tensor.dtype()));
  }
  values_ = copy_;
}

LayerData::LayerData(const gconv::Chain& chain, const gconv::GConv& gconv, const map::Loops& loops)
    : chain_(chain),
      gconv_(gconv),
      normalized_(map::normalize(chain, gconv)),
      weights_once_(std::make_unique<std::once_flag>()),
      input_bits_once_(std::make_unique<std::once_flag>()),
      effectual_once_(std::make_unique<std::once_flag>()) {
  if (normalized_.loops != loops) {
    fail("the program's loops for '{}' are not the network's: it was compiled for another network",
         gconv.name);
  }
  const bool elementwise = loops.kind == map::WorkKind::elementwise;
  if (loops.weights && !elementwise) constant_ = weights_of(chain, gconv, loops);
}

void LayerData::set_activations(const Reader& read) {
  const auto load = [&](const Access& access) -> Operand {
    if (access.tensor.empty()) return {};
    const auto& constant = chain_.tensor(access.tensor).constant;
    const Tensor& tensor = constant ? *constant : read(access.tensor);
    if (tensor.dtype() == DType::i64) {
      fail("'{}': tensor '{}' is an exact sum, which machines do not store; run the fused chain",
           gconv_.name, access.tensor);
    }
    return Operand(tensor, access);
  };
  input_ = load(normalized_.input);
  second_ = load(normalized_.second);
  output_ = load(normalized_.output);
  input_bits_once_ = std::make_unique<std::once_flag>();
  effectual_once_ = std::make_unique<std::once_flag>();
}

std::span<const std::int16_t> LayerData::weights() const {
  once(*weights_once_, [this] {
    if (!constant_) return;
    weights_ = Operand(*chain_.tensor(gconv_.kernel->tensor).constant,
                       weight_access(gconv_, loops(), normalized_.kernel));
  });
  return weights_.values();
}

const BitPlane& LayerData::input_bits() const {
  once(*input_bits_once_, [this] {
    const map::Loops& l = loops();
    const std::int64_t channels = l.kind == map::WorkKind::conv ? l.groups * l.ins : l.outs;
    input_bits_ = plane_of(input(), channels);
  });
  return input_bits_;
}

std::int64_t LayerData::effectual_pairs() const {
  once(*effectual_once_, [this] { effectual_pairs_ = count_effectual(*this); });
  return effectual_pairs_;
}

const Weights& LayerData::constant() const {
  if (!constant_) broken("'{}' has no constant weights", gconv_.name);
  return *constant_;
}

const BitPlane& LayerData::weight_bits() const { return constant().bits(); }

}  // namespace syncopate::sim

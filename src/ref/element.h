#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gconv/chain.h"

// The definition of a GCONV (gconv/chain.h) for one output element, in code. The interpreter is
// nothing else; the fast executor falls back to it for whatever it has no kernel for.

namespace syncopate::ref {

/// Which output element: per dimension its group, kernel and position.
struct OutputIndex {
  struct Part {
    std::int64_t g = 0, op = 0, opc = 0;
  };
  std::vector<Part> parts;

  explicit OutputIndex(const gconv::GConv& gconv) : parts(gconv.dims.size()) {}
  /// The element with that linear index in every dimension.
  OutputIndex(const gconv::GConv& gconv, std::int64_t row_major) : parts(gconv.dims.size()) {
    for (std::size_t d = parts.size(); d-- > 0;) {
      const gconv::Dim& dim = gconv.dims[d];
      const std::int64_t linear = row_major % dim.outputs();
      row_major /= dim.outputs();
      parts[d] = {linear / dim.nopc / dim.nop, linear / dim.nopc % dim.nop, linear % dim.nopc};
    }
  }

  std::int64_t linear(const gconv::GConv& gconv, std::size_t d) const {
    const gconv::Dim& dim = gconv.dims[d];
    return (parts[d].g * dim.nop + parts[d].op) * dim.nopc + parts[d].opc;
  }
};

/// Number of output elements of a GCONV.
inline std::int64_t output_count(const gconv::GConv& gconv) {
  std::int64_t count = 1;
  for (const gconv::Dim& dim : gconv.dims) count *= dim.outputs();
  return count;
}

template <class Value>
Value apply_pre(gconv::Pre pre, Value x) {
  switch (pre) {
    case gconv::Pre::none:
      return x;
    case gconv::Pre::square:
      return x * x;
    case gconv::Pre::relu:
      return std::max(x, Value{0});
    case gconv::Pre::negative_part:
      return std::min(x, Value{0});
  }
  return x;
}

template <class Value>
Value apply_main(gconv::Main main, Value x, Value k) {
  switch (main) {
    case gconv::Main::none:
      return x;
    case gconv::Main::mul:
      return x * k;
    case gconv::Main::add:
      return x + k;
    case gconv::Main::sub:
      return x - k;
  }
  return x;
}

/// Computes single elements of one GCONV in `Value` (std::int64_t or double). `Input` and `Kernel`
/// are functions from address to value; `Kernel` is not called when there is no kernel operand.
template <class Value, class Input, class Kernel>
class ElementEvaluator {
 public:
  ElementEvaluator(const gconv::GConv& gconv, Input input, Kernel kernel)
      : gconv_(gconv), input_(input), kernel_(kernel) {}

  /// Address of the element in the output tensor.
  std::int64_t address(const OutputIndex& at) const {
    std::int64_t result = gconv_.output.base;
    for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
      result += gconv_.output.strides[d] * at.linear(gconv_, d);
    }
    return result;
  }

  /// Channel that selects the post operands.
  std::int64_t channel(const OutputIndex& at) const {
    for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
      if (gconv_.dims[d].name == gconv_.channel) return at.linear(gconv_, d);
    }
    return 0;
  }

  /// The reduction, before post. A window that lies in the padding entirely gives 0.
  Value reduce(const OutputIndex& at) const {
    Value sum{0};
    bool first = true;
    visit(at, 0, gconv_.input.base, gconv_.kernel ? gconv_.kernel->base : 0, sum, first);
    return sum;
  }

 private:
  void visit(const OutputIndex& at, std::size_t d, std::int64_t input, std::int64_t kernel,
             Value& sum, bool& first) const {
    if (d == gconv_.dims.size()) {
      const Value value = term(input, kernel);
      const bool take = first || (gconv_.reduce == gconv::Reduce::max && value > sum);
      sum = take ? value : gconv_.reduce == gconv::Reduce::add ? sum + value : sum;
      first = false;
      return;
    }
    const gconv::Dim& dim = gconv_.dims[d];
    const auto& [g, op, opc] = at.parts[d];
    for (std::int64_t ks = 0; ks < dim.nks; ++ks) {
      const std::int64_t i = opc * dim.stride + ks * dim.dilation - dim.pad;
      if (i < 0 || i >= dim.nips) continue;  // padding: the identity of the reduction
      const std::int64_t k = (g * dim.nop + op) * dim.nks + ks;
      visit(at, d + 1, input + gconv_.input.strides[d] * (g * dim.nips + i),
            kernel + (gconv_.kernel ? gconv_.kernel->strides[d] * k : 0), sum, first);
    }
  }

  Value term(std::int64_t input, std::int64_t kernel) const {
    const Value x = apply_pre(gconv_.pre, input_(input)) * static_cast<Value>(gconv_.input_factor);
    if (gconv_.main == gconv::Main::none) return x;
    return apply_main(gconv_.main, x, kernel_(kernel) * static_cast<Value>(gconv_.kernel_factor));
  }

  const gconv::GConv& gconv_;
  Input input_;
  Kernel kernel_;
};

}  // namespace syncopate::ref

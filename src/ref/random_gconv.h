#pragma once

#include <algorithm>

#include "base/random.h"
#include "gconv/chain.h"
#include "ref/loops.h"

// Random single GCONVs for tests: every combination of loops, views, types and posts.

namespace syncopate::ref {

/// What a random GCONV should look like.
enum class Flavor : std::uint8_t { any, convolution, dense, depthwise, pool, elementwise };

class RandomGConv {
 public:
  explicit RandomGConv(std::uint64_t seed) : random_(seed) {}

  /// A quantized chain of one GCONV from input "x" (and "k", a constant or a second input) to "y".
  gconv::Chain make(Flavor flavor) {
    chain_ = {};
    chain_.name = "random";
    chain_.quantized = true;
    gconv::GConv gconv;
    gconv.name = "g";
    choose_operators(gconv, flavor);
    const std::int64_t count = random_.integer(1, 4);
    for (std::int64_t d = 0; d < count; ++d) {
      gconv.dims.push_back(dimension(flavor, d));
      gconv.dims.back().name = std::string(1, "CHWT"[d]);
    }
    if (random_.chance(0.6)) {
      const auto d =
          static_cast<std::size_t>(random_.chance(0.7) ? 0 : random_.integer(0, count - 1));
      gconv.channel = gconv.dims[d].name;
    }
    add_operands(gconv, flavor);
    add_post(gconv);
    chain_.gconvs.push_back(std::move(gconv));
    return chain_;
  }

  /// Integer inputs for the chain made last, with extreme values among them.
  std::vector<Tensor> inputs() {
    std::vector<Tensor> result;
    for (const std::string& name : chain_.inputs) {
      const gconv::TensorInfo& info = chain_.tensors.at(name);
      result.push_back(values(info.dtype, info.elements, random_.chance(0.5)));
    }
    return result;
  }

 private:
  std::int64_t small(std::int64_t high) { return random_.integer(1, high); }

  void choose_operators(gconv::GConv& gconv, Flavor flavor) {
    using gconv::Main;
    using gconv::Pre;
    using gconv::Reduce;
    if (flavor == Flavor::convolution || flavor == Flavor::dense || flavor == Flavor::depthwise) {
      gconv.main = Main::mul;
      gconv.reduce = Reduce::add;
      return;
    }
    gconv.pre = static_cast<Pre>(random_.integer(0, 3));
    if (random_.chance(0.5)) gconv.pre = Pre::none;
    gconv.main = static_cast<Main>(random_.integer(0, 3));
    gconv.reduce = static_cast<Reduce>(random_.integer(0, 2));
    if (flavor == Flavor::pool) {
      gconv.main = Main::none;
      gconv.reduce = random_.chance(0.5) ? Reduce::max : Reduce::add;
    }
    if (flavor == Flavor::elementwise) gconv.reduce = Reduce::none;
    if (gconv.main == Main::add || gconv.main == Main::sub) {
      gconv.input_factor = small(1000);
      gconv.kernel_factor = small(1000);
    }
    reduces_ = gconv.reduce != Reduce::none;
  }

  gconv::Dim dimension(Flavor flavor, std::int64_t d) {
    gconv::Dim dim;
    const bool channels = d == 0;
    switch (flavor) {
      case Flavor::convolution:
        if (channels) {
          dim.ng = random_.chance(0.3) ? small(3) : 1;
          dim.nop = random_.chance(0.5) ? small(70) : small(12);
          dim.nks = dim.nips = small(random_.chance(0.1) ? 700 : 20);
          return dim;
        }
        break;
      case Flavor::dense:
        if (channels) dim.nop = small(100);
        dim.nks = dim.nips = small(12);
        return dim;
      case Flavor::depthwise:
        if (channels) {
          dim.ng = small(40);
          dim.nop = small(2);
          return dim;
        }
        break;
      case Flavor::elementwise:
        (random_.chance(0.7) ? dim.ng : dim.nopc) = small(12);
        if (dim.nopc > 1) dim.nips = dim.nopc;
        return dim;
      default:
        dim.ng = random_.chance(0.3) ? small(4) : 1;
        dim.nop = random_.chance(0.3) ? small(6) : 1;
    }
    window(dim, flavor);
    return dim;
  }

  void window(gconv::Dim& dim, Flavor flavor) {
    dim.nopc = small(flavor == Flavor::any ? 4 : 9);
    dim.nks =
        reduces_ || flavor == Flavor::convolution || flavor == Flavor::depthwise ? small(4) : 1;
    dim.stride = small(3);
    dim.dilation = small(3);
    const std::int64_t span = (dim.nopc - 1) * dim.stride + (dim.nks - 1) * dim.dilation + 1;
    dim.pad = random_.chance(0.5) ? 0 : random_.integer(-2, 4);
    dim.nips = std::max<std::int64_t>(
        1, span - dim.pad + (random_.chance(0.5) ? 0 : random_.integer(-3, 3)));
  }

  /// Strides that give every index its own address, in a random order of dimensions, with gaps.
  gconv::View view(const std::string& tensor, const std::vector<std::int64_t>& extents,
                   bool broadcasts, std::int64_t& elements) {
    gconv::View result;
    result.tensor = tensor;
    result.strides.resize(extents.size());
    std::vector<std::size_t> order(extents.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (std::size_t i = order.size(); i-- > 1;) {
      std::swap(order[i],
                order[static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(i)))]);
    }
    if (random_.chance(0.5)) std::ranges::sort(order);
    std::int64_t step = random_.chance(0.8) ? 1 : small(3);
    std::int64_t last = 0;
    for (const std::size_t d : order) {
      if (broadcasts && random_.chance(0.3)) continue;
      result.strides[d] = step;
      last += (extents[d] - 1) * step;
      step = step * extents[d] + (random_.chance(0.8) ? 0 : small(3));
    }
    result.base = random_.chance(0.7) ? 0 : small(5);
    elements = result.base + last + 1 + (random_.chance(0.7) ? 0 : small(5));
    return result;
  }

  void add_operands(gconv::GConv& gconv, Flavor flavor) {
    std::vector<std::int64_t> inputs, kernels, outputs;
    for (const gconv::Dim& dim : gconv.dims) {
      inputs.push_back(dim.inputs());
      kernels.push_back(dim.kernels());
      outputs.push_back(dim.outputs());
    }
    const bool weighted = flavor != Flavor::any && gconv.main == gconv::Main::mul;
    const DType wide = !weighted && random_.chance(0.2) ? DType::i64 : DType::i16;
    std::int64_t elements = 0;
    gconv.input = view("x", inputs, random_.chance(0.1), elements);
    add_tensor("x", random_.chance(0.3) ? DType::i8 : wide, elements);
    chain_.inputs = {"x"};
    if (gconv.main != gconv::Main::none) {
      gconv.kernel = view("k", kernels, random_.chance(0.2), elements);
      add_tensor("k", random_.chance(0.3) ? DType::i8 : DType::i16, elements);
      if (weighted || random_.chance(0.5)) {
        gconv::TensorInfo& info = chain_.tensors["k"];
        info.constant = values(info.dtype, elements, random_.chance(0.5));
      } else {
        chain_.inputs.push_back("k");
      }
    }
    gconv.output = view("y", outputs, false, elements);
    add_tensor("y", DType::i64, elements);
    chain_.outputs = {"y"};
  }

  void add_tensor(const std::string& name, DType dtype, std::int64_t elements) {
    gconv::TensorInfo info;
    info.elements = elements;
    info.dtype = dtype;
    info.scale = 1;
    info.shape = {elements};
    chain_.tensors[name] = info;
  }

  Tensor values(DType dtype, std::int64_t elements, bool extreme) {
    if (dtype == DType::i8) return fill<std::int8_t>(elements, extreme, 127);
    // 16-bit extremes of either sign; exact sums are kept small enough for a square and a post
    return dtype == DType::i16 ? fill<std::int16_t>(elements, extreme, 32767)
                               : fill<std::int64_t>(elements, extreme, 1 << 20);
  }

  template <class T>
  Tensor fill(std::int64_t elements, bool extreme, std::int64_t limit) {
    Tensor result(dtype_of<T>(), {elements});
    const std::int64_t sign = random_.chance(0.5) ? 1 : -1;
    const std::int64_t top = random_.chance(0.2) ? std::min<std::int64_t>(limit, 127) : limit;
    for (T& value : result.mutable_data<T>()) {
      value =
          static_cast<T>(extreme && random_.chance(0.9) ? sign * top : random_.integer(-top, top));
    }
    return result;
  }

  void add_post(gconv::GConv& gconv) {
    if (random_.chance(0.3)) return;
    std::int64_t channels = 1;
    for (const gconv::Dim& dim : gconv.dims) {
      if (dim.name == gconv.channel) channels = dim.outputs();
    }
    gconv::FixedPost post;
    const auto vector = [&](auto low, auto high) {
      std::vector<std::int64_t> result;
      const std::int64_t entries = random_.chance(0.7) ? channels : 1;
      for (std::int64_t i = 0; i < entries; ++i) result.push_back(random_.integer(low, high));
      return result;
    };
    post.multiplier = vector(-1000, 1000);
    post.bias = vector(-100000, 100000);
    for (const std::int64_t shift : vector(0, 30)) post.shift.push_back(static_cast<int>(shift));
    if (random_.chance(0.2)) post = {{1}, {0}, {0}, 0, 0, nullptr};
    const bool bytes = random_.chance(0.3);
    post.high = bytes ? 127 : 32767;
    post.low = random_.chance(0.3) ? 0 : random_.chance(0.5) ? -post.high : -post.high - 1;
    chain_.tensors["y"].dtype = bytes ? DType::i8 : random_.chance(0.9) ? DType::i16 : DType::i64;
    if (random_.chance(0.3)) {
      std::vector<std::int16_t> table;
      for (std::int64_t i = post.low; i <= post.high; ++i) {
        table.push_back(
            static_cast<std::int16_t>(random_.integer(bytes ? -127 : -32767, post.high)));
      }
      post.table = std::make_shared<const std::vector<std::int16_t>>(std::move(table));
    }
    gconv.fixed = std::move(post);
  }

  Random random_;
  gconv::Chain chain_;
  bool reduces_ = false;
};

}  // namespace syncopate::ref

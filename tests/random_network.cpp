#include "random_network.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace syncopate::testing {
namespace {

using ir::Ints;
using ir::ValueId;

constexpr std::int64_t kLargest = 3000;  // elements of an activation, so that tests stay fast

class Maker {
 public:
  Maker(std::uint64_t seed, const RandomNetworkOptions& options)
      : random_(seed), options_(options) {
    graph_.name = "random" + std::to_string(seed);
    graph_.synthetic = true;
    const std::int64_t spatial = random_.integer(0, 5);
    Shape shape{random_.integer(1, 2), random_.integer(1, 6)};
    for (std::int64_t i = 0; i < (spatial == 0 ? 1 : spatial == 1 ? 3 : 2); ++i) {
      shape.push_back(random_.integer(spatial == 1 ? 2 : 3, spatial == 1 ? 4 : 9));
    }
    ir::Value input;
    input.name = "input";
    input.shape = shape;
    graph_.inputs.push_back(graph_.add_value(input));
    values_.push_back(graph_.inputs[0]);
  }

  ir::Graph make() {
    for (int i = 0; i < options_.layers; ++i) {
      for (int attempt = 0; attempt < 50 && !try_layer(); ++attempt) {
      }
    }
    graph_.outputs.push_back(values_.back());
    if (values_.size() > 2 && random_.chance(0.3)) {
      graph_.outputs.push_back(values_[values_.size() - 2]);
    }
    if (values_.size() == 1) {  // nothing fitted: at least one operator
      graph_.outputs = {node(ir::Unary{}, {values_[0]})};
    }
    ir::infer_shapes(graph_);
    ir::remove_dead(graph_);
    return std::move(graph_);
  }

 private:
  using Layer = ValueId (Maker::*)(ValueId);

  /// Draws one operator; false when it does not suit the value drawn.
  bool try_layer() {
    static constexpr Layer kLayers[] = {&Maker::conv,
                                        &Maker::conv,
                                        &Maker::conv_transpose,
                                        &Maker::gemm,
                                        &Maker::matmul,
                                        &Maker::product,
                                        &Maker::batch_norm,
                                        &Maker::unary,
                                        &Maker::unary,
                                        &Maker::prelu,
                                        &Maker::constant_operand,
                                        &Maker::two_operands,
                                        &Maker::broadcast,
                                        &Maker::pool,
                                        &Maker::pool,
                                        &Maker::global_pool,
                                        &Maker::lrn,
                                        &Maker::softmax,
                                        &Maker::concat,
                                        &Maker::flatten,
                                        &Maker::shuffle,
                                        &Maker::transpose,
                                        &Maker::pad,
                                        &Maker::slice,
                                        &Maker::split,
                                        &Maker::resize,
                                        &Maker::mean,
                                        &Maker::depth_to_space,
                                        &Maker::quantize,
                                        &Maker::divide,
                                        &Maker::gather};
    const bool newest = random_.chance(0.7);
    const ValueId from = newest ? values_.back() : values_[pick(values_.size())];
    const std::size_t nodes = graph_.nodes.size(), count = graph_.values.size();
    ValueId made = ir::kNoValue;
    try {
      made = (this->*kLayers[pick(std::size(kLayers))])(from);
      if (made != ir::kNoValue) {
        ir::infer_shapes(graph_);
      }
    } catch (const InputError&) {
      made = ir::kNoValue;  // windows wider than their input and the like
    }
    const std::int64_t elements = made == ir::kNoValue ? 0 : element_count(shape(made));
    if (elements == 0 || elements > kLargest) {
      graph_.nodes.resize(nodes);
      graph_.values.resize(count);
      return false;
    }
    values_.push_back(made);
    return true;
  }

  std::size_t pick(std::size_t count) {
    return static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(count) - 1));
  }
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  std::size_t rank(ValueId id) const { return shape(id).size(); }
  bool is_image(ValueId id) const { return rank(id) >= 3 && rank(id) <= 5; }

  static Ints counting(std::size_t count) {
    Ints numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }

  ValueId node(ir::Op op, std::vector<ValueId> inputs) {
    const std::string name = "n" + std::to_string(graph_.nodes.size());
    return graph_.add_node(name, std::move(op), std::move(inputs),
                           "v" + std::to_string(graph_.values.size()));
  }

  /// Pruned: about a third of the values are zero.
  ValueId constant(const Shape& dims, double deviation, bool positive = false) {
    Tensor tensor(DType::f32, dims);
    for (float& value : tensor.mutable_data<float>()) {
      const double drawn = positive ? random_.uniform() + 0.5 : random_.normal() * deviation;
      value = random_.chance(0.3) && !positive ? 0.0F : static_cast<float>(drawn);
    }
    return graph_.add_constant("c" + std::to_string(graph_.values.size()), std::move(tensor));
  }

  ir::Window window(std::size_t spatial, std::int64_t largest, bool dilated) {
    ir::Window result;
    for (std::size_t i = 0; i < spatial; ++i) {
      const std::int64_t kernel = random_.integer(1, largest);
      result.kernel.push_back(kernel);
      result.strides.push_back(random_.integer(1, 3));
      result.dilations.push_back(dilated ? random_.integer(1, 2) : 1);
      result.pads_begin.push_back(random_.integer(0, kernel - 1));
      result.pads_end.push_back(random_.integer(0, kernel - 1));
    }
    return result;
  }

  std::int64_t divisor_of(std::int64_t number) {
    std::int64_t drawn = random_.integer(1, number);
    while (number % drawn != 0) {
      --drawn;
    }
    return drawn;
  }

  ValueId conv(ValueId x) {
    if (!is_image(x)) {
      return ir::kNoValue;
    }
    ir::Conv op;
    op.window = window(rank(x) - 2, 3, true);
    op.group = random_.chance(0.4) ? divisor_of(shape(x)[1]) : 1;
    const std::int64_t outs = op.group * random_.integer(1, op.group > 2 ? 2 : 5);
    Shape weights{outs, shape(x)[1] / op.group};
    weights.insert(weights.end(), op.window.kernel.begin(), op.window.kernel.end());
    const double fan_in = static_cast<double>(element_count(weights)) / static_cast<double>(outs);
    std::vector<ValueId> inputs{x, constant(weights, 1 / std::sqrt(fan_in))};
    if (random_.chance(0.6)) {
      inputs.push_back(constant({outs}, 0.5));
    }
    return node(op, inputs);
  }

  ValueId conv_transpose(ValueId x) {
    if (!is_image(x)) {
      return ir::kNoValue;
    }
    ir::ConvTranspose op;
    op.window = window(rank(x) - 2, 3, true);
    op.group = random_.chance(0.3) ? divisor_of(shape(x)[1]) : 1;
    for (std::size_t i = 0; i + 2 < rank(x); ++i) {
      op.output_padding.push_back(random_.integer(0, op.window.strides[i] - 1));
    }
    const std::int64_t outs = random_.integer(1, 3);
    Shape weights{shape(x)[1], outs};
    weights.insert(weights.end(), op.window.kernel.begin(), op.window.kernel.end());
    std::vector<ValueId> inputs{x, constant(weights, 0.5)};
    if (random_.chance(0.5)) {
      inputs.push_back(constant({outs * op.group}, 0.5));
    }
    return node(op, inputs);
  }

  ValueId gemm(ValueId x) {
    if (rank(x) != 2) {
      x = node(ir::Flatten{1}, {x});
      ir::infer_shapes(graph_);
    }
    ir::Gemm op;
    op.trans_b = random_.chance(0.5);
    op.alpha = random_.chance(0.3) ? 0.5F : 1.0F;
    op.beta = random_.chance(0.3) ? 2.0F : 1.0F;
    const std::int64_t in = shape(x)[1], out = random_.integer(1, 7);
    std::vector<ValueId> inputs{
        x, constant(op.trans_b ? Shape{out, in} : Shape{in, out}, 1 / std::sqrt(in))};
    if (random_.chance(0.7)) {
      inputs.push_back(constant(random_.chance(0.7) ? Shape{out} : Shape{shape(x)[0], 1}, 0.5));
    }
    return node(op, inputs);
  }

  ValueId matmul(ValueId x) {
    if (rank(x) < 2) {
      return ir::kNoValue;
    }
    const std::int64_t in = shape(x).back();
    const Shape weights = random_.chance(0.2) ? Shape{in} : Shape{in, random_.integer(1, 6)};
    return node(ir::MatMul{}, {x, constant(weights, 1 / std::sqrt(in))});
  }

  /// x times its own transpose.
  ValueId product(ValueId x) {
    if (rank(x) < 3) {
      return ir::kNoValue;
    }
    Ints perm = counting(rank(x));
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return node(ir::MatMul{}, {x, node(ir::Transpose{perm}, {x})});
  }

  ValueId batch_norm(ValueId x) {
    if (rank(x) < 2) {
      return ir::kNoValue;
    }
    const Shape channels{shape(x)[1]};
    const ValueId scale = constant(channels, 1), bias = constant(channels, 1);
    const ValueId mean = constant(channels, 1), variance = constant(channels, 1, true);
    return node(ir::BatchNormalization{}, {x, scale, bias, mean, variance});
  }

  ValueId unary(ValueId x) {
    static constexpr ir::UnaryKind kExact[] = {ir::UnaryKind::relu, ir::UnaryKind::clip,
                                               ir::UnaryKind::identity, ir::UnaryKind::relu};
    static constexpr ir::UnaryKind kTables[] = {ir::UnaryKind::leaky_relu, ir::UnaryKind::sigmoid,
                                                ir::UnaryKind::tanh, ir::UnaryKind::hard_sigmoid,
                                                ir::UnaryKind::hard_swish};
    const bool table = options_.functions && random_.chance(0.5);
    ir::Unary op;
    op.kind = table ? kTables[pick(std::size(kTables))] : kExact[pick(std::size(kExact))];
    op.alpha = op.kind == ir::UnaryKind::clip ? -0.75F : 0.2F;
    op.beta = op.kind == ir::UnaryKind::clip ? 1.25F : 0.5F;
    return node(op, {x});
  }

  ValueId prelu(ValueId x) {
    if (rank(x) < 2 || (!options_.functions && shape(x)[1] == 1)) {
      return ir::kNoValue;
    }
    Shape slope(rank(x) - 1, 1);
    slope[0] = shape(x)[1];
    if (random_.chance(0.3)) {
      slope.back() = shape(x).back();
    }
    return node(ir::PRelu{}, {x, constant(slope, 0.3)});
  }

  /// A constant of a random shape that broadcasts, on either side.
  ValueId constant_operand(ValueId x) {
    Shape dims;
    for (const std::int64_t extent : shape(x)) {
      dims.push_back(random_.chance(0.4) ? extent : 1);
    }
    const ir::BinaryKind kind = static_cast<ir::BinaryKind>(random_.integer(0, 3));
    const ValueId c = constant(dims, 1, kind == ir::BinaryKind::div);
    const bool swap = kind != ir::BinaryKind::div && random_.chance(0.4);
    return node(ir::Binary{kind}, swap ? std::vector{c, x} : std::vector{x, c});
  }

  ValueId two_operands(ValueId x) {
    for (const ValueId other : values_) {
      if (other != x && shape(other) == shape(x)) {
        return node(ir::Binary{static_cast<ir::BinaryKind>(random_.integer(0, 2))}, {x, other});
      }
    }
    return ir::kNoValue;
  }

  /// x times its own channel means, as in squeeze-and-excitation.
  ValueId broadcast(ValueId x) {
    if (!is_image(x)) {
      return ir::kNoValue;
    }
    const ValueId means = node(ir::GlobalPool{}, {x});
    const ir::Binary op{static_cast<ir::BinaryKind>(random_.integer(0, 2))};
    return node(op, random_.chance(0.5) ? std::vector{x, means} : std::vector{means, x});
  }

  ValueId divide(ValueId x) {
    if (!options_.functions) {
      return ir::kNoValue;
    }
    const ValueId positive =
        node(ir::Binary{}, {node(ir::Unary{ir::UnaryKind::sigmoid}, {x}), constant({1}, 1, true)});
    return node(ir::Binary{ir::BinaryKind::div}, {x, positive});
  }

  ir::PoolKind pool_kind() {
    return random_.chance(0.5) ? ir::PoolKind::max : ir::PoolKind::average;
  }

  ValueId pool(ValueId x) {
    if (!is_image(x)) {
      return ir::kNoValue;
    }
    ir::Pool op;
    op.kind = pool_kind();
    op.window = window(rank(x) - 2, 3, false);
    op.ceil_mode = random_.chance(0.4);
    op.count_include_pad = random_.chance(0.5);
    return node(op, {x});
  }

  ValueId global_pool(ValueId x) {
    return is_image(x) ? node(ir::GlobalPool{pool_kind()}, {x}) : ir::kNoValue;
  }

  ValueId lrn(ValueId x) {
    if (!is_image(x) || !options_.functions) {
      return ir::kNoValue;
    }
    return node(ir::Lrn{random_.integer(1, 5), 0.001F, 0.75F, 1.0F}, {x});
  }

  ValueId softmax(ValueId x) {
    if (!options_.functions) {
      return ir::kNoValue;
    }
    return node(ir::Softmax{random_.integer(0, static_cast<std::int64_t>(rank(x)) - 1),
                            random_.chance(0.2)},
                {x});
  }

  /// Of values that agree but for one dimension.
  ValueId concat(ValueId x) {
    const std::size_t axis = pick(rank(x));
    std::vector<ValueId> parts{x};
    for (const ValueId other : values_) {
      Shape same = shape(other);
      if (same.size() == rank(x)) {
        same[axis] = shape(x)[axis];
        if (same == shape(x) && other != x && parts.size() < 4) {
          parts.push_back(other);
        }
      }
    }
    if (parts.size() == 1) {
      parts.push_back(x);
    }
    return node(ir::Concat{static_cast<std::int64_t>(axis)}, parts);
  }

  ValueId flatten(ValueId x) {
    return node(ir::Flatten{random_.integer(0, static_cast<std::int64_t>(rank(x)))}, {x});
  }

  /// Reshape, transpose, reshape: channel shuffles and worse.
  ValueId shuffle(ValueId x) {
    const std::size_t axis = pick(rank(x));
    const std::int64_t groups = divisor_of(shape(x)[axis]);
    Ints split = shape(x), perm = counting(rank(x) + 1);
    split[axis] /= groups;
    split.insert(split.begin() + static_cast<std::ptrdiff_t>(axis), groups);
    std::swap(perm[axis], perm[axis + 1]);
    const ValueId moved = node(ir::Transpose{perm}, {node(ir::Reshape{split, false}, {x})});
    return node(ir::Reshape{shape(x), false}, {moved});
  }

  ValueId transpose(ValueId x) {
    Ints perm = counting(rank(x));
    std::swap(perm[pick(rank(x))], perm[pick(rank(x))]);
    return node(ir::Transpose{perm}, {x});
  }

  ValueId pad(ValueId x) {
    ir::Pad op;
    for (const std::int64_t extent : shape(x)) {
      op.before.push_back(random_.integer(extent > 2 ? -1 : 0, 2));
      op.after.push_back(random_.integer(extent > 2 ? -1 : 0, 2));
    }
    op.value = random_.chance(0.3) ? 0.5F : 0.0F;
    return node(op, {x});
  }

  ValueId slice(ValueId x) {
    ir::Slice op;
    for (std::size_t i = 0; i < rank(x); ++i) {
      const bool back = random_.chance(0.2);
      op.axes.push_back(static_cast<std::int64_t>(i));
      op.starts.push_back(back ? -1 : random_.integer(0, shape(x)[i] / 2));
      op.ends.push_back(back ? -100 : shape(x)[i]);
      op.steps.push_back(back ? -random_.integer(1, 2) : random_.integer(1, 2));
    }
    return node(op, {x});
  }

  ValueId split(ValueId x) {
    const std::size_t axis = pick(rank(x));
    const std::int64_t extent = shape(x)[axis];
    if (extent < 2) {
      return ir::kNoValue;
    }
    const std::int64_t first = random_.integer(1, extent - 1);
    const ValueId a =
        node(ir::Split{static_cast<std::int64_t>(axis), {first, extent - first}}, {x});
    ir::Value value;
    value.name = "v" + std::to_string(graph_.values.size());
    const ValueId b = graph_.add_value(value);
    graph_.nodes.back().outputs.push_back(b);
    return node(ir::Concat{static_cast<std::int64_t>(axis)}, {b, a});
  }

  ValueId resize(ValueId x) {
    ir::Resize op;
    for (std::size_t i = 0; i < rank(x); ++i) {
      const std::int64_t factor = i < 2 ? 1 : random_.integer(1, 3);
      op.sizes.push_back(shape(x)[i] * factor);
      op.scales.push_back(static_cast<float>(factor));
    }
    op.coordinates =
        random_.chance(0.5) ? ir::CoordinateMode::asymmetric : ir::CoordinateMode::half_pixel;
    op.nearest = op.coordinates == ir::CoordinateMode::asymmetric
                     ? ir::NearestMode::floor
                     : ir::NearestMode::round_prefer_floor;
    return node(op, {x});
  }

  ValueId mean(ValueId x) {
    ir::ReduceMean op;
    for (std::size_t i = 1; i < rank(x); ++i) {
      if (random_.chance(0.5)) {
        op.axes.push_back(static_cast<std::int64_t>(i));
      }
    }
    op.keep_dims = random_.chance(0.5);
    return op.axes.empty() ? ir::kNoValue : node(op, {x});
  }

  ValueId depth_to_space(ValueId x) {
    if (rank(x) != 4 || shape(x)[1] % 4 != 0) {
      return ir::kNoValue;
    }
    return node(ir::DepthToSpace{2, random_.chance(0.5)}, {x});
  }

  ValueId gather(ValueId x) {
    const std::size_t axis = pick(rank(x));
    Tensor index(DType::i64, random_.chance(0.5) ? Shape{} : Shape{1});
    index.mutable_data<std::int64_t>()[0] = random_.integer(0, shape(x)[axis] - 1);
    const ValueId at =
        graph_.add_constant("c" + std::to_string(graph_.values.size()), std::move(index));
    return node(ir::Gather{static_cast<std::int64_t>(axis)}, {x, at});
  }

  ValueId quantize(ValueId x) {
    if (!options_.quantize_nodes) {
      return ir::kNoValue;
    }
    const bool is_signed = random_.chance(0.5);
    const ValueId scale = graph_.add_constant("c" + std::to_string(graph_.values.size()),
                                              Tensor::from<float>({}, std::vector<float>{0.03F}));
    Tensor zero(is_signed ? DType::i8 : DType::u8, {});
    if (!is_signed) {
      zero.mutable_data<std::uint8_t>()[0] = 120;
    }
    const ValueId point =
        graph_.add_constant("c" + std::to_string(graph_.values.size()), std::move(zero));
    const ValueId stored = node(ir::QuantizeLinear{}, {x, scale, point});
    return node(ir::DequantizeLinear{}, {stored, scale, point});
  }

  Random random_;
  RandomNetworkOptions options_;
  ir::Graph graph_;
  std::vector<ValueId> values_;
};

}  // namespace

ir::Graph random_network(std::uint64_t seed, const RandomNetworkOptions& options) {
  return Maker(seed, options).make();
}

}  // namespace syncopate::testing

#include <cmath>
#include <limits>

#include "gconv/lowering.h"

// Functions of one element, and arithmetic on two.

namespace syncopate::gconv::lowering {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::optional<PostOp> post_of(const ir::Unary& op) {
  const double alpha = static_cast<double>(op.alpha), beta = static_cast<double>(op.beta);
  switch (op.kind) {
    case ir::UnaryKind::relu:
      return clamp(0, kInfinity);
    case ir::UnaryKind::clip:
      return clamp(alpha, beta);
    case ir::UnaryKind::leaky_relu:
      return function(Function::leaky_relu, alpha);
    case ir::UnaryKind::sigmoid:
      return function(Function::sigmoid);
    case ir::UnaryKind::tanh:
      return function(Function::tanh);
    case ir::UnaryKind::hard_sigmoid:
      return function(Function::hard_sigmoid, alpha, beta);
    case ir::UnaryKind::hard_swish:
      return function(Function::hard_swish);
    case ir::UnaryKind::identity:
      break;
  }
  return std::nullopt;
}

/// The output dimension along which a broadcast constant varies: none, one, or several.
struct Variation {
  int dims = 0;
  std::size_t dimension = 0;
};

Variation variation_of(const Shape& constant, std::size_t rank) {
  Variation result;
  for (std::size_t i = 0; i < constant.size(); ++i) {
    if (constant[i] > 1) {
      ++result.dims;
      result.dimension = rank - constant.size() + i;
    }
  }
  return result;
}

/// x op c, or c op x when `reversed`, as one affine operation. Division by a constant multiplies
/// by its reciprocal.
PostOp affine_of(ir::BinaryKind kind, std::span<const float> values, bool reversed) {
  std::vector<double> constants(values.begin(), values.end());
  std::vector<double> other = constants;
  switch (kind) {
    case ir::BinaryKind::add:
      return affine({1}, std::move(constants));
    case ir::BinaryKind::sub:
      for (double& value : other) {
        value = -value;
      }
      return reversed ? affine({-1}, std::move(constants)) : affine({1}, std::move(other));
    case ir::BinaryKind::mul:
      return affine(std::move(constants), {0});
    case ir::BinaryKind::div:
      break;
  }
  for (double& value : other) {
    value = 1 / value;
  }
  return affine(std::move(other), {0});
}

/// 1 / x as a step of the current node.
Placed reciprocal_of(Builder& builder, const Placed& value, const std::string& part) {
  const Placed result = builder.create_step("reciprocal", value.shape);
  builder.add_pointwise(part + "reciprocal", value, result, {function(Function::reciprocal)});
  return result;
}

void check_divisor(const Builder& builder, const Tensor& divisor) {
  for (const float value : divisor.data<float>()) {
    if (value == 0) {
      builder.refuse("the constant divisor holds a zero");
    }
  }
}

Tensor mapped(const Tensor& tensor, float (*map)(float)) {
  Tensor result = tensor;
  for (float& value : result.mutable_data<float>()) {
    value = map(value);
  }
  return result;
}

/// An activation and a constant that varies along at most one dimension, same result shape.
bool lower_as_affine(Builder& builder, const std::string& part, ir::BinaryKind kind,
                     const Placed& value, const Tensor& constant, bool reversed, const Placed& to) {
  const std::size_t rank = to.shape.size();
  const Variation variation = variation_of(constant.shape(), rank);
  if (variation.dims > 1 || with_rank(value, rank).shape != to.shape) {
    return false;
  }
  builder.add_pointwise(part, with_rank(value, rank), to,
                        {affine_of(kind, constant.data<float>(), reversed)},
                        variation.dims == 0 ? 0 : variation.dimension);
  return true;
}

void lower_with_constant(Builder& builder, const std::string& part, ir::BinaryKind kind,
                         Placed value, const Operand& other, bool reversed, const Placed& to) {
  const std::string prefix = part.empty() ? "" : part + "/";
  if (kind == ir::BinaryKind::div && reversed) {
    value = reciprocal_of(builder, value, prefix);
    kind = ir::BinaryKind::mul;
  } else if (kind == ir::BinaryKind::div) {
    check_divisor(builder, *other.constant);
  }
  if (lower_as_affine(builder, part, kind, value, *other.constant, reversed, to)) {
    return;
  }
  Tensor constant = *other.constant;
  std::string name = other.name;
  Main main = kind == ir::BinaryKind::add ? Main::add : Main::mul;
  if (kind == ir::BinaryKind::div) {
    constant = mapped(constant, [](float x) { return 1 / x; });
    name += "/reciprocal";
  } else if (kind == ir::BinaryKind::sub && !reversed) {
    main = Main::sub;
  } else if (kind == ir::BinaryKind::sub) {  // c - x = -x + c
    const Placed negated = builder.create_step("negated", value.shape);
    builder.add_pointwise(prefix + "negate", value, negated, {affine({-1}, {0})});
    value = negated;
    main = Main::add;
  }
  builder.add_elementwise(part, main, value, builder.place_constant(name, constant), to);
}

Operand operand_of(Builder& builder, std::size_t index) {
  Operand operand;
  if (builder.is_constant(index)) {
    operand.constant = &builder.constant(index, "a constant operand");
    operand.name = builder.input_name(index);
  } else {
    operand.placed = builder.simple_input(index);
  }
  return operand;
}

}  // namespace

void lower_binary(Builder& builder, const std::string& part, ir::BinaryKind kind, const Operand& a,
                  const Operand& b, const Placed& to) {
  if (a.constant != nullptr && b.constant != nullptr) {
    builder.refuse("both operands are constants; expected them to be folded");
  }
  if (b.constant != nullptr) {
    lower_with_constant(builder, part, kind, a.placed, b, false, to);
    return;
  }
  if (a.constant != nullptr) {
    lower_with_constant(builder, part, kind, b.placed, a, true, to);
    return;
  }
  const Placed& first = a.placed;
  Placed second = b.placed;
  Main main = Main::add;
  if (kind == ir::BinaryKind::sub) {
    main = Main::sub;
  } else if (kind == ir::BinaryKind::mul) {
    main = Main::mul;
  } else if (kind == ir::BinaryKind::div) {
    second = reciprocal_of(builder, second, part.empty() ? "" : part + "/");
    main = Main::mul;
  }
  const bool smaller_first = element_count(first.shape) < element_count(second.shape);
  if (main != Main::sub && smaller_first) {  // the broadcast operand plays the kernel
    builder.add_elementwise(part, main, second, first, to);
  } else {
    builder.add_elementwise(part, main, first, second, to);
  }
}

void lower(Builder& builder, const ir::Unary& op) {
  const std::optional<PostOp> post = post_of(op);
  if (!post) {
    builder.bind(builder.input(0));
    return;
  }
  const Placed from = builder.simple_input(0);
  Placed to = builder.create_output();
  to.quantized = from.quantized;
  builder.bind(to);
  builder.add_pointwise("", from, to, {*post});
}

void lower(Builder& builder, const ir::PRelu&) {
  const Placed from = builder.simple_input(0);
  const Tensor& slope = builder.constant(1, "the slope");
  if (slope.size() == 1) {
    const double alpha = static_cast<double>(slope.data<float>()[0]);
    builder.add_pointwise("", from, builder.create_output(),
                          {function(Function::leaky_relu, alpha)});
    return;
  }
  const std::size_t rank = from.shape.size();
  const Placed negative = builder.create_step("negative", from.shape);
  const Variation variation = variation_of(slope.shape(), rank);
  if (variation.dims == 1) {
    builder
        .add_pointwise("negative", from, negative,
                       {affine(builder.constant_values(1, "the slope"), {0})}, variation.dimension)
        .pre = Pre::negative_part;
  } else {
    const Placed slopes = builder.place_constant(builder.input_name(1), slope);
    builder.add_elementwise("negative", Main::mul, from, slopes, negative).pre = Pre::negative_part;
  }
  builder.add_elementwise("", Main::add, from, negative, builder.create_output()).pre = Pre::relu;
}

void lower(Builder& builder, const ir::Binary& op) {
  const Operand a = operand_of(builder, 0), b = operand_of(builder, 1);
  lower_binary(builder, "", op.kind, a, b, builder.create_output());
}

}  // namespace syncopate::gconv::lowering

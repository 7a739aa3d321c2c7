#include <algorithm>

#include "gconv/lowering.h"

// Gemm and MatMul.

namespace syncopate::gconv::lowering {
namespace {

Tensor transposed_matrix(const Tensor& matrix) {
  const std::int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
  Tensor result = Tensor::uninitialized(DType::f32, {columns, rows});
  const std::span<const float> from = matrix.data<float>();
  const std::span<float> to = result.mutable_data<float>();
  constexpr std::int64_t kBlock = 32;  // both sides stay in cache lines that are used fully
  for (std::int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    for (std::int64_t c0 = 0; c0 < columns; c0 += kBlock) {
      for (std::int64_t r = r0; r < std::min(rows, r0 + kBlock); ++r) {
        for (std::int64_t c = c0; c < std::min(columns, c0 + kBlock); ++c) {
          to[static_cast<std::size_t>(c * rows + r)] =
              from[static_cast<std::size_t>(r * columns + c)];
        }
      }
    }
  }
  return result;
}

/// Names of the reduced dimensions: those of the tensor that was flattened, where they are known.
std::vector<std::string> reduction_names(std::size_t rank, std::size_t factors) {
  if (rank == 2 && factors <= 4) {
    const std::vector<std::string> names = dim_names(factors + 1);
    return {names.begin() + 1, names.end()};
  }
  std::vector<std::string> names{dim_names(rank).back()};
  for (std::size_t k = 1; k < factors; ++k) {
    names.push_back(fmt::format("K{}", k));
  }
  return names;
}

Dim row_dim(const std::string& name, std::int64_t extent) {
  Dim dim;
  dim.name = name;
  dim.nopc = dim.nips = extent;
  return dim;
}

/// to[..., n] = sum over k of from[..., k] * weights[n][k]. The last dimension of `from` may be a
/// product of several factors: a flattened channels-last tensor is read in place.
void add_dense(Builder& builder, const Placed& from, const std::string& weights, const Placed& to) {
  GConv& gconv = builder.add("");
  const std::size_t rank = to.shape.size();
  const std::vector<std::string> names = dim_names(rank);
  gconv.main = Main::mul;
  gconv.reduce = Reduce::add;
  gconv.channel = names.back();
  gconv.input = {from.tensor, from.base, {}};
  gconv.kernel = View{weights, 0, {}};
  gconv.output = {to.tensor, to.base, {}};
  for (std::size_t i = 0; i + 1 < rank; ++i) {
    gconv.dims.push_back(row_dim(names[i], to.shape[i]));
    gconv.input.strides.push_back(from.stride(i));
    gconv.kernel->strides.push_back(0);
    gconv.output.strides.push_back(to.stride(i));
  }
  std::vector<Factor> factors = from.dims.back();
  if (factors.empty()) {
    factors.push_back({1, 0});
  }
  const std::vector<std::string> reduced = reduction_names(rank, factors.size());
  std::int64_t inner = from.shape.back();
  for (std::size_t k = 0; k < factors.size(); ++k) {
    Dim dim;
    dim.name = reduced[k];
    dim.nks = dim.nips = factors[k].extent;
    dim.nop = k == 0 ? to.shape.back() : 1;
    inner /= factors[k].extent;
    gconv.dims.push_back(dim);
    gconv.input.strides.push_back(factors[k].stride);
    gconv.kernel->strides.push_back(inner);
    gconv.output.strides.push_back(k == 0 ? to.stride(rank - 1) : 0);
  }
}

/// Batched product of two activations, a[..., m, k] * b[..., k, n], with broadcasting.
void add_product(Builder& builder, const Placed& a, const Placed& b, const Placed& to) {
  GConv& gconv = builder.add("");
  const std::size_t rank = to.shape.size();
  const std::vector<std::string> names = dim_names(rank);
  gconv.main = Main::mul;
  gconv.reduce = Reduce::add;
  gconv.input = {a.tensor, a.base, {}};
  gconv.kernel = View{b.tensor, b.base, {}};
  gconv.output = {to.tensor, to.base, {}};
  const auto add = [&](const Dim& dim, std::int64_t in, std::int64_t kernel, std::int64_t out) {
    gconv.dims.push_back(dim);
    gconv.input.strides.push_back(in);
    gconv.kernel->strides.push_back(kernel);
    gconv.output.strides.push_back(out);
  };
  for (std::size_t i = 0; i + 2 < rank; ++i) {
    Dim dim = row_dim(names[i], 1);
    if (a.shape[i] == 1) {
      dim.nop = to.shape[i];
    } else if (b.shape[i] == 1) {
      dim = row_dim(names[i], to.shape[i]);
    } else {
      dim.ng = to.shape[i];
    }
    add(dim, a.stride(i), b.stride(i), to.stride(i));
  }
  add(row_dim(names[rank - 2], to.shape[rank - 2]), a.stride(rank - 2), 0, to.stride(rank - 2));
  Dim columns = row_dim(names[rank - 1], 1);
  columns.nop = to.shape[rank - 1];
  add(columns, 0, b.stride(rank - 1), to.stride(rank - 1));
  Dim reduced = row_dim("K", 1);
  reduced.nks = reduced.nips = a.shape[rank - 1];
  add(reduced, a.stride(rank - 1), b.stride(rank - 2), 0);
}

Placed swapped(const Placed& matrix) { return transposed(matrix, {1, 0}); }

/// Adds a constant [K, N] as [N, K], once.
std::string add_transposed(Builder& builder, const std::string& name, const Tensor& matrix) {
  const std::string key = fmt::format("{}/transposed", name);
  if (builder.chain().tensors.contains(key)) {
    return key;
  }
  return builder.add_constant(key, transposed_matrix(matrix));
}

/// Constant weights at input 1 as [N, K].
std::string dense_weights(Builder& builder, bool outputs_first) {
  return outputs_first
             ? builder.add_weights(1)
             : add_transposed(builder, builder.input_name(1), builder.constant(1, "the weights"));
}

/// The last dimension is one factor or can stay several; the others must be simple.
bool readable_rows(const Placed& value) {
  return std::all_of(value.dims.begin(), value.dims.end() - 1,
                     [](const auto& factors) { return factors.size() <= 1; });
}

void add_gemm_product(Builder& builder, const ir::Gemm& op, const Placed& to) {
  if (builder.is_constant(1)) {
    Placed from = builder.input(0);
    from = op.trans_a ? swapped(from) : from;
    if (!readable_rows(from)) {
      from = builder.simple_input(0);
      from = op.trans_a ? swapped(from) : from;
    }
    add_dense(builder, from, dense_weights(builder, op.trans_b), to);
    return;
  }
  const Placed a = builder.simple_input(0), b = builder.simple_input(1);
  add_product(builder, op.trans_a ? swapped(a) : a, op.trans_b ? swapped(b) : b, to);
}

Tensor scaled(const Tensor& tensor, float factor) {
  Tensor result = tensor;
  for (float& value : result.mutable_data<float>()) {
    value *= factor;
  }
  return result;
}

/// beta * C as the second operand of an addition.
Operand addend(Builder& builder, const ir::Gemm& op, Tensor& storage) {
  Operand operand;
  if (builder.is_constant(2)) {
    storage = op.beta == 1 ? builder.constant(2, "C") : scaled(builder.constant(2, "C"), op.beta);
    operand.constant = &storage;
    return operand;
  }
  operand.placed = builder.simple_input(2);
  if (op.beta != 1) {
    const Placed result = builder.create_step("beta", operand.placed.shape);
    builder.add_pointwise("beta", operand.placed, result,
                          {affine({static_cast<double>(op.beta)}, {0})});
    operand.placed = result;
  }
  return operand;
}

}  // namespace

void lower(Builder& builder, const ir::Gemm& op) {
  const bool adds = builder.has_input(2) && op.beta != 0;
  const bool scales = op.alpha != 1;
  const Shape shape = builder.output_shape();
  Placed product = adds || scales ? builder.create_step("product", shape) : builder.create_output();
  add_gemm_product(builder, op, product);
  if (scales) {
    const Placed next = adds ? builder.create_step("alpha", shape) : builder.create_output();
    builder.add_pointwise("alpha", product, next, {affine({static_cast<double>(op.alpha)}, {0})});
    product = next;
  }
  if (adds) {
    Tensor storage;
    Operand left, right = addend(builder, op, storage);
    left.placed = product;
    right.name = product.tensor + "/C";
    lower_binary(builder, "bias", ir::BinaryKind::add, left, right, builder.create_output());
  }
}

void add_matmul(Builder& builder, Placed a, const Placed* b, const Tensor* constant,
                const std::string& name, Placed to) {
  const Shape b_shape = b != nullptr ? b->shape : constant->shape();
  if (b_shape.size() == 1) {  // a vector is a matrix of one column
    to.shape.push_back(1);
    to.dims.emplace_back();
  }
  if (a.shape.size() == 1) {  // and one of one row
    a = with_rank(a, 2);
    to.shape.insert(to.shape.end() - 1, 1);
    to.dims.insert(to.dims.end() - 1, std::vector<Factor>{});
  }
  if (constant != nullptr && b_shape.size() <= 2 && readable_rows(a)) {
    const bool outputs_first = b_shape.size() == 1;
    const std::string weights = outputs_first ? builder.add_constant(name, *constant)
                                              : add_transposed(builder, name, *constant);
    add_dense(builder, a, weights, to);
    return;
  }
  const std::size_t rank = to.shape.size();
  Placed right = b != nullptr ? *b : builder.place_constant(name, *constant);
  if (b_shape.size() == 1) {
    right.shape.push_back(1);
    right.dims.emplace_back();
  }
  add_product(builder, with_rank(a, rank), with_rank(right, rank), to);
}

void lower(Builder& builder, const ir::MatMul&) {
  if (builder.is_constant(0)) {
    builder.refuse(
        "the first operand is a constant; supported are an activation times a constant "
        "or two activations");
  }
  Placed a = builder.input(0);
  const bool flat = builder.is_constant(1) && builder.input_shape(1).size() <= 2;
  if (!flat || !readable_rows(a)) {
    a = builder.simple_input(0);
  }
  if (builder.is_constant(1)) {
    add_matmul(builder, a, nullptr, &builder.constant(1, "the second operand"),
               builder.input_name(1), builder.create_output());
    return;
  }
  const Placed b = builder.simple_input(1);
  add_matmul(builder, a, &b, nullptr, "", builder.create_output());
}

}  // namespace syncopate::gconv::lowering

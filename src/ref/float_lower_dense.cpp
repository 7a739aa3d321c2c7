#include <algorithm>
#include <cmath>

#include "ref/float_dense.h"
#include "ref/float_plan.h"
#include "ref/float_range.h"

namespace syncopate::ref {
namespace {

using dnnl::memory;
using ir::kNoValue;
using ir::ValueId;

/// Up to this many rows a product is bound by reading the weights, which our own loops do in place.
constexpr std::int64_t kFewRows = 4;

/// One matrix product, x [rows, ins] times weights [ins, outs] or, transposed, [outs, ins].
struct Product {
  std::int64_t rows = 0, ins = 0, outs = 0;
  bool transposed = false;
  float alpha = 1;
  const float* bias = nullptr;
  bool relu = false;
};

void add_product(Plan& plan, const FusedNode& group, const Product& p) {
  const Located x = plan.plain(group.node->inputs[0]), w = plan.plain(group.node->inputs[1]);
  const Located y = plan.place_plain(plan.graph().value(group.output));
  Step step;
  step.name = group.node->name;
  step.uses = {x.slot, w.slot, y.slot};
  step.makes = {{group.output, y}};
  step.bind = [p, x, w, y](const Addresses& addresses) -> Action {
    const auto* from = reinterpret_cast<const float*>(addresses(x.slot));
    const auto* weights = reinterpret_cast<const float*>(addresses(w.slot));
    auto* to = reinterpret_cast<float*>(addresses(y.slot));
    return [p, from, weights, to] {
      const auto product = p.transposed ? dense_rows : dense_columns;
      product(from, weights, to, p.rows, p.ins, p.outs, {p.bias, p.alpha, p.relu});
    };
  };
  plan.add_step(std::move(step));
}

/// beta * C as one number per column; null when C is absent, nullopt when it is not of that form.
std::optional<const float*> column_bias(Plan& plan, const ir::Node& node, float beta,
                                        std::int64_t outs) {
  if (node.inputs.size() < 3 || node.inputs[2] == kNoValue) return nullptr;
  const Tensor* c = plan.constant(node.inputs[2]);
  if (!c || (c->shape().size() == 2 && c->shape()[0] != 1)) return std::nullopt;
  const auto values = c->data<float>();
  Tensor bias = Tensor::uninitialized(DType::f32, {outs});
  const auto columns = bias.mutable_data<float>();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i] = beta * values[values.size() == 1 ? 0 : i];
  }
  return reinterpret_cast<const float*>(plan.keep(std::move(bias)));
}

/// A row-major matrix or its transpose, possibly a batch of them.
memory::desc matrix(const Shape& shape, std::size_t rank, bool transposed) {
  memory::dims dims(rank - shape.size(), 1), strides(rank - shape.size(), element_count(shape));
  const Shape own = row_major_strides(shape);
  dims.insert(dims.end(), shape.begin(), shape.end());
  strides.insert(strides.end(), own.begin(), own.end());
  if (transposed) {
    std::swap(dims[rank - 1], dims[rank - 2]);
    std::swap(strides[rank - 1], strides[rank - 2]);
  }
  return {dims, memory::data_type::f32, strides};
}

/// The product by oneDNN, which reads both matrices in place too.
bool add_matmul(Plan& plan, const FusedNode& group, bool trans_a, bool trans_b, float alpha,
                const float* bias) {
  const ir::Graph& graph = plan.graph();
  const ValueId a = group.node->inputs[0], b = group.node->inputs[1];
  const Shape& y_shape = graph.value(group.output).shape;
  const std::size_t rank = y_shape.size();
  Located x = plan.plain(a), w = plan.plain(b);
  x.md = matrix(graph.value(a).shape, rank, trans_a);
  w.md = matrix(graph.value(b).shape, rank, trans_b);
  Located y = plan.place_plain(graph.value(group.output));
  Shape bias_shape(rank, 1);
  bias_shape.back() = y_shape.back();
  const memory::desc b_md = Plan::row_major(bias_shape);
  // Not oneDNN's own bias, which would be scaled by alpha.
  dnnl::post_ops post;
  if (bias) post.append_binary(dnnl::algorithm::binary_add, b_md);
  if (group.activation && !append_activation(post, *group.activation)) return false;
  dnnl::primitive_attr attr = attributes(post);
  if (alpha != 1) attr.set_output_scales(0, {alpha});
  const dnnl::matmul::primitive_desc pd({x.md, w.md, y.md}, attr, plan.engine());
  std::vector<Plan::Argument> arguments{
      {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}};
  double offset = 0;
  if (bias) {
    auto* data = reinterpret_cast<std::byte*>(const_cast<float*>(bias));
    arguments.push_back(
        {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, {{-1, data}, b_md, true}});
    for (std::int64_t i = 0; i < y_shape.back(); ++i) {
      offset = larger(offset, std::abs(static_cast<double>(bias[i])));
    }
  }
  const auto terms = static_cast<double>(x.md.dims().back());
  const double scale = std::max(1.0, std::abs(static_cast<double>(alpha)));
  Guard guard{{plan.ranged(a, x), plan.ranged(b, w)},
              [=, activation = group.activation](std::span<const double> in) {
                const double worst = terms * in[0] * in[1] * scale + offset;
                return std::pair{worst, activation_bound(activation, worst)};
              }};
  plan.add_dnnl(group.node->name, dnnl::matmul(pd), pd.scratchpad_desc(), std::move(arguments),
                {{group.output, y}}, std::move(guard));
  return true;
}

bool is_empty(const Plan& plan, const ir::Node& node) {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
    return input != kNoValue && element_count(plan.graph().value(input).shape) == 0;
  });
}

}  // namespace

bool lower_gemm(Plan& plan, const FusedNode& group, const ir::Gemm& op) {
  if (is_empty(plan, *group.node)) return false;
  const Shape& a = plan.graph().value(group.node->inputs[0]).shape;
  const Shape& y = plan.graph().value(group.output).shape;
  const std::optional<const float*> bias = column_bias(plan, *group.node, op.beta, y[1]);
  if (!bias) return false;
  if (op.trans_a || y[0] > kFewRows) {
    return add_matmul(plan, group, op.trans_a, op.trans_b, op.alpha, *bias);
  }
  add_product(plan, group,
              {y[0], a[1], y[1], op.trans_b, op.alpha, *bias, group.activation.has_value()});
  return true;
}

bool lower_matmul(Plan& plan, const FusedNode& group) {
  const ir::Graph& graph = plan.graph();
  const ir::Value& a = graph.value(group.node->inputs[0]);
  const Shape& b = graph.value(group.node->inputs[1]).shape;
  const Shape& y = graph.value(group.output).shape;
  if (a.dtype != DType::f32 || is_empty(plan, *group.node)) return false;
  const std::int64_t rows = b.size() == 2 ? element_count(a.shape) / b[0] : 0;
  if (b.size() == 2 && rows <= kFewRows) {
    add_product(plan, group, {rows, b[0], b[1], false, 1, nullptr, group.activation.has_value()});
    return true;
  }
  if (a.shape.size() < 2 || b.size() < 2 || y.size() > 5) return false;
  return add_matmul(plan, group, false, false, 1, nullptr);
}

}  // namespace syncopate::ref

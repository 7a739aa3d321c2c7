#include <algorithm>
#include <cmath>

#include "ir/shapes.h"
#include "ref/float_plan.h"
#include "ref/float_range.h"

namespace syncopate::ref {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using ir::kNoValue;
using ir::ValueId;

bool is_empty(const Shape& shape) { return element_count(shape) == 0; }

/// A guard for results no larger than `gain` times the operand, computed through intermediate
/// values no larger than `inner` times it.
Guard scaling_guard(const Ranged& operand, double inner, double gain) {
  return {{operand}, [inner, gain](std::span<const double> x) {
            return std::pair{inner * x[0], gain * x[0]};
          }};
}

/// Output and trailing padding that makes oneDNN agree with an extent that ONNX rounded up.
memory::dims padding_for(const ir::Window& window, const Shape& x, const Shape& y) {
  memory::dims pads;
  for (std::size_t d = 0; d < window.kernel.size(); ++d) {
    const std::int64_t span = (window.kernel[d] - 1) * window.dilations[d] + 1;
    pads.push_back((y[d + 2] - 1) * window.strides[d] + span - x[d + 2] - window.pads_begin[d]);
  }
  return pads;
}

/// Whether every window sees at least one input element, and oneDNN averages as ONNX does.
bool pool_is_regular(const ir::Pool& op, const memory::dims& pads_end) {
  for (std::size_t d = 0; d < pads_end.size(); ++d) {
    if (op.window.dilations[d] != 1) return false;
    if (op.window.pads_begin[d] >= op.window.kernel[d] || pads_end[d] >= op.window.kernel[d]) {
      return false;
    }
    const bool overhangs = pads_end[d] > op.window.pads_end[d];
    if (op.count_include_pad && op.kind == ir::PoolKind::average && overhangs) return false;
  }
  return true;
}

bool add_pool(Plan& plan, const FusedNode& group, algorithm kind, const ir::Window& window,
              const memory::dims& pads_end) {
  const ValueId input = group.node->inputs[0];
  const Shape& y_shape = plan.graph().value(group.output).shape;
  const Located x = plan.any(input);
  const memory::desc y_md(y_shape, memory::data_type::f32, memory::format_tag::any);
  const dnnl::pooling_forward::desc desc(prop_kind::forward_inference, kind, x.md, y_md,
                                         window.strides, window.kernel, window.pads_begin,
                                         pads_end);
  const dnnl::pooling_forward::primitive_desc pd(desc, attributes(), plan.engine());
  const Located y = plan.place(pd.dst_desc());
  const auto taps = static_cast<double>(element_count(window.kernel));
  plan.add_dnnl(group.node->name, dnnl::pooling_forward(pd), pd.scratchpad_desc(),
                {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}}, {{group.output, y}},
                scaling_guard(plan.ranged(input, x), taps, 1));
  return true;
}

struct Eltwise {
  algorithm kind;
  float alpha, beta;
};

std::optional<Eltwise> eltwise_of(const ir::Unary& op) {
  switch (op.kind) {
    case ir::UnaryKind::relu:
      return Eltwise{algorithm::eltwise_relu, 0, 0};
    case ir::UnaryKind::leaky_relu:
      return Eltwise{algorithm::eltwise_relu, op.alpha, 0};
    case ir::UnaryKind::clip:
      // With crossed bounds ONNX returns the upper one; oneDNN refuses.
      if (!(op.alpha <= op.beta)) return std::nullopt;
      return Eltwise{algorithm::eltwise_clip, op.alpha, op.beta};
    case ir::UnaryKind::sigmoid:
      return Eltwise{algorithm::eltwise_logistic, 0, 0};
    case ir::UnaryKind::tanh:
      return Eltwise{algorithm::eltwise_tanh, 0, 0};
    case ir::UnaryKind::hard_swish:
      return Eltwise{algorithm::eltwise_hardswish, 0, 0};
    case ir::UnaryKind::hard_sigmoid:
    case ir::UnaryKind::identity:
      break;
  }
  return std::nullopt;
}

algorithm algorithm_of(ir::BinaryKind kind) {
  switch (kind) {
    case ir::BinaryKind::add:
      return algorithm::binary_add;
    case ir::BinaryKind::sub:
      return algorithm::binary_sub;
    case ir::BinaryKind::mul:
      return algorithm::binary_mul;
    case ir::BinaryKind::div:
      break;
  }
  return algorithm::binary_div;
}

/// `shape` with ones in front, up to `rank` dimensions.
Shape lifted(const Shape& shape, std::size_t rank) {
  Shape result(rank - shape.size(), 1);
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

/// Whether a [.., C or 1, 1, 1] operand scales whole channels of `full`.
bool is_per_channel(const Shape& part, const Shape& full) {
  if (full.size() < 2) return false;
  for (std::size_t d = 0; d < full.size(); ++d) {
    if (part[d] != 1 && (d != 1 || part[d] != full[d])) return false;
  }
  return true;
}

/// Layout of channels in blocks of 16 or 8, as convolutions with AVX-512 or AVX2 leave them.
bool is_blocked(const Located& at, std::int64_t block) {
  using Tag = memory::format_tag;
  const memory::dims dims = at.md.dims();
  const bool wide = block == 16;
  const Tag tags[] = {wide ? Tag::nCw16c : Tag::nCw8c, wide ? Tag::nChw16c : Tag::nChw8c,
                      wide ? Tag::nCdhw16c : Tag::nCdhw8c};
  if (dims.size() < 3 || dims.size() > 5 || dims[1] % block != 0) return false;
  return at.md == memory::desc(dims, memory::data_type::f32, tags[dims.size() - 3]);
}

/// A part that has to be copied behind the others.
struct BlockCopy {
  Slot from;
  std::size_t offset, bytes;
};

/// Concatenation of channels of one picture in blocked layout: the parts lie one behind the other.
/// Parts that nothing else constrains are made there to begin with; others are copied.
bool concat_blocks(Plan& plan, const FusedNode& group) {
  const std::vector<ValueId>& inputs = group.node->inputs;
  std::vector<Located> parts;
  for (ValueId input : inputs) parts.push_back(plan.any(input));
  const std::int64_t block = is_blocked(parts[0], 16) ? 16 : 8;
  for (const Located& part : parts) {
    if (!is_blocked(part, block) || part.slot.storage < 0) return false;
  }
  using Tag = memory::format_tag;
  const Tag wide[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  const Tag narrow[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  const Shape& y_shape = plan.graph().value(group.output).shape;
  const std::size_t kind = y_shape.size() - 3;
  const Located y =
      plan.place({y_shape, memory::data_type::f32, block == 16 ? wide[kind] : narrow[kind]});
  std::size_t offset = 0;
  Step step;
  step.name = group.node->name;
  std::vector<BlockCopy> copies;
  for (const Located& part : parts) {
    Storage& source = plan.storage(part.slot.storage);
    const bool movable = !source.shared && source.parent < 0 && source.first >= 0;
    if (movable) {
      source.parent = y.slot.storage;
      source.parent_offset = offset;
      source.shared = true;
      Storage& target = plan.storage(y.slot.storage);
      target.first = std::min(target.first, source.first);
      target.last = std::max(target.last, source.last);
    } else {
      copies.push_back({part.slot, offset, part.md.get_size()});
    }
    step.uses.push_back(part.slot);
    offset += part.md.get_size();
  }
  plan.storage(y.slot.storage).shared = true;
  step.uses.push_back(y.slot);
  step.makes = {{group.output, y}};
  step.bind = [copies, y](const Addresses& addresses) -> Action {
    return [copies, addresses, to = addresses(y.slot)] {
      for (const BlockCopy& copy : copies) {
        std::copy_n(addresses(copy.from), copy.bytes, to + copy.offset);
      }
    };
  };
  plan.add_step(std::move(step));
  return true;
}

}  // namespace

dnnl::primitive_attr attributes(const dnnl::post_ops& post) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(post);
  return attr;
}

bool append_activation(dnnl::post_ops& post, const ir::Unary& unary) {
  if (unary.kind == ir::UnaryKind::hard_sigmoid) {
    post.append_eltwise(1.0F, algorithm::eltwise_linear, unary.alpha, unary.beta);
    post.append_eltwise(1.0F, algorithm::eltwise_clip, 0, 1);
    return true;
  }
  const std::optional<Eltwise> eltwise = eltwise_of(unary);
  if (eltwise) post.append_eltwise(1.0F, eltwise->kind, eltwise->alpha, eltwise->beta);
  return eltwise.has_value();
}

double activation_bound(const std::optional<ir::Unary>& unary, double operand) {
  if (!unary) return operand;
  const auto alpha = static_cast<double>(unary->alpha), beta = static_cast<double>(unary->beta);
  switch (unary->kind) {
    case ir::UnaryKind::sigmoid:
    case ir::UnaryKind::tanh:
    case ir::UnaryKind::hard_sigmoid:
      return 1;
    case ir::UnaryKind::leaky_relu:
      return operand * std::max(1.0, std::abs(alpha));
    case ir::UnaryKind::clip:
      // A bound beyond the operand can only raise the result to that bound.
      return std::min(std::max({operand, alpha, -beta}), std::max(std::abs(alpha), std::abs(beta)));
    case ir::UnaryKind::relu:
    case ir::UnaryKind::hard_swish:
    case ir::UnaryKind::identity:
      break;
  }
  return operand;
}

bool lower_pool(Plan& plan, const FusedNode& group, const ir::Pool& op) {
  const ir::Node& node = *group.node;
  const ir::Value& x = plan.graph().value(node.inputs[0]);
  const bool indices = node.outputs.size() > 1 && node.outputs[1] != kNoValue;
  if (group.output == kNoValue || indices || x.dtype != DType::f32 || is_empty(x.shape)) {
    return false;
  }
  const memory::dims pads_end =
      padding_for(op.window, x.shape, plan.graph().value(group.output).shape);
  if (!pool_is_regular(op, pads_end)) return false;
  algorithm kind = algorithm::pooling_max;
  if (op.kind == ir::PoolKind::average) {
    kind = op.count_include_pad ? algorithm::pooling_avg_include_padding
                                : algorithm::pooling_avg_exclude_padding;
  }
  return add_pool(plan, group, kind, op.window, pads_end);
}

bool lower_global_pool(Plan& plan, const FusedNode& group, const ir::GlobalPool& op) {
  const ir::Value& x = plan.graph().value(group.node->inputs[0]);
  if (x.dtype != DType::f32 || x.shape.size() > 5 || is_empty(x.shape)) return false;
  ir::Window window;
  window.kernel.assign(x.shape.begin() + 2, x.shape.end());
  window.strides.assign(window.kernel.size(), 1);
  window.pads_begin.assign(window.kernel.size(), 0);
  const bool average = op.kind == ir::PoolKind::average;
  return add_pool(plan, group,
                  average ? algorithm::pooling_avg_exclude_padding : algorithm::pooling_max, window,
                  window.pads_begin);
}

bool lower_lrn(Plan& plan, const FusedNode& group, const ir::Lrn& op) {
  const ValueId input = group.node->inputs[0];
  const Shape& shape = plan.graph().value(input).shape;
  if (op.size % 2 == 0 || op.alpha < 0 || !(op.bias > 0) || op.beta < 0 || shape.size() != 4 ||
      is_empty(shape)) {
    return false;
  }
  const Located x = plan.any(input);
  const dnnl::lrn_forward::desc desc(prop_kind::forward_inference, algorithm::lrn_across_channels,
                                     x.md, op.size, op.alpha, op.beta, op.bias);
  const dnnl::lrn_forward::primitive_desc pd(desc, attributes(), plan.engine());
  const Located y = plan.place(pd.dst_desc());
  const auto alpha = static_cast<double>(op.alpha), bias = static_cast<double>(op.bias);
  const double gain = std::pow(bias, -static_cast<double>(op.beta));
  Guard guard{{plan.ranged(input, x)}, [alpha, bias, gain](std::span<const double> in) {
                // The squares of a window are at most size * x^2, and alpha is divided by size.
                const double squares = in[0] * in[0] * std::max(1.0, alpha) + bias;
                return std::pair{std::max(squares, gain * in[0]), gain * in[0]};
              }};
  plan.add_dnnl(group.node->name, dnnl::lrn_forward(pd), pd.scratchpad_desc(),
                {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}}, {{group.output, y}}, std::move(guard));
  return true;
}

bool lower_norm(Plan& plan, const FusedNode& group, const ir::BatchNormalization& op) {
  const std::vector<ValueId>& in = group.node->inputs;
  const Shape& shape = plan.graph().value(in[0]).shape;
  if (shape.size() > 5 || is_empty(shape)) return false;
  for (std::size_t i = 1; i < 5; ++i) {
    if (!plan.is_constant(in[i])) return false;
  }
  const auto scale = plan.constant(in[1])->data<float>(),
             shift = plan.constant(in[2])->data<float>();
  const auto mean = plan.constant(in[3])->data<float>(), var = plan.constant(in[4])->data<float>();
  double gain = 0, offset = 0;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor = std::abs(static_cast<double>(scale[c]) /
                                   std::sqrt(static_cast<double>(var[c] + op.epsilon)));
    const double constant =
        factor * std::abs(static_cast<double>(mean[c])) + std::abs(static_cast<double>(shift[c]));
    gain = larger(gain, factor);
    offset = larger(offset, constant);
  }
  using Flags = dnnl::normalization_flags;
  Flags flags = Flags::use_global_stats | Flags::use_scale | Flags::use_shift;
  if (group.activation) flags = flags | Flags::fuse_norm_relu;
  const Located x = plan.any(in[0]);
  const dnnl::batch_normalization_forward::desc desc(prop_kind::forward_inference, x.md, op.epsilon,
                                                     flags);
  const dnnl::batch_normalization_forward::primitive_desc pd(desc, attributes(), plan.engine());
  const Located y = plan.dies_here(in[0], x) ? x : plan.place(pd.dst_desc());
  const auto parameter = [&](std::size_t i) { return plan.plain(in[i]); };
  Guard guard{{plan.ranged(in[0], x)}, [gain, offset](std::span<const double> bound) {
                const double worst = gain * bound[0] + offset;
                return std::pair{std::max(worst, bound[0]), worst};
              }};
  plan.add_dnnl(group.node->name, dnnl::batch_normalization_forward(pd), pd.scratchpad_desc(),
                {{DNNL_ARG_SRC, x},
                 {DNNL_ARG_DST, y},
                 {DNNL_ARG_SCALE, parameter(1)},
                 {DNNL_ARG_SHIFT, parameter(2)},
                 {DNNL_ARG_MEAN, parameter(3)},
                 {DNNL_ARG_VARIANCE, parameter(4)}},
                {{group.output, y}}, std::move(guard));
  return true;
}

bool lower_unary(Plan& plan, const FusedNode& group, const ir::Unary& op) {
  if (op.kind == ir::UnaryKind::identity) return lower_reshape(plan, group);
  const ValueId input = group.node->inputs[0];
  const ir::Value& value = plan.graph().value(input);
  const std::optional<Eltwise> eltwise = eltwise_of(op);
  if (value.dtype != DType::f32 || !eltwise || is_empty(value.shape)) return false;
  const Located x = plan.any(input);
  const dnnl::eltwise_forward::desc desc(prop_kind::forward_inference, eltwise->kind, x.md,
                                         eltwise->alpha, eltwise->beta);
  const dnnl::eltwise_forward::primitive_desc pd(desc, attributes(), plan.engine());
  const Located y = plan.dies_here(input, x) ? x : plan.place(pd.dst_desc());
  Guard guard{{plan.ranged(input, x)}, [op](std::span<const double> in) {
                const double out = activation_bound(op, in[0]);
                return std::pair{std::max(in[0], out), out};
              }};
  plan.add_dnnl(group.node->name, dnnl::eltwise_forward(pd), pd.scratchpad_desc(),
                {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}}, {{group.output, y}}, std::move(guard));
  return true;
}

bool lower_binary(Plan& plan, const FusedNode& group, const ir::Binary& op) {
  const ir::Graph& graph = plan.graph();
  ValueId a = group.node->inputs[0], b = group.node->inputs[1];
  const Shape& full = graph.value(group.output).shape;
  // A quotient's size is not bounded by its operands'.
  if (graph.value(a).dtype != DType::f32 || op.kind == ir::BinaryKind::div || full.empty() ||
      full.size() > 5 || is_empty(full)) {
    return false;
  }
  const bool commutes = op.kind != ir::BinaryKind::sub;
  if (commutes && graph.value(a).shape != full) std::swap(a, b);
  if (graph.value(a).shape != full) return false;
  const Shape part = lifted(graph.value(b).shape, full.size());
  const Located x = plan.any(a);
  Located other;
  if (part == full) {
    other = plan.as(b, x.md);
  } else if (is_per_channel(part, full)) {
    other = plan.plain(b);
    other.md = Plan::row_major(part);
  } else {
    return false;
  }
  dnnl::post_ops post;
  if (group.activation && !append_activation(post, *group.activation)) return false;
  const dnnl::binary::desc desc(algorithm_of(op.kind), x.md, other.md, x.md);
  const dnnl::binary::primitive_desc pd(desc, attributes(post), plan.engine());
  const bool in_place = plan.dies_here(a, x) && x.slot.storage != other.slot.storage;
  const Located y = in_place ? x : plan.place(x.md);
  const bool product = op.kind == ir::BinaryKind::mul;
  Guard guard{{plan.ranged(a, x), plan.ranged(b, other)},
              [product, activation = group.activation](std::span<const double> in) {
                const double worst = product ? in[0] * in[1] : in[0] + in[1];
                return std::pair{worst, activation_bound(activation, worst)};
              }};
  plan.add_dnnl(group.node->name, dnnl::binary(pd), pd.scratchpad_desc(),
                {{DNNL_ARG_SRC_0, x}, {DNNL_ARG_SRC_1, other}, {DNNL_ARG_DST, y}},
                {{group.output, y}}, std::move(guard));
  return true;
}

bool lower_concat(Plan& plan, const FusedNode& group, const ir::Concat& op) {
  const ir::Value& y = plan.graph().value(group.output);
  if (y.dtype != DType::f32 || y.shape.size() < 3 || y.shape.size() > 5 || is_empty(y.shape)) {
    return false;
  }
  std::vector<memory::desc> sources;
  bool blocked = false;
  for (ValueId input : group.node->inputs) {
    if (is_empty(plan.graph().value(input).shape)) return false;
    const Located at = plan.any(input);
    blocked = blocked || !at.plain;
    sources.push_back(at.md);
  }
  if (!blocked) return false;
  const auto axis = static_cast<int>(ir::normalize_axis(op.axis, y.shape.size()));
  if (axis == 1 && y.shape[0] == 1 && concat_blocks(plan, group)) return true;
  const dnnl::concat::primitive_desc pd(axis, sources, plan.engine(), attributes());
  const Located to = plan.place(pd.dst_desc());
  std::vector<Plan::Argument> arguments{{DNNL_ARG_DST, to}};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    arguments.push_back(
        {DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), plan.any(group.node->inputs[i])});
  }
  plan.add_dnnl(group.node->name, dnnl::concat(pd), pd.scratchpad_desc(), std::move(arguments),
                {{group.output, to}}, std::nullopt);
  return true;
}

bool lower_reshape(Plan& plan, const FusedNode& group) {
  const ir::Value& value = plan.graph().value(group.output);
  Located at = plan.plain(group.node->inputs[0]);
  if (at.slot.storage >= 0) plan.storage(at.slot.storage).shared = true;
  if (value.dtype == DType::f32) at.md = Plan::row_major(value.shape);
  Step step;
  step.name = group.node->name;
  step.uses = {at.slot};
  step.makes = {{group.output, at}};
  step.bind = [](const Addresses&) -> Action { return [] {}; };
  plan.add_step(std::move(step));
  return true;
}

bool lower_fast(Plan& plan, const FusedNode& group) {
  const ir::Op& op = group.node->op;
  if (const auto* conv = std::get_if<ir::Conv>(&op)) return lower_conv(plan, group, *conv);
  if (const auto* conv = std::get_if<ir::ConvTranspose>(&op)) {
    return lower_conv_transpose(plan, group, *conv);
  }
  if (const auto* pool = std::get_if<ir::Pool>(&op)) return lower_pool(plan, group, *pool);
  if (const auto* pool = std::get_if<ir::GlobalPool>(&op)) {
    return lower_global_pool(plan, group, *pool);
  }
  if (const auto* lrn = std::get_if<ir::Lrn>(&op)) return lower_lrn(plan, group, *lrn);
  if (const auto* norm = std::get_if<ir::BatchNormalization>(&op)) {
    return lower_norm(plan, group, *norm);
  }
  if (const auto* unary = std::get_if<ir::Unary>(&op)) return lower_unary(plan, group, *unary);
  if (const auto* binary = std::get_if<ir::Binary>(&op)) return lower_binary(plan, group, *binary);
  if (const auto* concat = std::get_if<ir::Concat>(&op)) return lower_concat(plan, group, *concat);
  if (const auto* gemm = std::get_if<ir::Gemm>(&op)) return lower_gemm(plan, group, *gemm);
  if (std::holds_alternative<ir::MatMul>(op)) return lower_matmul(plan, group);
  if (std::holds_alternative<ir::Flatten>(op) || std::holds_alternative<ir::Reshape>(op)) {
    return lower_reshape(plan, group);
  }
  return false;
}

}  // namespace syncopate::ref

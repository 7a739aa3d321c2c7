#include <cmath>
#include <cstring>
#include <memory>

#include "ref/float_parallel.h"
#include "ref/float_plan.h"
#include "ref/float_range.h"
#include "ref/float_weights.h"

namespace syncopate::ref {
namespace {

using dnnl::memory;
using ir::kNoValue;
using ir::ValueId;

/// Weights and bias of a convolution, batch normalization folded in.
struct Folded {
  std::vector<float> scale;  ///< Per output channel; empty when nothing is folded.
  Tensor bias;               ///< One element per output channel; empty for none.
  double gain = 0;           ///< Largest sum of magnitudes of an output channel's weights.
  double offset = 0;         ///< Largest magnitude of a bias.
};

Folded fold(const Plan& plan, const FusedNode& group, const Tensor& weights) {
  const auto outs = static_cast<std::size_t>(weights.shape()[0]);
  const std::vector<ValueId>& inputs = group.node->inputs;
  const Tensor* bias = inputs.size() > 2 ? plan.constant(inputs[2]) : nullptr;
  Folded folded;
  if (bias || group.norm) {
    folded.bias = bias ? *bias : Tensor(DType::f32, {weights.shape()[0]});
  }
  if (group.norm) {
    const auto parameter = [&](std::size_t i) {
      return plan.constant(group.norm->inputs[i])->data<float>();
    };
    const auto scale = parameter(1), shift = parameter(2), mean = parameter(3), var = parameter(4);
    const float epsilon = std::get<ir::BatchNormalization>(group.norm->op).epsilon;
    const auto values = folded.bias.mutable_data<float>();
    for (std::size_t m = 0; m < outs; ++m) {
      folded.scale.push_back(scale[m] / std::sqrt(var[m] + epsilon));
      values[m] = (values[m] - mean[m]) * folded.scale[m] + shift[m];
    }
  }
  if (folded.bias.size() > 0) {
    for (float b : folded.bias.data<float>()) {
      folded.offset = larger(folded.offset, std::abs(static_cast<double>(b)));
    }
  }
  return folded;
}

/// Notes the gain of weights and, when there is something folded in, writes them scaled.
void scale_rows(const Tensor& weights, Folded& folded, float* scaled) {
  const float* w = weights.data<float>().data();
  const bool scales = !folded.scale.empty();
  const std::int64_t rows = weights.shape()[0], row = weights.size() / rows;
  std::vector<float> sums(static_cast<std::size_t>(rows));
  parallel_each(rows, row, [&](std::int64_t m) {
    const auto at = static_cast<std::size_t>(m);
    sums[at] = scale_and_sum(w + m * row, row, scales ? folded.scale[at] : 1,
                             scales ? scaled + m * row : nullptr);
  });
  for (float sum : sums) folded.gain = larger(folded.gain, static_cast<double>(sum));
}

/// The weights as oneDNN wants them: in place when that is how they are, else packed. Notes the
/// gain.
Located pack(Plan& plan, ValueId value, Folded& folded, const memory::desc& from,
             const memory::desc& to) {
  const Tensor& weights = *plan.constant(value);
  const bool scales = !folded.scale.empty();
  float* scaled = scales ? plan.scratch(weights.size()) : nullptr;
  scale_rows(weights, folded, scaled);
  if (from == to && !scales) return {{-1, plan.constant_view(value).data}, to, false};
  std::byte* packed =
      plan.keep(Tensor::uninitialized(DType::u8, {static_cast<std::int64_t>(to.get_size())}));
  float* w = scales ? scaled : const_cast<float*>(weights.data<float>().data());
  memory source(from, plan.engine(), w);
  memory target(to, plan.engine(), packed);
  dnnl::reorder(source, target).execute(plan.stream(), source, target);
  plan.stream().wait();
  return {{-1, packed}, to, false};
}

/// The same in one pass, where the layout allows it.
Located pack_blocks_when_run(Plan& plan, const FusedNode& group, std::shared_ptr<Folded> folded,
                             OutputBlocks blocks, const memory::desc& to) {
  const Located packed = plan.place(to);
  Step step;
  step.name = group.node->name + " (weights)";
  step.uses = {packed.slot};
  const auto* weights =
      reinterpret_cast<const float*>(plan.constant_view(group.node->inputs[1]).data);
  step.bind = [weights, folded, blocks = std::move(blocks),
               packed](const Addresses& addresses) -> Action {
    auto* target = reinterpret_cast<float*>(addresses(packed.slot));
    return [weights, folded, blocks, target] {
      folded->gain = blocks.pack(weights, folded->scale, target);
    };
  };
  plan.add_step(std::move(step));
  return packed;
}

/// The same as a step of its own before the convolution, into memory that is free afterwards. The
/// gain is known once the step has run.
Located pack_when_run(Plan& plan, const FusedNode& group, std::shared_ptr<Folded> folded,
                      const memory::desc& from, const memory::desc& to) {
  if (auto blocks = OutputBlocks::of(to, plan.constant(group.node->inputs[1])->shape()[0])) {
    return pack_blocks_when_run(plan, group, std::move(folded), std::move(*blocks), to);
  }
  const ValueId value = group.node->inputs[1];
  auto* weights = reinterpret_cast<float*>(plan.constant_view(value).data);
  const bool scales = !folded->scale.empty();
  const Located packed = plan.place(to);
  Slot scaled;
  if (scales) scaled.storage = plan.add_storage(plan.constant(value)->bytes());
  const dnnl::reorder reorder(
      dnnl::reorder::primitive_desc(plan.engine(), from, plan.engine(), to));
  Step step;
  step.name = group.node->name + " (weights)";
  step.uses = {packed.slot};
  if (scales) step.uses.push_back(scaled);
  step.bind = [&plan, value, weights, folded, from, to, reorder, packed, scaled,
               scales](const Addresses& addresses) -> Action {
    auto* rows = scales ? reinterpret_cast<float*>(addresses(scaled)) : nullptr;
    memory source(from, plan.engine(), scales ? rows : weights);
    memory target(to, plan.engine(), addresses(packed.slot));
    return [&plan, value, folded, reorder, rows, source, target]() mutable {
      folded->gain = 0;
      scale_rows(*plan.constant(value), *folded, rows);
      reorder.execute(plan.stream(), source, target);
    };
  };
  plan.add_step(std::move(step));
  return packed;
}

memory::desc any_layout(const memory::dims& dims) {
  return {dims, memory::data_type::f32, memory::format_tag::any};
}

/// dilations as oneDNN counts them: 0 is dense.
memory::dims gaps(const ir::Ints& dilations) {
  memory::dims result = dilations;
  for (auto& d : result) --d;
  return result;
}

/// Dimensions of grouped weights: the first one split in two.
memory::dims grouped(const Shape& weights, std::int64_t group) {
  memory::dims dims = weights;
  if (group == 1) return dims;
  dims[0] /= group;
  dims.insert(dims.begin(), group);
  return dims;
}

/// A copy of the residual that the convolution may add its result to, in place.
Located accumulator(Plan& plan, ValueId residual, const memory::desc& md, const Slot& source) {
  const Located at = plan.as(residual, md);
  if (plan.dies_here(residual, at) && at.slot.storage != source.storage) return at;
  const Located copy = plan.place(md);
  const dnnl::reorder::primitive_desc pd(plan.engine(), md, plan.engine(), md, attributes());
  plan.add_dnnl("residual", dnnl::reorder(pd), pd.scratchpad_desc(),
                {{DNNL_ARG_FROM, at}, {DNNL_ARG_TO, copy}}, {}, std::nullopt);
  return copy;
}

bool usable(const Plan& plan, const ir::Node& node) {
  const bool bias = node.inputs.size() > 2 && node.inputs[2] != kNoValue;
  if (!plan.is_constant(node.inputs[1]) || (bias && !plan.is_constant(node.inputs[2]))) {
    return false;
  }
  return plan.graph().value(node.inputs[0]).shape[0] > 0 &&
         plan.constant(node.inputs[1])->size() > 0;
}

Guard conv_guard(const Plan& plan, const FusedNode& group, std::shared_ptr<const Folded> folded,
                 const Located& source, const Located& target) {
  Guard guard;
  guard.operands.push_back(plan.ranged(group.node->inputs[0], source));
  if (group.residual != kNoValue) guard.operands.push_back(plan.ranged(group.residual, target));
  guard.bound = [folded = std::move(folded),
                 activation = group.activation](std::span<const double> x) {
    double worst = folded->gain * x[0] + folded->offset;
    if (x.size() > 1) worst += x[1];
    return std::pair{worst, activation_bound(activation, worst)};
  };
  return guard;
}

/// What is applied to the sums of a convolution before they are stored.
bool post_operations(const FusedNode& group, dnnl::post_ops& post) {
  if (group.residual != kNoValue) post.append_sum(1.0F);
  return !group.activation || append_activation(post, *group.activation);
}

}  // namespace

bool lower_conv(Plan& plan, const FusedNode& group, const ir::Conv& op) {
  const ir::Node& node = *group.node;
  if (!usable(plan, node)) return false;
  dnnl::post_ops post;
  if (!post_operations(group, post)) return false;
  const Tensor& weights = *plan.constant(node.inputs[1]);
  const auto folded = std::make_shared<Folded>(fold(plan, group, weights));
  const bool biased = folded->bias.size() > 0;
  const memory::dims w_dims = grouped(weights.shape(), op.group);
  const memory::desc x_md = any_layout(plan.graph().value(node.inputs[0]).shape);
  const memory::desc y_md = any_layout(plan.graph().value(group.output).shape);
  const memory::desc b_md = biased ? Plan::row_major({weights.shape()[0]}) : memory::desc();
  const ir::Window& window = op.window;
  const dnnl::convolution_forward::desc desc(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_md,
      any_layout(w_dims), b_md, y_md, window.strides, gaps(window.dilations), window.pads_begin,
      window.pads_end);
  const dnnl::convolution_forward::primitive_desc pd(desc, attributes(post), plan.engine());

  const Located x = plan.as(node.inputs[0], pd.src_desc());
  const memory::desc stored = Plan::row_major(w_dims);
  const bool reordered = stored != pd.weights_desc() || !folded->scale.empty();
  const Located w = plan.runs() == Runs::once && reordered
                        ? pack_when_run(plan, group, folded, stored, pd.weights_desc())
                        : pack(plan, node.inputs[1], *folded, stored, pd.weights_desc());
  const Located y = group.residual == kNoValue
                        ? plan.place(pd.dst_desc())
                        : accumulator(plan, group.residual, pd.dst_desc(), x.slot);
  std::vector<Plan::Argument> arguments{
      {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}};
  if (biased) {
    arguments.push_back({DNNL_ARG_BIAS, {{-1, plan.keep(folded->bias)}, b_md, true}});
  }
  plan.add_dnnl(node.name, dnnl::convolution_forward(pd), pd.scratchpad_desc(),
                std::move(arguments), {{group.output, y}}, conv_guard(plan, group, folded, x, y));
  return true;
}

bool lower_conv_transpose(Plan& plan, const FusedNode& group, const ir::ConvTranspose& op) {
  const ir::Node& node = *group.node;
  if (!usable(plan, node)) return false;
  const Tensor& weights = *plan.constant(node.inputs[1]);
  const Shape& shape = weights.shape();
  memory::dims pads_end = op.window.pads_end;
  for (std::size_t d = 0; d < pads_end.size(); ++d) {
    pads_end[d] -= op.output_padding[d];
    if (pads_end[d] < 0) return false;
  }
  // ONNX has [C, M/group, kernel], oneDNN [group, M/group, C/group, kernel].
  memory::dims dims = shape;
  memory::dims strides = row_major_strides(shape);
  const std::int64_t ins = shape[0] / op.group;
  dims[0] = shape[1];
  dims[1] = ins;
  std::swap(strides[0], strides[1]);
  if (op.group > 1) {
    dims.insert(dims.begin(), op.group);
    strides.insert(strides.begin(), ins * strides[1]);
  }
  const memory::desc from(dims, memory::data_type::f32, strides);
  const Tensor* bias = node.inputs.size() > 2 ? plan.constant(node.inputs[2]) : nullptr;
  const memory::desc b_md = bias ? Plan::row_major(bias->shape()) : memory::desc();
  const dnnl::deconvolution_forward::desc desc(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct,
      any_layout(plan.graph().value(node.inputs[0]).shape), any_layout(dims), b_md,
      any_layout(plan.graph().value(group.output).shape), op.window.strides,
      gaps(op.window.dilations), op.window.pads_begin, pads_end);
  const dnnl::deconvolution_forward::primitive_desc pd(desc, attributes(), plan.engine());

  const auto folded = std::make_shared<Folded>();
  if (bias) {
    for (float b : bias->data<float>()) folded->offset += std::abs(static_cast<double>(b));
  }
  const Located x = plan.as(node.inputs[0], pd.src_desc());
  const Located w = pack(plan, node.inputs[1], *folded, from, pd.weights_desc());
  // Sums are per input channel here, of which an output may see all.
  folded->gain *= static_cast<double>(shape[0]);
  const Located y = plan.place(pd.dst_desc());
  std::vector<Plan::Argument> arguments{
      {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}};
  if (bias) {
    arguments.push_back(
        {DNNL_ARG_BIAS, {{-1, plan.constant_view(node.inputs[2]).data}, b_md, true}});
  }
  plan.add_dnnl(node.name, dnnl::deconvolution_forward(pd), pd.scratchpad_desc(),
                std::move(arguments), {{group.output, y}}, conv_guard(plan, group, folded, x, y));
  return true;
}

}  // namespace syncopate::ref

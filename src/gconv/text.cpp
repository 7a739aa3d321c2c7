#include <fmt/format.h>

#include "gconv/chain.h"
#include "gconv/text_parts.h"

namespace syncopate::gconv {
namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result + '"';
}

template <class Values>
std::string list(const Values& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

std::string tensor_line(const std::string& name, const TensorInfo& info) {
  std::string line =
      fmt::format("tensor {} {} elements={}", quoted(name), name_of(info.dtype), info.elements);
  if (info.scale != 0) {
    line += fmt::format(" scale={}", info.scale);
  }
  if (!info.channel_scale.empty()) {
    line += " channel_scale=" + list(info.channel_scale);
  }
  if (!info.shape.empty()) {
    line += " shape=" + list(info.shape);
  }
  if (!info.layout.empty()) {
    line += " layout=" + quoted(info.layout);
  }
  if (info.constant) {
    line += fmt::format(" const={:016x} const_shape={}", content_hash(*info.constant),
                        list(info.constant->shape()));
  }
  return line + '\n';
}

/// Only what differs from a default dimension.
std::string dim_line(const Dim& dim) {
  std::string line = "  dim " + quoted(dim.name);
  const Dim standard;
  const auto add = [&](std::string_view key, std::int64_t value, std::int64_t usual) {
    if (value != usual) {
      line += fmt::format(" {}={}", key, value);
    }
  };
  add("ng", dim.ng, standard.ng);
  add("nop", dim.nop, standard.nop);
  add("nopc", dim.nopc, standard.nopc);
  add("nks", dim.nks, standard.nks);
  add("stride", dim.stride, standard.stride);
  add("dilation", dim.dilation, standard.dilation);
  add("pad", dim.pad, standard.pad);
  add("nips", dim.nips, standard.nips);
  return line + '\n';
}

std::string view_line(std::string_view what, const View& view) {
  return fmt::format("  {} {} base={} strides={}\n", what, quoted(view.tensor), view.base,
                     list(view.strides));
}

std::string post_line(const PostOp& op) {
  switch (op.kind) {
    case PostOp::Kind::affine:
      return fmt::format("  affine scale={} bias={}\n", list(op.scale), list(op.bias));
    case PostOp::Kind::clamp:
      return fmt::format("  clamp low={} high={}\n", op.low, op.high);
    case PostOp::Kind::function:
      break;
  }
  return fmt::format("  function kind={} alpha={} beta={} gamma={}\n", name_of(op.function),
                     op.alpha, op.beta, op.gamma);
}

std::string fixed_line(const FixedPost& post) {
  std::string line =
      fmt::format("  fixed multiplier={} bias={} shift={} low={} high={}", list(post.multiplier),
                  list(post.bias), list(post.shift), post.low, post.high);
  if (post.table) {
    line += " table=" + list(*post.table);
  }
  return line + '\n';
}

std::string gconv_lines(const GConv& gconv) {
  std::string text = fmt::format("gconv {} layer={}", quoted(gconv.name), quoted(gconv.layer));
  if (!gconv.channel.empty()) {
    text += " channel=" + quoted(gconv.channel);
  }
  text += fmt::format(" pre={} main={} reduce={}", name_of(gconv.pre), name_of(gconv.main),
                      name_of(gconv.reduce));
  if (gconv.input_factor != 1 || gconv.kernel_factor != 1) {
    text +=
        fmt::format(" input_factor={} kernel_factor={}", gconv.input_factor, gconv.kernel_factor);
  }
  text += '\n';
  for (const Dim& dim : gconv.dims) {
    text += dim_line(dim);
  }
  text += view_line("in", gconv.input);
  if (gconv.kernel) {
    text += view_line("kernel", *gconv.kernel);
  }
  text += view_line("out", gconv.output);
  for (const PostOp& op : gconv.post) {
    text += post_line(op);
  }
  return gconv.fixed ? text + fixed_line(*gconv.fixed) : text;
}

}  // namespace

std::uint64_t content_hash(const Tensor& tensor) {
  std::uint64_t hash = 14695981039346656037U;
  for (const std::byte byte : tensor.raw()) {
    hash = (hash ^ static_cast<std::uint64_t>(byte)) * 1099511628211U;
  }
  return hash;
}

std::string to_text(const Chain& chain) {
  std::string text = fmt::format(
      "chain {} quantized={} synthetic={} weight_bits={} activation_bits={}\n", quoted(chain.name),
      int{chain.quantized}, int{chain.synthetic}, chain.weight_bits, chain.activation_bits);
  for (const std::string& input : chain.inputs) {
    text += "input " + quoted(input) + '\n';
  }
  for (const std::string& output : chain.outputs) {
    text += "output " + quoted(output) + '\n';
  }
  for (const auto& [name, info] : chain.tensors) {
    text += tensor_line(name, info);
  }
  for (const GConv& gconv : chain.gconvs) {
    text += gconv_lines(gconv);
  }
  return text;
}

}  // namespace syncopate::gconv

#include "gconv/follow.h"

#include <algorithm>

namespace syncopate::gconv {
namespace {

/// Output element i of the dimension reads input element i.
bool is_identity(const Dim& dim) {
  const bool one_to_one = dim.nop == 1 && dim.nks == 1 && dim.nips == dim.nopc && dim.pad == 0;
  return one_to_one && (dim.stride == 1 || dim.nopc == 1);
}

bool varies(const GConv& gconv) {
  const auto many = [](const auto& entries) { return entries.size() > 1; };
  for (const PostOp& op : gconv.post) {
    if (many(op.scale) || many(op.bias)) {
      return true;
    }
  }
  return gconv.fixed &&
         (many(gconv.fixed->multiplier) || many(gconv.fixed->bias) || many(gconv.fixed->shift));
}

}  // namespace

bool follows(const GConv& first, const GConv& next) {
  if (next.pre != Pre::none || next.main != Main::none || next.reduce != Reduce::none ||
      next.input.tensor != first.output.tensor || next.input.base != first.output.base) {
    return false;
  }
  std::int64_t shared = 1, read = 1, written = 1;
  for (std::size_t d = 0; d < next.dims.size(); ++d) {
    const Dim& dim = next.dims[d];
    if (!is_identity(dim)) {
      return false;
    }
    read *= dim.inputs();
    const int other = first.dim_index(dim.name);
    if (dim.inputs() == 1 || other < 0) {
      continue;
    }
    const auto o = static_cast<std::size_t>(other);
    if (first.dims[o].outputs() != dim.inputs() ||
        first.output.strides[o] != next.input.strides[d]) {
      return false;
    }
    shared *= dim.inputs();
  }
  for (const Dim& dim : first.dims) {
    written *= dim.outputs();
  }
  if (shared != read || shared != written) {
    return false;
  }
  if (!varies(next)) {
    return true;
  }
  const bool same_channel = first.channel == next.channel || !varies(first);
  return same_channel && first.dim_index(next.channel) >= 0;
}

bool has_one_form(const std::vector<PostOp>& first, const std::vector<PostOp>& second) {
  int last = 0;  // affine 0, clamp 1, function 2
  for (const std::vector<PostOp>* list : {&first, &second}) {
    for (const PostOp& op : *list) {
      const int kind = op.kind == PostOp::Kind::affine ? 0 : op.kind == PostOp::Kind::clamp ? 1 : 2;
      if (kind < last || (kind == 2 && last == 2)) {
        return false;
      }
      last = kind;
    }
  }
  return true;
}

}  // namespace syncopate::gconv

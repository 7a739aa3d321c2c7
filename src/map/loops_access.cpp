#include <algorithm>

#include "map/normalizer.h"

namespace syncopate::map {
namespace {

using gconv::Dim;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

}  // namespace

std::int64_t extent(const Dim& dim, Part part) {
  switch (part) {
    case Part::group:
      return dim.ng;
    case Part::kernel:
      return dim.nop;
    case Part::position:
      return dim.nopc;
    case Part::window:
      return dim.nks;
  }
  return 1;
}

std::array<std::int64_t, 2> valid_positions(const Dim& dim) {
  const std::int64_t first = std::clamp<std::int64_t>(ceil_div(dim.pad, dim.stride), 0, dim.nopc);
  const std::int64_t last =
      std::clamp<std::int64_t>(ceil_div(dim.nips + dim.pad, dim.stride), first, dim.nopc);
  return {first, last};
}

void simplify(Access& access) {
  std::vector<Access::Axis> merged;
  for (const Access::Axis& axis : access.axes) {
    if (axis.extent == 1 && axis.whole()) continue;
    if (!merged.empty() && axis.whole()) {
      Access::Axis& outer = merged.back();
      if (outer.whole() && outer.stride == axis.stride * axis.extent) {
        outer = {outer.extent * axis.extent, axis.stride, 0, outer.extent * axis.extent};
        continue;
      }
    }
    merged.push_back(axis);
  }
  access.axes = std::move(merged);
}

std::int64_t Normalizer::count(const std::vector<Atom>& atoms) const {
  std::int64_t product = 1;
  for (Atom atom : atoms) product *= extent(dim(atom), atom.part);
  return product;
}

void Normalizer::add_input(Access& access, const std::vector<Atom>& atoms) const {
  for (Atom atom : atoms) {
    const Dim& d = dim(atom);
    const std::int64_t step = gconv_.input.strides[atom.dim];
    const std::int64_t n = extent(d, atom.part);
    Access::Axis axis{n, 0, 0, n};
    if (atom.part == Part::group) axis.stride = d.nips * step;
    if (atom.part == Part::window) axis.stride = d.dilation * step;
    if (atom.part == Part::position) {
      axis.stride = d.stride * step;
      if (d.nks == 1) {
        const auto [first, last] = valid_positions(d);
        axis.first = first;
        axis.last = last;
      }
    }
    access.axes.push_back(axis);
  }
}

void Normalizer::add_kernel(Access& access, const std::vector<Atom>& atoms) const {
  for (Atom atom : atoms) {
    const Dim& d = dim(atom);
    const std::int64_t step = gconv_.kernel->strides[atom.dim];
    const std::int64_t n = extent(d, atom.part);
    Access::Axis axis{n, 0, 0, n};
    if (atom.part == Part::group) axis.stride = d.nop * d.nks * step;
    if (atom.part == Part::kernel) axis.stride = d.nks * step;
    if (atom.part == Part::window) axis.stride = step;
    access.axes.push_back(axis);
  }
}

void Normalizer::add_output(Access& access, const std::vector<Atom>& atoms) const {
  for (Atom atom : atoms) {
    const Dim& d = dim(atom);
    const std::int64_t step = gconv_.output.strides[atom.dim];
    const std::int64_t n = extent(d, atom.part);
    Access::Axis axis{n, 0, 0, n};
    if (atom.part == Part::group) axis.stride = d.nop * d.nopc * step;
    if (atom.part == Part::kernel) axis.stride = d.nopc * step;
    if (atom.part == Part::position) axis.stride = step;
    access.axes.push_back(axis);
  }
}

Access Normalizer::input_access() const {
  Access access{gconv_.input.tensor, gconv_.input.base, {}};
  // Outside sliding slots the padding is part of the address of the first element.
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    const bool sliding = std::any_of(slots_.begin(), slots_.end(),
                                     [&](const Slot& slot) { return slot.sliding == d; });
    if (!sliding) access.base -= gconv_.dims[d].pad * gconv_.input.strides[d];
  }
  add_input(access, batch_);
  for (const Slot& slot : slots_) {
    if (slot.sliding) {
      const std::int64_t n = gconv_.dims[*slot.sliding].nips;
      access.axes.push_back({n, gconv_.input.strides[*slot.sliding], 0, n});
    }
    add_input(access, slot.outputs);
    add_input(access, slot.reduced);
  }
  add_input(access, kind_ == WorkKind::conv ? group_ : outs_);
  add_input(access, ins_);
  simplify(access);
  return access;
}

/// The one stride with which the kernel follows a list of atoms; InputError when it takes several.
std::int64_t Normalizer::single_stride(const std::vector<Atom>& atoms) const {
  Access access{gconv_.kernel->tensor, 0, {}};
  add_kernel(access, atoms);
  simplify(access);
  if (access.axes.size() > 1) {
    fail("'{}' (layer '{}') reads its weights in an order that no single stride describes",
         gconv_.name, gconv_.layer);
  }
  return access.axes.empty() ? 0 : access.axes[0].stride;
}

KernelStrides Normalizer::kernel_access() const {
  KernelStrides strides;
  if (!gconv_.kernel || kind_ == WorkKind::elementwise) return strides;
  strides.base = gconv_.kernel->base;
  strides.group = single_stride(group_);
  strides.out = single_stride(outs_);
  strides.in = single_stride(ins_);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    std::vector<Atom> atoms = slots_[i].reduced;
    if (slots_[i].sliding) atoms.push_back({*slots_[i].sliding, Part::window});
    strides.kernel[i] = single_stride(atoms);
  }
  return strides;
}

Access Normalizer::second_access() const {
  if (!gconv_.kernel || kind_ != WorkKind::elementwise) return {};
  Access access{gconv_.kernel->tensor, gconv_.kernel->base, {}};
  add_kernel(access, batch_);
  for (const Slot& slot : slots_) add_kernel(access, slot.outputs);
  add_kernel(access, outs_);
  simplify(access);
  return access;
}

Access Normalizer::output_access() const {
  Access access{gconv_.output.tensor, gconv_.output.base, {}};
  add_output(access, batch_);
  for (const Slot& slot : slots_) {
    if (slot.sliding) add_output(access, {{*slot.sliding, Part::position}});
    add_output(access, slot.outputs);
  }
  add_output(access, group_);
  add_output(access, outs_);
  simplify(access);
  return access;
}

std::int64_t Access::elements() const {
  std::int64_t product = tensor.empty() ? 0 : 1;
  for (const Axis& axis : axes) product *= axis.extent;
  return product;
}

std::int64_t Access::address(std::int64_t position) const {
  std::int64_t result = base;
  for (std::size_t a = axes.size(); a-- > 0;) {
    const std::int64_t index = position % axes[a].extent;
    position /= axes[a].extent;
    if (index < axes[a].first || index >= axes[a].last) return -1;
    result += index * axes[a].stride;
  }
  return result;
}

bool Access::contiguous() const {
  if (axes.empty()) return !tensor.empty();
  return axes.size() == 1 && axes[0].stride == 1 && axes[0].whole();
}

}  // namespace syncopate::map

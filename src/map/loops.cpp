#include "map/loops.h"

#include <algorithm>
#include <optional>

namespace syncopate::map {
namespace {

using gconv::Dim;
using gconv::GConv;

enum class Part : std::uint8_t { group, kernel, position, window };  // g, op, opc, ks

/// One of the four indices of one dimension.
struct Atom {
  std::size_t dim;
  Part part;
};

/// What one spatial slot {T, H or W} walks: a sliding dimension, or atoms that are either all
/// outputs or all reduced.
struct Slot {
  std::optional<std::size_t> sliding;
  std::vector<Atom> outputs, reduced;
  bool empty() const { return !sliding && outputs.empty() && reduced.empty(); }
};

bool constant(const gconv::Chain& chain, const GConv& gconv) {
  return gconv.kernel && chain.tensor(gconv.kernel->tensor).constant.has_value();
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/// Outputs [first, last) whose input pixel exists, for a dimension with kernel size 1.
std::array<std::int64_t, 2> valid_positions(const Dim& dim) {
  const std::int64_t first = std::clamp<std::int64_t>(ceil_div(dim.pad, dim.stride), 0, dim.nopc);
  const std::int64_t last =
      std::clamp<std::int64_t>(ceil_div(dim.nips + dim.pad, dim.stride), first, dim.nopc);
  return {first, last};
}

/// The window moves, or sees padding: the dimension needs a spatial slot of its own.
bool slides(const Dim& dim) {
  if (dim.nks == 1) {
    const auto [first, last] = valid_positions(dim);
    return first != 0 || last != dim.nopc;
  }
  return dim.nopc > 1 || dim.pad != 0 || (dim.nks - 1) * dim.dilation >= dim.nips;
}

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

/// Drops axes of one element and merges neighbors that continue each other.
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

/// Assigns every index of every dimension to an axis of the normalized loops.
class Normalizer {
 public:
  Normalizer(const gconv::Chain& chain, const GConv& gconv) : chain_(chain), gconv_(gconv) {}
  Normalized run();

 private:
  WorkKind kind() const;
  void place_conv();
  void place_window();
  void place_elementwise();
  void place_sliding(std::size_t dim);
  void place_free(Atom atom);
  void place_reduced(Atom atom, bool merge);
  std::optional<std::size_t> free_slot(std::size_t dim) const;
  std::optional<std::size_t> channel_dim(bool sliding_allowed) const;
  bool depthwise_reduction(std::size_t dim) const;

  std::int64_t count(const std::vector<Atom>& atoms) const;
  void add_input(Access& access, const std::vector<Atom>& atoms) const;
  void add_kernel(Access& access, const std::vector<Atom>& atoms) const;
  void add_output(Access& access, const std::vector<Atom>& atoms) const;
  void fill_space(Loops& loops) const;
  Access input_access() const;
  Access second_access() const;
  KernelStrides kernel_access() const;
  std::int64_t single_stride(const std::vector<Atom>& atoms) const;
  bool mergeable_ins() const;
  Access output_access() const;
  const Dim& dim(Atom atom) const { return gconv_.dims[atom.dim]; }

  const gconv::Chain& chain_;
  const GConv& gconv_;
  WorkKind kind_ = WorkKind::conv;
  std::vector<Atom> batch_, group_, outs_, ins_;
  std::array<Slot, 3> slots_;
};

WorkKind Normalizer::kind() const {
  // A window of one position reduces nothing, unless some windows see only padding.
  const bool reduces = std::any_of(gconv_.dims.begin(), gconv_.dims.end(), [&](const Dim& d) {
    return d.nks > 1 || (gconv_.reduce == gconv::Reduce::max && slides(d));
  });
  const bool multiplies = gconv_.main == gconv::Main::mul && constant(chain_, gconv_);
  if (multiplies && gconv_.reduce == gconv::Reduce::add) return WorkKind::conv;
  const bool sums = gconv_.main == gconv::Main::add || gconv_.main == gconv::Main::sub;
  const bool padded = std::any_of(gconv_.dims.begin(), gconv_.dims.end(), slides);
  if (!reduces && sums && padded) {
    fail("'{}' (layer '{}') adds two operands of which one is padded; pad it in a step of its own",
         gconv_.name, gconv_.layer);
  }
  if (!reduces) return WorkKind::elementwise;
  if (gconv_.main == gconv::Main::none) return WorkKind::window;
  fail(
      "'{}' (layer '{}') reduces a combination of two activations, or of a constant with another "
      "operation than multiplication; array machines execute convolutions with constant weights, "
      "windows of one operand, and elementwise work",
      gconv_.name, gconv_.layer);
}

/// The slot a dimension's name asks for, else any empty one.
std::optional<std::size_t> Normalizer::free_slot(std::size_t dim) const {
  constexpr std::string_view kNames[] = {"T", "H", "W"};
  const auto named = std::find(std::begin(kNames), std::end(kNames), gconv_.dims[dim].name);
  const auto wanted = static_cast<std::size_t>(named - std::begin(kNames));
  if (wanted < slots_.size() && slots_[wanted].empty()) return wanted;
  for (std::size_t slot = slots_.size(); slot-- > 0;) {
    if (slots_[slot].empty()) return slot;
  }
  return std::nullopt;
}

void Normalizer::place_sliding(std::size_t dim) {
  const auto slot = free_slot(dim);
  if (!slot) {
    fail("'{}' (layer '{}') slides over more than three dimensions; array machines have T, H and W",
         gconv_.name, gconv_.layer);
  }
  slots_[*slot].sliding = dim;
}

/// An output index that moves the input and no window: a pixel, or a part of the batch.
void Normalizer::place_free(Atom atom) {
  if (extent(dim(atom), atom.part) == 1) return;
  const auto slot = free_slot(atom.dim);
  if (dim(atom).name == "B" || atom.part != Part::position || !slot) {
    batch_.push_back(atom);
  } else {
    slots_[*slot].outputs.push_back(atom);
  }
}

/// An index summed over without sliding.
void Normalizer::place_reduced(Atom atom, bool merge) {
  if (extent(dim(atom), atom.part) == 1) return;
  if (const auto slot = free_slot(atom.dim)) {
    slots_[*slot].reduced.push_back(atom);
    return;
  }
  for (Slot& slot : slots_) {
    if (merge && !slot.reduced.empty()) {
      slot.reduced.push_back(atom);
      return;
    }
  }
  fail("'{}' (layer '{}') has too many reduced dimensions beside its windows", gconv_.name,
       gconv_.layer);
}

/// A reduction over a whole map, one kernel per channel: a window, not shared inputs.
bool Normalizer::depthwise_reduction(std::size_t dim) const {
  std::int64_t groups = 1, kernels = 1;
  for (const Dim& d : gconv_.dims) {
    groups *= d.ng;
    kernels *= d.nop;
  }
  return groups > 1 && kernels == 1 && gconv_.dims[dim].ng == 1;
}

void Normalizer::place_conv() {
  const bool has_windows = std::any_of(gconv_.dims.begin(), gconv_.dims.end(), slides);
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    if (slides(gconv_.dims[d])) place_sliding(d);
  }
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    const Dim& dim = gconv_.dims[d];
    const bool spatial = dim.name == "T" || dim.name == "H" || dim.name == "W";
    if (dim.ng > 1 && gconv_.kernel->strides[d] == 0) {
      place_free({d, Part::group});
    } else if (dim.ng > 1) {
      group_.push_back({d, Part::group});
    }
    if (dim.nop > 1) outs_.push_back({d, Part::kernel});
    if (slides(dim)) continue;
    place_free({d, Part::position});
    if (dim.nks == 1) continue;
    const bool inside_window = has_windows && spatial && dim.ng == 1 && dim.nop == 1;
    if ((inside_window && free_slot(d)) || depthwise_reduction(d)) {
      place_reduced({d, Part::window}, true);
    } else {
      ins_.push_back({d, Part::window});
    }
  }
  // The order in which the weights lie, so that they can be used where they are.
  std::stable_sort(ins_.begin(), ins_.end(), [&](Atom a, Atom b) {
    return gconv_.kernel->strides[a.dim] > gconv_.kernel->strides[b.dim];
  });
  // Weights with gaps: maps become kernel windows, channels stay inputs.
  for (std::size_t i = ins_.size(); i-- > 0 && !mergeable_ins();) {
    const Dim& d = dim(ins_[i]);
    if (d.ng > 1 || d.nop > 1 || !free_slot(ins_[i].dim)) continue;
    place_reduced(ins_[i], false);
    ins_.erase(ins_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

/// One stride leads through all weights of an output.
bool Normalizer::mergeable_ins() const {
  Access access;
  add_kernel(access, ins_);
  simplify(access);
  return access.axes.size() <= 1;
}

/// The dimension whose elements the lanes share out: the declared channel, "C", or the largest.
std::optional<std::size_t> Normalizer::channel_dim(bool sliding_allowed) const {
  std::optional<std::size_t> best;
  std::int64_t best_rank = 0;
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    const Dim& dim = gconv_.dims[d];
    std::int64_t size = dim.ng * dim.nop;
    if (dim.nks == 1) size *= dim.nopc;
    if ((slides(dim) && !sliding_allowed) || size == 1) continue;
    if (dim.name == gconv_.channel)
      size = INT64_MAX;
    else if (dim.name == "C")
      size = INT64_MAX - 1;
    else if (dim.name == "B")
      size = 2;  // Better than nothing.
    if (size >= best_rank) {
      best = d;
      best_rank = size;
    }
  }
  return best;
}

void Normalizer::place_window() {
  const auto channel = channel_dim(false);
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    if (slides(gconv_.dims[d])) place_sliding(d);
  }
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    const Dim& dim = gconv_.dims[d];
    std::vector<Atom> moved = {{d, Part::group}, {d, Part::kernel}};
    if (!slides(dim)) moved.push_back({d, Part::position});
    for (Atom atom : moved) {
      if (d == channel) {
        outs_.push_back(atom);
      } else if (!slides(dim) && dim.nks == 1) {
        place_free(atom);
      } else if (extent(dim, atom.part) > 1) {
        batch_.push_back(atom);
      }
    }
  }
  // Reductions last: they can share a slot, pixels cannot.
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    if (!slides(gconv_.dims[d])) place_reduced({d, Part::window}, true);
  }
}

void Normalizer::place_elementwise() {
  const auto channel = channel_dim(true);
  for (std::size_t d = 0; d < gconv_.dims.size(); ++d) {
    const std::vector<Atom> atoms = {{d, Part::group}, {d, Part::kernel}, {d, Part::position}};
    const auto slot = free_slot(d);
    std::vector<Atom>& target =
        d == channel
            ? outs_
            : (gconv_.dims[d].name == "B" || !slot || count(atoms) == 1 ? batch_
                                                                        : slots_[*slot].outputs);
    target.insert(target.end(), atoms.begin(), atoms.end());
  }
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

void Normalizer::fill_space(Loops& loops) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].sliding) {
      const Dim& d = gconv_.dims[*slots_[i].sliding];
      loops.out[i] = d.nopc;
      loops.in[i] = d.nips;
      loops.kernel[i] = d.nks;
      loops.stride[i] = d.stride;
      loops.dilation[i] = d.dilation;
      loops.pad[i] = d.pad;
    } else {
      loops.out[i] = count(slots_[i].outputs);
      loops.kernel[i] = count(slots_[i].reduced);
      loops.in[i] = loops.out[i] * loops.kernel[i];
    }
  }
}

Normalized Normalizer::run() {
  kind_ = kind();
  if (kind_ == WorkKind::conv) place_conv();
  if (kind_ == WorkKind::window) place_window();
  if (kind_ == WorkKind::elementwise) place_elementwise();
  Normalized result;
  Loops& loops = result.loops;
  loops.batch = count(batch_);
  loops.groups = count(group_);
  loops.outs = count(outs_);
  loops.ins = count(ins_);
  fill_space(loops);
  if (loops.outs == 1 && loops.ins == 1 && loops.groups > 1) {
    kind_ = WorkKind::window;
    std::swap(group_, outs_);
    std::swap(loops.groups, loops.outs);
  }
  loops.kind = kind_;
  loops.weights = constant(chain_, gconv_);
  loops.second_operand = gconv_.kernel && !loops.weights;
  if (loops.pairs() != gconv_.work()) {
    broken("'{}' has {} operations, its loops {}", gconv_.name, gconv_.work(), loops.pairs());
  }
  result.input = input_access();
  result.second = second_access();
  result.kernel = kernel_access();
  result.output = output_access();
  return result;
}

}  // namespace

std::int64_t Access::elements() const {
  std::int64_t product = tensor.empty() ? 0 : 1;
  for (const Axis& axis : axes) product *= axis.extent;
  return product;
}

bool Access::contiguous() const {
  if (axes.empty()) return !tensor.empty();
  return axes.size() == 1 && axes[0].stride == 1 && axes[0].whole();
}

Normalized normalize(const gconv::Chain& chain, const GConv& gconv) {
  return Normalizer(chain, gconv).run();
}

Loops loops_of(const gconv::Chain& chain, const GConv& gconv) {
  return normalize(chain, gconv).loops;
}

KernelStrides kernel_strides(const gconv::Chain& chain, const GConv& gconv) {
  return normalize(chain, gconv).kernel;
}

}  // namespace syncopate::map

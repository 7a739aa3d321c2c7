#include "map/loops.h"

#include <algorithm>

#include "map/normalizer.h"

namespace syncopate::map {

using gconv::Dim;
using gconv::GConv;

namespace {

bool constant(const gconv::Chain& chain, const GConv& gconv) {
  return gconv.kernel && chain.tensor(gconv.kernel->tensor).constant.has_value();
}

/// The window moves, or sees padding: the dimension needs a spatial slot of its own.
bool slides(const Dim& dim) {
  if (dim.nks == 1) {
    const auto [first, last] = valid_positions(dim);
    return first != 0 || last != dim.nopc;
  }
  return dim.nopc > 1 || dim.pad != 0 || (dim.nks - 1) * dim.dilation >= dim.nips;
}

}  // namespace

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
  if (kind_ == WorkKind::conv && gconv_.pre != gconv::Pre::none) {
    fail(
        "'{}' (layer '{}') changes its input before it convolves it; array machines convolve what "
        "is stored, so do that in a step of its own",
        gconv_.name, gconv_.layer);
  }
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

Normalized normalize(const gconv::Chain& chain, const GConv& gconv) {
  return Normalizer(chain, gconv).run();
}

Access post_channels(const gconv::Chain& chain, const GConv& gconv) {
  // The output's own layout, with addresses that count along one dimension only.
  GConv numbered = gconv;
  numbered.output.base = 0;
  for (std::size_t d = 0; d < gconv.dims.size(); ++d) {
    numbered.output.strides[d] = gconv.dims[d].name == gconv.channel ? 1 : 0;
  }
  return normalize(chain, numbered).output;
}

Loops loops_of(const gconv::Chain& chain, const GConv& gconv) {
  return normalize(chain, gconv).loops;
}

KernelStrides kernel_strides(const gconv::Chain& chain, const GConv& gconv) {
  return normalize(chain, gconv).kernel;
}

}  // namespace syncopate::map

#pragma once

#include <array>
#include <optional>
#include <vector>

#include "map/loops.h"

// Internal to map/: how loops.cpp and loops_access.cpp share the work. loops.cpp decides which axis
// of the normalized loops each index of each dimension belongs to; loops_access.cpp turns that into
// addresses.

namespace syncopate::map {

/// The four indices of a dimension: g, op, opc and ks of the definition in gconv/chain.h.
enum class Part : std::uint8_t { group, kernel, position, window };

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

/// Extent of one index.
std::int64_t extent(const gconv::Dim& dim, Part part);
/// Outputs [first, last) whose input pixel exists, for a dimension with kernel size 1.
std::array<std::int64_t, 2> valid_positions(const gconv::Dim& dim);
/// Drops axes of one element and merges neighbors that continue each other.
void simplify(Access& access);

/// Assigns every index of every dimension to an axis of the normalized loops.
class Normalizer {
 public:
  Normalizer(const gconv::Chain& chain, const gconv::GConv& gconv) : chain_(chain), gconv_(gconv) {}
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
  const gconv::Dim& dim(Atom atom) const { return gconv_.dims[atom.dim]; }

  const gconv::Chain& chain_;
  const gconv::GConv& gconv_;
  WorkKind kind_ = WorkKind::conv;
  std::vector<Atom> batch_, group_, outs_, ins_;
  std::array<Slot, 3> slots_;
};

}  // namespace syncopate::map

#pragma once

#include <cstdint>
#include <vector>

#include "gconv/chain.h"
#include "ref/dot_tile.h"

namespace syncopate::ref {

/// The activations of a convolution as the tile kernels want them: with their padding, dense, and
/// split (see Split).
class DigitPlane {
 public:
  DigitPlane(const gconv::GConv& gconv, Split split);

  Split split() const { return split_; }
  /// Elements of one plane; the second plane, if any, follows the first one.
  std::int64_t elements() const { return elements_; }
  /// Elements to reserve: the planes and what pairs may read past their end.
  std::size_t reserve() const;
  /// `gconv` reading from the plane, where windows never leave their input; its input starts with
  /// the first tap of position 0.
  gconv::GConv on_plane(gconv::GConv gconv) const;

  /// Where the planes are once filled.
  struct Filled {
    const std::int16_t* first = nullptr;
    const void* second = nullptr;  ///< Never null once filled: tiles step along it, read or not.
  };
  /// Gathers `input` into `plane`, in parallel. Whole values that lie in the input as they would in
  /// the plane are not copied when `in_place` says that nothing is read past their end.
  Filled fill(const Tensor& input, bool in_place, std::int16_t* plane) const;

 private:
  /// An axis of the plane; indices outside [valid_begin, valid_end) are padding.
  struct Axis {
    std::int64_t extent = 1, input = 0, plane = 0;
    std::int64_t valid_begin = 0, valid_end = 1;
    bool whole() const { return valid_begin == 0 && valid_end == extent; }
  };

  void merge_inner_axes();
  bool lies_like_input() const;
  template <class T>
  void fill_row(const T* input, std::int64_t row, std::int16_t* plane) const;
  template <class T>
  void fill_rows(const T* input, std::int16_t* plane) const;

  Split split_;
  std::int64_t elements_ = 1;
  std::int64_t input_base_ = 0;
  std::vector<std::int64_t> steps_;
  std::vector<Axis> axes_;       ///< Outermost first; the last one is a row.
  std::int64_t contiguous_ = 1;  ///< Elements side by side at each index of the last axis.
};

}  // namespace syncopate::ref

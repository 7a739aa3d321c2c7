#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::ref {

/// The integer post of one GCONV, laid out for applying it to rows of exact sums. Equal to
/// gconv::apply, many elements at a time.
class PostRow {
 public:
  /// A post by channel: one entry each, or a single one.
  struct Channels {
    std::vector<std::int64_t> multiplier, bias, shift;
    std::vector<std::int64_t> half;  ///< Half of 2^shift, less 1; 0 without shift.
    std::vector<std::int64_t> odd;   ///< Selects the parity that decides ties; 0 without shift.
    std::int64_t low = 0, high = 0;
  };

  /// `post` is null when sums are kept exactly; it must outlive this object.
  explicit PostRow(const gconv::FixedPost* post);

  /// Whether it gives every channel the same result.
  bool uniform() const { return channels_.multiplier.size() <= 1; }
  /// Whether every value of `dtype` is its own result.
  bool keeps(DType dtype) const;

  /// Writes the results for `sums`, element i belonging to channel `channel + i*step`, to
  /// out[i*out_step] of an i8, i16 or i64 array. Narrow types must hold the results.
  void apply(std::span<const std::int64_t> sums, std::int64_t channel, std::int64_t step,
             DType dtype, void* out, std::int64_t out_step) const;

  /// The same for several rows of `count` sums, `pitch` apart, of the same channels: row r goes to
  /// out[r]. Faster than row by row, as a channel's numbers are loaded once for all.
  void apply_rows(const std::int64_t* sums, std::int64_t pitch, std::size_t count,
                  std::int64_t channel, std::int64_t step, DType dtype, std::span<void* const> out,
                  std::int64_t out_step) const;

 private:
  void scale(std::span<const std::int64_t> sums, std::int64_t channel, std::int64_t step,
             std::int64_t* result) const;

  const gconv::FixedPost* post_;
  Channels channels_;
};

}  // namespace syncopate::ref

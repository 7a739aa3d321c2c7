#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/tensor.h"

// Local quantization: weights as indices into codebooks of sub-matrices (notes on Cambricon-S,
// section 3.3), and plain uniform quantization beside it.

namespace syncopate::codec {

/// How a tensor is clustered.
struct CodebookOptions {
  int bits = 4;  ///< 2^bits entries for non-zero weights, 1 to 12.
  /// Extent of the first dimension that shares a codebook; 0: the whole tensor [assumed: the
  /// sub-matrix size of the paper is unknown].
  std::int64_t rows_per_book = 0;
  /// Weighs the ideal code length of an entry's index against the squared error, in units of the
  /// mean square of the non-zero weights per bit: frequent entries win what lies between, rare ones
  /// vanish, and small weights may become zero where there are zeros. 0: nearest entry.
  double rate = 0;
};

/// A tensor as codebooks and an assignment. Retraining keeps the assignment and changes entries.
struct Codebooks {
  Shape shape;
  std::int64_t rows_per_book = 0;
  /// Entries of each codebook, ascending. Weights that are zero stay zero: where there are any,
  /// zero is an entry of its own, beyond the 2^bits.
  std::vector<std::vector<float>> books;
  std::vector<std::int32_t> assignment;  ///< Entry of each weight, row-major.

  /// Codebook of an element.
  std::size_t book_of(std::size_t element) const;
};

/// Clusters every sub-matrix by k-means in one dimension (Lloyd's algorithm on sorted values, from
/// entries spread evenly over the range and from quantiles; the better result is kept). With a rate
/// entropy-constrained rounds follow (Chou, Lookabaugh and Gray 1989, in one dimension).
/// Deterministic. InputError for bits outside 1 to 12, values that are not finite, or a tensor that
/// is not f32.
Codebooks cluster(const Tensor& weights, const CodebookOptions& options);

/// As `cluster`, of weights that have moved a little since they were clustered: one round (of
/// Lloyd's algorithm, or entropy-constrained) on from the entries that `before` uses and how often
/// it does, where beginning anew might find another optimum. Entries may become fewer, not more.
Codebooks cluster_again(const Tensor& weights, const CodebookOptions& options, Codebooks before);

/// The codebooks of weights that are clustered already: every distinct value is an entry.
Codebooks read_codebooks(const Tensor& clustered, std::int64_t rows_per_book);

/// The weights that codebooks stand for.
Tensor expand(const Codebooks& codebooks);

/// Sum of `gradient` (one per weight) over the weights of each entry: the gradient of the entries
/// under a fixed assignment.
std::vector<std::vector<double>> entry_sums(const Codebooks& codebooks,
                                            std::span<const float> gradient);

/// Sum of squared differences over the sum of squares; 0 for a tensor of zeros.
double relative_error(std::span<const float> original, std::span<const float> changed);

/// The fewest bits (1 to `most`) with which clustering keeps relative_error within `tolerance`;
/// `most` when none does.
int bits_for_error(const Tensor& weights, CodebookOptions options, double tolerance, int most);

/// Uniform, symmetric: weight = integer * scale, integers of `bits` bits without the most negative
/// one, rounded half to even.
struct Uniform {
  float scale = 1;
  std::vector<std::int32_t> integers;
};
Uniform quantize_uniform(const Tensor& weights, int bits);

}  // namespace syncopate::codec

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "codec/bytes.h"

// Index formats of sparse matrices: where the stored values are. Sizes are exact, so that pruning
// methods can be compared by what their index costs (docs/rationale/codec.md).

namespace syncopate::codec {

/// How positions of stored values are written down.
enum class IndexFormat : std::uint8_t {
  bitmap,      ///< One bit per weight.
  step,        ///< Distance to the stored value before, in row order, in fields of fixed width. A
               ///< longer distance is bridged by stored zeros [public: Cambricon-X].
  run_length,  ///< Lengths of runs of zeros and of non-zeros in turn, in fields of fixed width; a
               ///< full field is continued by an empty run of the other kind.
  block,       ///< One bit per block of rows by columns; what a live block holds is all stored
               ///< [recalled: Cambricon-S's direct index].
  csr,         ///< Per row where its values begin, and the column of each.
  csc          ///< Per column where its values begin, and the row of each.
};

/// A matrix: outputs by inputs times kernel, and how its index is written.
struct IndexOptions {
  IndexFormat format = IndexFormat::bitmap;
  std::int64_t rows = 0, columns = 0;
  int field_bits = 4;  ///< step and run_length, 1 to 24. 4: [assumed], notes on Cambricon-X.
  std::int64_t block_rows = 16, block_columns = 1;
};

/// "bitmap", "step" ... as in tables; and every format, for loops.
std::string_view name_of(IndexFormat format);
std::span<const IndexFormat> index_formats();

/// An index, and what its values are.
struct SparseIndex {
  Bytes bytes;
  std::int64_t bits = 0;  ///< Exact size; `bytes` is that, rounded up.
  /// Positions (row-major) whose values are stored, in the format's order. Those of blocks and of
  /// bridged distances may be zeros.
  std::vector<std::int64_t> stored;
};

/// Index of the non-zero places of a row-major mask. InternalError when mask and options disagree.
SparseIndex encode_index(std::span<const std::uint8_t> mask, const IndexOptions& options);

/// Inverse of encode_index: the positions of stored values as SparseIndex::stored. InputError,
/// without a file's name, for bytes that encode_index would not write.
std::vector<std::int64_t> decode_index(std::span<const std::byte> bytes,
                                       const IndexOptions& options);

}  // namespace syncopate::codec

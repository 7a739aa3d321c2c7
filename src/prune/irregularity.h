#pragma once

#include <string>
#include <vector>

#include "prune/mask_image.h"

// Irregularity: how many bytes it takes to say which weights remain. Cambricon-S reduces it by
// pruning in blocks; whether the paper counts JBIG bytes or those of the stored index is not
// settled, so both are here.

namespace syncopate::prune {

/// The index that a machine would store, at its smallest: a format of codec/sparse.h over outputs
/// by positions, step and run length with the best field of 2 to 12 bits; or one bit per window, of
/// 1, 2, 4 ... 64 inputs and outputs, each kernel position by itself or all together. Zeros that a
/// format makes one store, to bridge a long way or in a window that is not empty, count as 16-bit
/// words [assumed].
struct StoredIndex {
  std::int64_t bytes = 0;
  std::string format = "none";  ///< "bitmap", "step of 5 bits", "bit per 1x16x1x1" ...; "none": all
                                ///< weights remain.
  Block window{1, 1, 1, 1};     ///< Of one bit per window.
};
StoredIndex stored_index(const Weights& weights, const Mask& mask);

struct IrregularityOptions {
  bool typical_prediction = false;  ///< See jbig_bytes.
};

struct LayerIrregularity {
  std::string node;
  std::int64_t rows = 0, columns = 0;  ///< Of the picture.
  std::int64_t weights = 0, kept = 0;
  std::int64_t jbig = 0;  ///< Bytes.
  StoredIndex index;
};

/// Of the non-zero weights of each prunable layer, on all threads.
std::vector<LayerIrregularity> irregularity(const ir::Graph& graph,
                                            const IrregularityOptions& options = {});

}  // namespace syncopate::prune

#pragma once

#include <string>
#include <vector>

#include "prune/mask_image.h"

// Irregularity: how many bytes it takes to say which weights remain. Cambricon-S reduces it by
// pruning in blocks; whether the paper counts JBIG bytes or those of the stored index is not
// settled, so both are here.

namespace syncopate::prune {

/// The largest window, extents 1, 2, 4 ... 64 of inputs and outputs and the kernel's positions one
/// by one or together, of which the mask keeps either all weights or none; ties go to more outputs.
/// {1, 1, 1, 1} when there is none.
Block detect_window(const Weights& weights, const Mask& mask);

/// Bytes of the index that a machine would store, the smallest of codec/sparse.h's formats over
/// outputs by positions, each with the zeros it stores as 16-bit words [assumed], and one bit per
/// window where the mask has whole windows.
struct StoredIndex {
  std::int64_t bytes = 0;
  std::string format = "none";  ///< "none": all weights remain.
};
StoredIndex stored_index(const Weights& weights, const Mask& mask, const Block& window);

struct IrregularityOptions {
  bool typical_prediction = false;  ///< See jbig_bytes.
};

struct LayerIrregularity {
  std::string node;
  std::int64_t rows = 0, columns = 0;  ///< Of the picture.
  std::int64_t weights = 0, kept = 0;
  Block window;
  std::int64_t jbig = 0;  ///< Bytes.
  StoredIndex index;
};

/// Of the non-zero weights of each prunable layer, on all threads.
std::vector<LayerIrregularity> irregularity(const ir::Graph& graph,
                                            const IrregularityOptions& options = {});

}  // namespace syncopate::prune

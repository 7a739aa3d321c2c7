#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codec/codebook.h"
#include "codec/container.h"
#include "ir/graph.h"

// Whole networks in a container: the structure as ONNX with its small constants (biases and the
// like); weights and larger constants are tensors of their own.

namespace syncopate::codec {

/// How the weights of a layer are stored.
enum class Quantizer : std::uint8_t {
  keep,     ///< As they are, bit for bit; integers and few distinct values are found by themselves.
  uniform,  ///< Integers times one scale.
  codebook  ///< Clustered.
};

struct CompressOptions {
  Mode mode = Mode::max;
  Quantizer quantizer = Quantizer::keep;
  int bits = 8;          ///< Of uniform integers (2 to 16) or codebook indices (1 to 12).
  double tolerance = 0;  ///< Codebooks: per tensor the fewest bits up to `bits` within this
                         ///< relative squared error; 0: always `bits`.
  std::int64_t rows_per_book = 0;  ///< Outputs that share a codebook; 0: all of a layer.
  double rate = 0;                 ///< See CodebookOptions.
  /// Codebooks of weights by the tensor's name, e.g. retrained ones; taken as they are.
  std::map<std::string, Codebooks> books;
  std::map<std::string, int> layer_bits;  ///< Overrides by node name.
  /// Bits kept of other float32 constants (biases, normalization, entries of codebooks made here),
  /// 10 to 32. Below 32 batch normalizations become scale and shift alone.
  int other_bits = 32;
};

/// Sizes of one stored tensor after every stage, bytes.
struct StageSizes {
  std::string node;  ///< Its node, or the tensor's own name.
  std::string tensor;
  bool weights = false;  ///< Weights of a layer; else biases and the like.
  std::int64_t elements = 0, nonzero = 0;
  std::int64_t dense = 0;      ///< float32.
  std::int64_t pruned = 0;     ///< Non-zero float32 and the best index.
  std::int64_t index = 0;      ///< Of that the index.
  std::string index_format;    ///< Which one, e.g. "block 16x1".
  std::int64_t quantized = 0;  ///< Non-zero values at their bits, codebooks or scale, the index.
  std::int64_t coded = 0;      ///< In the file, with its head.
  std::string form;            ///< E.g. "codebook, 4 bits".
  double error = 0;            ///< Relative squared error.
};

/// What a compression did.
struct CompressReport {
  std::vector<StageSizes> tensors;
  std::int64_t structure = 0;       ///< Bytes of the structure, with its head and small constants.
  std::int64_t small_elements = 0;  ///< Elements of constants that stayed in the structure.
  std::int64_t file = 0;            ///< All bytes.
};

/// Called after each tensor with how many are done; one call at a time, from any thread.
using CompressProgress =
    std::function<void(const std::string& tensor, std::size_t done, std::size_t all)>;

/// Writes a network into a container that has nothing yet but its header: structure, tensors. The
/// caller adds what else there is and finishes. InputError naming node or tensor.
CompressReport write_model(const ir::Graph& graph, const CompressOptions& options,
                           SyncWriter& writer, const CompressProgress& progress = {});

/// Reads the network of a container; shapes inferred, constants folded, as by onnx::import_file.
/// InputError naming the file.
ir::Graph read_model(const SyncReader& reader);

}  // namespace syncopate::codec

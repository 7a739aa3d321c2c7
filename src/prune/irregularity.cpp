#include "prune/irregularity.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <limits>

#include "codec/sparse.h"
#include "prune/prune.h"

namespace syncopate::prune {
namespace {

constexpr std::int64_t kWordBytes = 2;

/// Zeros in windows that are not empty; counting stops above `most`.
std::int64_t zeros_in_live_windows(const Weights& w, const Mask& mask, const Grid& grid,
                                   std::int64_t most) {
  std::int64_t zeros = 0;
  for_each_window(w, grid, [&](const Window& at) {
    if (zeros > most) return;
    std::int64_t kept = 0;
    for_each_address(w, at, [&](std::size_t a) { kept += mask[a]; });
    if (kept > 0) zeros += at.size() - kept;
  });
  return zeros;
}

std::string window_text(const Weights& w, const Block& b) {
  if (w.kernel() == 1) return fmt::format("bit per {}x{}", b.inputs, b.outputs);
  return fmt::format("bit per {}x{}x{}x{}", b.inputs, b.outputs, b.height, b.width);
}

/// One bit per window where that takes less than `best`.
void offer_windows(const Weights& w, const Mask& mask, StoredIndex& best) {
  constexpr std::int64_t kLargest = 64;
  // False when the zeros alone are too many; larger windows hold no fewer.
  const auto offer = [&](const Block& window) {
    const Grid grid = side_by_side(w, window);
    const std::int64_t most = best.bytes / kWordBytes;
    const std::int64_t zeros = zeros_in_live_windows(w, mask, grid, most);
    const std::int64_t bytes = (w.groups * grid.count() + 7) / 8 + kWordBytes * zeros;
    if (bytes < best.bytes) best = {bytes, window_text(w, window), window};
    return zeros <= most;
  };
  for (const Block& base : {Block{1, 1, 1, 1}, Block{1, 1, w.height, w.width}}) {
    for (std::int64_t outputs = 1; outputs <= kLargest && outputs < 2 * w.outputs; outputs *= 2) {
      Block window = base;
      window.outputs = outputs;
      if (!offer(window)) break;
      for (window.inputs = 2; window.inputs <= kLargest && window.inputs < 2 * w.inputs;
           window.inputs *= 2) {
        if (!offer(window)) break;
      }
    }
  }
}

/// The mask as a matrix of outputs by positions, as accelerators keep it: one output, one row.
std::vector<std::uint8_t> by_outputs(const Weights& w, const Mask& mask) {
  std::vector<std::uint8_t> matrix;
  matrix.reserve(mask.size());
  for_each_window(w, single_weights(w), [&](const Window& at) {
    for_each_address(w, at, [&](std::size_t a) { matrix.push_back(mask[a]); });
  });
  return matrix;
}

/// The field of step or run length that makes the index and the zeros stored for it smallest.
int best_field(const std::vector<std::uint8_t>& matrix, codec::IndexFormat format) {
  constexpr int kLeast = 2, kMost = 12;
  std::array<std::int64_t, kMost + 1> bits{};
  const bool step = format == codec::IndexFormat::step;
  const std::int64_t bridge_bits = step ? 8 * kWordBytes : 0;
  const std::int64_t fields_per_bridge = step ? 1 : 2;
  std::size_t last = 0;
  for (std::size_t i = 1; i < matrix.size(); ++i) {
    if (step ? matrix[i] == 0 : matrix[i] == matrix[i - 1]) continue;
    const auto length = static_cast<std::int64_t>(i - last);
    for (int field = kLeast; field <= kMost; ++field) {
      const std::int64_t bridges = (length - 1) / ((std::int64_t{1} << field) - 1);
      bits[static_cast<std::size_t>(field)] +=
          field * (1 + fields_per_bridge * bridges) + bridge_bits * bridges;
    }
    last = i;
  }
  return static_cast<int>(std::min_element(bits.begin() + kLeast, bits.end()) - bits.begin());
}

}  // namespace

StoredIndex stored_index(const Weights& w, const Mask& mask) {
  const std::int64_t kept = std::count_if(mask.begin(), mask.end(), [](auto m) { return m != 0; });
  if (kept == std::ssize(mask)) return {};
  StoredIndex best{std::numeric_limits<std::int64_t>::max()};
  codec::IndexOptions options;
  options.rows = w.groups * w.outputs;
  options.columns = w.inputs * w.kernel();
  const std::vector<std::uint8_t> matrix = by_outputs(w, mask);
  for (const codec::IndexFormat format : codec::index_formats()) {
    if (format == codec::IndexFormat::block) continue;  // offered below, for any window
    options.format = format;
    std::string name(name_of(format));
    if (format == codec::IndexFormat::step || format == codec::IndexFormat::run_length) {
      options.field_bits = best_field(matrix, format);
      name += fmt::format(" of {} bits", options.field_bits);
    }
    const codec::SparseIndex index = codec::encode_index(matrix, options);
    const std::int64_t bytes =
        std::ssize(index.bytes) + kWordBytes * (std::ssize(index.stored) - kept);
    if (bytes < best.bytes) best = {bytes, std::move(name)};
  }
  offer_windows(w, mask, best);
  return best;
}

std::vector<LayerIrregularity> irregularity(const ir::Graph& graph,
                                            const IrregularityOptions& options) {
  const std::vector<Layer> layers = prunable_layers(graph);
  std::vector<LayerIrregularity> result(layers.size());
  tbb::parallel_for(std::size_t{0}, layers.size(), [&](std::size_t n) {
    const Weights& w = layers[n].weights;
    const Mask mask = mask_of(*graph.value(w.value).constant);
    const MaskImage image = mask_image(w, mask);
    LayerIrregularity& layer = result[n];
    layer.node = layers[n].node;
    layer.rows = image.rows;
    layer.columns = image.columns;
    layer.weights = std::ssize(mask);
    layer.kept = std::count(mask.begin(), mask.end(), 1);
    layer.jbig = jbig_bytes(image, options.typical_prediction);
    layer.index = stored_index(w, mask);
  });
  return result;
}

}  // namespace syncopate::prune

#include "prune/irregularity.h"

#include <tbb/parallel_for.h>

#include <optional>

#include "codec/sparse.h"
#include "prune/prune.h"

namespace syncopate::prune {
namespace {

bool whole_windows(const Weights& w, const Mask& mask, const Block& window) {
  bool whole = true;
  for_each_window(w, side_by_side(w, window), [&](const Window& at) {
    if (!whole) return;
    std::int64_t kept = 0;
    for_each_address(w, at, [&](std::size_t a) { kept += mask[a]; });
    whole = kept == 0 || kept == at.size();
  });
  return whole;
}

std::int64_t volume(const Block& b) { return b.inputs * b.outputs * b.height * b.width; }

std::string window_text(const Weights& w, const Block& b) {
  if (w.kernel() == 1) return fmt::format("bit per {}x{}", b.inputs, b.outputs);
  return fmt::format("bit per {}x{}x{}x{}", b.inputs, b.outputs, b.height, b.width);
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

}  // namespace

Block detect_window(const Weights& w, const Mask& mask) {
  constexpr std::int64_t kLargest = 64;
  const Block pixel{1, 1, 1, 1}, kernel{1, 1, w.height, w.width};
  Block best = pixel;
  for (const Block& base : {pixel, kernel}) {
    for (std::int64_t outputs = 1; outputs <= kLargest && outputs < 2 * w.outputs; outputs *= 2) {
      Block window = base;
      window.outputs = outputs;
      if (!whole_windows(w, mask, window)) break;  // neither are larger ones
      for (std::int64_t inputs = 1; inputs <= kLargest && inputs < 2 * w.inputs; inputs *= 2) {
        window.inputs = inputs;
        if (inputs > 1 && !whole_windows(w, mask, window)) break;
        if (volume(window) >= volume(best)) best = window;
      }
    }
  }
  return best;
}

StoredIndex stored_index(const Weights& w, const Mask& mask, const Block& window) {
  const std::int64_t kept = std::count_if(mask.begin(), mask.end(), [](auto m) { return m != 0; });
  if (kept == std::ssize(mask)) return {};
  std::optional<StoredIndex> best;
  const auto offer = [&](std::int64_t bytes, std::string format) {
    if (!best || bytes < best->bytes) best = {bytes, std::move(format)};
  };
  if (volume(window) > 1) {
    const Grid grid = side_by_side(w, window);
    offer((w.groups * grid.count() + 7) / 8, window_text(w, window));
  }
  codec::IndexOptions options;
  options.rows = w.groups * w.outputs;
  options.columns = w.inputs * w.kernel();
  const std::vector<std::uint8_t> matrix = by_outputs(w, mask);
  constexpr std::int64_t kWordBytes = 2;
  for (const codec::IndexFormat format : codec::index_formats()) {
    if (format == codec::IndexFormat::block) continue;  // offered above, for any window
    options.format = format;
    const codec::SparseIndex index = codec::encode_index(matrix, options);
    const std::int64_t zeros = std::ssize(index.stored) - kept;
    offer(std::ssize(index.bytes) + kWordBytes * zeros, std::string(name_of(format)));
  }
  return *best;
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
    layer.window = detect_window(w, mask);
    layer.index = stored_index(w, mask, layer.window);
  });
  return result;
}

}  // namespace syncopate::prune

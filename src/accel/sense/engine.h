#pragma once

#include <cstdint>

#include "accel/sense/config.h"
#include "array/machine.h"

namespace syncopate::accel::sense {

/// The convolution datapath. A tile is worked on PE tile by PE tile, for each in groups of columns
/// (outputs) and passes of rows (units of input channels, see Geometry). In a pass PE (i, j) forms
/// all products of its unit's inputs with the weights of its output, one a cycle, and adds them to
/// partial sums of its own; then the PEs of a column add up. A pass lasts as long as its slowest
/// PE. Where a layer's units fill at most half of the rows, groups of rows take a PE tile each: the
/// same weights pass all of them, and a column adds up within each group.
class Engine : public array::ConvEngine {
 public:
  explicit Engine(const Config& config) : config_(config) {}
  std::unique_ptr<array::ConvCounter> counter(const sim::LayerData& data,
                                              const array::DecodedLayer& layer) const override;
  void clock(const array::ConvTile& tile, sim::Stats& stats,
             std::span<std::int64_t> sums) const override;

 private:
  Config config_;
};

/// A pass as both engines found it.
struct Pass {
  std::int64_t rows = 0, columns = 0;  ///< PEs with a unit and an output.
  std::int64_t channels = 0;           ///< Of the units, which all PE tiles have in common.
  std::int64_t outputs = 0;            ///< Of all PE tiles.
  std::int64_t row_outputs = 0;        ///< Of the PEs of a column: a tile's, for each of its rows.
  std::int64_t bitmap_rows = 0;        ///< Of all channels' inputs.
  std::int64_t kernel = 1;             ///< Weights of a channel, zeros included.
  std::int64_t slowest = 0;            ///< Products of the busiest PE.
  std::int64_t products = 0;           ///< Of all PEs.
  std::int64_t values = 0;             ///< Non-zero inputs of all rows.
  std::int64_t longest = 0;            ///< Of the row with the most.
  std::int64_t weights = 0;            ///< Non-zero weights of a PE tile's PEs.
  bool first = true;                   ///< Of its PE tiles and outputs.

  /// A PE tile joins, in `units` rows; `inputs`, zeros included, are a channel's.
  void join(std::int64_t units, std::int64_t tile_outputs, std::int64_t inputs);
};
/// Books cycles, causes and actions of a pass. Products are booked as underfill: those that an
/// output of the tile needs are moved to work by book_needed.
void book_pass(const Config& config, const Pass& pass, sim::Stats& stats);
void book_needed(std::int64_t pairs, sim::Stats& stats);
/// Books counting `channels` channels and sorting them, when input maps have been loaded.
void book_sort(const Config& config, const map::TileBox& box, sim::Stats& stats);

}  // namespace syncopate::accel::sense

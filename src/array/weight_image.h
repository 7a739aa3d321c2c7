#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "map/tiling.h"
#include "sim/program.h"
#include "sim/weights.h"

namespace syncopate::array {

/// The weights of one tile: outputs [out0, out1) and inputs [in0, in1) of a group, whole kernel.
struct Segment {
  std::int64_t group = 0, out0 = 0, out1 = 0, in0 = 0, in1 = 0;
};
/// Exact sizes of a stored segment.
struct SegmentBytes {
  std::int64_t synapses = 0, index = 0;
};

/// One layer's weights in a machine's own format. Thread-safe.
class WeightFormat {
 public:
  virtual ~WeightFormat() = default;
  /// Sizes for the tiling search; may be estimates that err on the large side.
  virtual map::Footprint footprint() const = 0;
  /// Tells the tiling chosen, before anything below is asked, to formats whose order depends on it.
  virtual void set_tiling(const map::Tiling& tiling) { static_cast<void>(tiling); }
  virtual SegmentBytes bytes(const Segment& segment) const = 0;
  /// Writes a segment; the spans have the sizes that `bytes` gave.
  virtual void encode(const Segment& segment, std::span<std::byte> synapses,
                      std::span<std::byte> index) const = 0;
  /// A table loaded once per layer (a codebook); empty when there is none.
  virtual std::vector<std::byte> table() const { return {}; }
  /// Appends the machine's own configuration of the layer.
  virtual void configure(std::vector<sim::Instruction>& code) const { static_cast<void>(code); }
};

/// Uncompressed 16-bit weights, [out][position][in] within a segment.
std::unique_ptr<WeightFormat> dense_format(std::shared_ptr<const sim::Weights> weights);

/// Where a layer's weights are in the image: a directory with an entry per segment, the table, the
/// segments. The directory lets a simulator find weights that an earlier tile loaded; it is not
/// part of the DMA traffic.
struct DirectoryEntry {
  std::uint64_t synapses = 0, index = 0;  ///< Addresses.
  std::uint32_t synapse_bytes = 0, index_bytes = 0;
};

/// Segments of a layer under a tiling, in the order of their numbers.
class Segments {
 public:
  Segments(const map::Loops& loops, const map::Tiling& tiling);
  std::int64_t size() const { return loops_.groups * outs_ * ins_; }
  Segment at(std::int64_t number) const;
  /// Number of the segment a tile uses.
  std::int64_t number(const map::TileBox& box) const;

 private:
  map::Loops loops_;
  map::Tiling tiling_;
  std::int64_t outs_, ins_;  ///< Blocks.
};

/// An image that encodes what is read when it is read.
class LazyImage : public sim::Image {
 public:
  struct Placed {
    std::uint64_t directory = 0, table = 0;
    std::int64_t table_bytes = 0;
    std::vector<DirectoryEntry> entries;
  };
  /// Adds a layer behind what is there. `sizes` has one entry per segment.
  const Placed& add(std::shared_ptr<const WeightFormat> format, const Segments& segments,
                    std::span<const SegmentBytes> sizes);
  std::vector<std::byte> read(std::uint64_t address, std::int64_t bytes) const override;
  std::int64_t bytes() const override { return static_cast<std::int64_t>(end_); }

 private:
  struct Layer {
    std::shared_ptr<const WeightFormat> format;
    Segments segments;
    std::vector<std::byte> table;
    Placed placed;
    std::uint64_t end = 0;
  };
  void copy(const Layer& layer, std::uint64_t address, std::span<std::byte> out) const;

  std::vector<std::unique_ptr<Layer>> layers_;
  std::uint64_t end_ = 0;
};

/// Reads the first `count` entries of the directory at `directory`, from any image. InputError when
/// it reaches beyond the image's end: the program is damaged.
std::vector<DirectoryEntry> read_directory(const sim::Image& image, std::uint64_t directory,
                                           std::int64_t count);

}  // namespace syncopate::array

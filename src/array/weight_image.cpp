#include "array/weight_image.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "array/actions.h"
#include "base/error.h"

namespace syncopate::array {
namespace {

constexpr std::uint64_t kAlignment = 64;  ///< One DRAM burst.
constexpr std::size_t kEntryBytes = 24;

std::uint64_t aligned(std::uint64_t address) {
  return (address + kAlignment - 1) / kAlignment * kAlignment;
}

class DenseFormat : public WeightFormat {
 public:
  explicit DenseFormat(std::shared_ptr<const sim::Weights> weights)
      : weights_(std::move(weights)) {}

  map::Footprint footprint() const override {
    map::Footprint footprint;
    const std::int64_t kernel = weights_->loops().kernel_size();
    footprint.synapse_bytes = [kernel](std::int64_t, std::int64_t out0, std::int64_t out1,
                                       std::int64_t in0, std::int64_t in1) {
      return (out1 - out0) * (in1 - in0) * kernel * 2;
    };
    footprint.index_bytes = [](auto...) { return std::int64_t{0}; };
    return footprint;
  }

  SegmentBytes bytes(const Segment& s) const override {
    return {(s.out1 - s.out0) * (s.in1 - s.in0) * weights_->loops().kernel_size() * 2, 0};
  }

  void encode(const Segment& s, std::span<std::byte> synapses,
              std::span<std::byte>) const override {
    const map::Loops& loops = weights_->loops();
    std::vector<std::int16_t> values(static_cast<std::size_t>(s.in1 - s.in0));
    std::byte* to = synapses.data();
    for (std::int64_t out = s.out0; out < s.out1; ++out) {
      for (std::int64_t k = 0; k < loops.kernel_size(); ++k) {
        weights_->read(s.group * loops.outs + out, k, s.in0, values);
        std::memcpy(to, values.data(), values.size() * 2);
        to += values.size() * 2;
      }
    }
  }

 private:
  std::shared_ptr<const sim::Weights> weights_;
};

/// Copies the part of `section` (which lies at `begin`) that falls in [address, address + out).
void overlay(std::uint64_t begin, std::span<const std::byte> section, std::uint64_t address,
             std::span<std::byte> out) {
  const std::uint64_t from = std::max(begin, address);
  const std::uint64_t to = std::min(begin + section.size(), address + out.size());
  if (from >= to) return;
  std::memcpy(out.data() + (from - address), section.data() + (from - begin), to - from);
}

void write_entry(const DirectoryEntry& entry, std::byte* to) {
  std::memcpy(to, &entry.synapses, 8);
  std::memcpy(to + 8, &entry.index, 8);
  std::memcpy(to + 16, &entry.synapse_bytes, 4);
  std::memcpy(to + 20, &entry.index_bytes, 4);
}

}  // namespace

std::unique_ptr<WeightFormat> dense_format(std::shared_ptr<const sim::Weights> weights) {
  return std::make_unique<DenseFormat>(std::move(weights));
}

Segments::Segments(const map::Loops& loops, const map::Tiling& tiling)
    : loops_(loops),
      tiling_(tiling),
      outs_(ceil_div(loops.outs, tiling.outs)),
      ins_(ceil_div(loops.ins, tiling.ins)) {}

Segment Segments::at(std::int64_t number) const {
  Segment segment;
  segment.in0 = number % ins_ * tiling_.ins;
  segment.in1 = std::min(loops_.ins, segment.in0 + tiling_.ins);
  segment.out0 = number / ins_ % outs_ * tiling_.outs;
  segment.out1 = std::min(loops_.outs, segment.out0 + tiling_.outs);
  segment.group = number / ins_ / outs_;
  return segment;
}

std::int64_t Segments::number(const map::TileBox& box) const {
  return (box.group * outs_ + box.out0 / tiling_.outs) * ins_ + box.in0 / tiling_.ins;
}

const LazyImage::Placed& LazyImage::add(std::shared_ptr<const WeightFormat> format,
                                        const Segments& segments,
                                        std::span<const SegmentBytes> sizes) {
  auto layer = std::make_unique<Layer>(Layer{std::move(format), segments, {}, {}, 0});
  layer->table = layer->format->table();
  Placed& placed = layer->placed;
  placed.directory = aligned(end_);
  placed.table = aligned(placed.directory + sizes.size() * kEntryBytes);
  placed.table_bytes = static_cast<std::int64_t>(layer->table.size());
  placed.entries.resize(sizes.size());
  std::uint64_t at = placed.table + layer->table.size();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    DirectoryEntry& entry = placed.entries[i];
    entry.synapses = aligned(at);
    entry.synapse_bytes = static_cast<std::uint32_t>(sizes[i].synapses);
    entry.index = aligned(entry.synapses + entry.synapse_bytes);
    entry.index_bytes = static_cast<std::uint32_t>(sizes[i].index);
    at = entry.index + entry.index_bytes;
  }
  end_ = layer->end = aligned(at);
  layers_.push_back(std::move(layer));
  return layers_.back()->placed;
}

std::vector<std::byte> LazyImage::read(std::uint64_t address, std::int64_t bytes) const {
  if (bytes < 0 || address + static_cast<std::uint64_t>(bytes) > end_) {
    broken("the image has {} bytes; {} at {} lie outside", end_, bytes, address);
  }
  std::vector<std::byte> out(static_cast<std::size_t>(bytes));
  auto layer = std::upper_bound(
      layers_.begin(), layers_.end(), address,
      [](std::uint64_t at, const std::unique_ptr<Layer>& l) { return at < l->end; });
  for (; layer != layers_.end() && (*layer)->placed.directory < address + out.size(); ++layer) {
    copy(**layer, address, out);
  }
  return out;
}

void LazyImage::copy(const Layer& layer, std::uint64_t address, std::span<std::byte> out) const {
  const Placed& placed = layer.placed;
  if (address < placed.table) {
    const std::uint64_t from = std::max(address, placed.directory) - placed.directory;
    const std::uint64_t to = address + out.size() - placed.directory;
    std::array<std::byte, kEntryBytes> raw;
    for (std::size_t i = from / kEntryBytes; i < placed.entries.size() && i * kEntryBytes < to;
         ++i) {
      write_entry(placed.entries[i], raw.data());
      overlay(placed.directory + i * kEntryBytes, raw, address, out);
    }
  }
  overlay(placed.table, layer.table, address, out);
  auto entry = std::upper_bound(
      placed.entries.begin(), placed.entries.end(), address,
      [](std::uint64_t at, const DirectoryEntry& e) { return at < e.index + e.index_bytes; });
  std::vector<std::byte> synapses, index;
  for (; entry != placed.entries.end() && entry->synapses < address + out.size(); ++entry) {
    synapses.assign(entry->synapse_bytes, std::byte{0});
    index.assign(entry->index_bytes, std::byte{0});
    layer.format->encode(layer.segments.at(entry - placed.entries.begin()), synapses, index);
    overlay(entry->synapses, synapses, address, out);
    overlay(entry->index, index, address, out);
  }
}

std::vector<DirectoryEntry> read_directory(const sim::Image& image, std::uint64_t directory,
                                           std::int64_t count) {
  const auto size = static_cast<std::uint64_t>(image.bytes());
  const auto entries = static_cast<std::uint64_t>(count);
  if (directory > size || entries > (size - directory) / kEntryBytes) {
    fail("program: {} entries of weights at address {} of an image of {} bytes: it is damaged",
         count, directory, size);
  }
  const std::vector<std::byte> raw =
      image.read(directory, count * static_cast<std::int64_t>(kEntryBytes));
  std::vector<DirectoryEntry> result(static_cast<std::size_t>(count));
  const std::byte* at = raw.data();
  for (DirectoryEntry& entry : result) {
    std::memcpy(&entry.synapses, at, 8);
    std::memcpy(&entry.index, at + 8, 8);
    std::memcpy(&entry.synapse_bytes, at + 16, 4);
    std::memcpy(&entry.index_bytes, at + 20, 4);
    at += kEntryBytes;
  }
  return result;
}

}  // namespace syncopate::array

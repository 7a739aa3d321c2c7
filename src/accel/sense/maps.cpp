#include "accel/sense/maps.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "array/patches.h"

namespace syncopate::accel::sense {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<std::uint64_t, 256> make_spread() {
  std::array<std::uint64_t, 256> table{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    for (std::uint64_t bit = 0; bit < 8; ++bit) table[byte] |= (byte >> bit & 1) << (8 * bit);
  }
  return table;
}

constexpr int kMostRows = 255;  ///< That a byte can count.

/// Row of the input at (t, y, x).
const std::uint64_t* row_at(const sim::LayerData& data, std::int64_t batch, std::int64_t t,
                            std::int64_t y, std::int64_t x) {
  const map::Loops& l = data.loops();
  const sim::BitPlane& bits = data.input_bits();
  return bits.data.data() + (((batch * l.in[0] + t) * l.in[1] + y) * l.in[2] + x) * bits.words;
}

}  // namespace

const std::array<std::uint64_t, 256> kSpread = make_spread();

ChannelCounter::ChannelCounter(std::int64_t channels)
    : channels_(channels),
      bytes_(static_cast<std::size_t>((channels + 7) / 8), 0),
      aligned_(static_cast<std::size_t>((channels + 63) / 64)),
      counts_(bytes_.size() * 8, 0) {}

void ChannelCounter::add(const std::uint64_t* row, std::int64_t begin) {
  const auto* from = reinterpret_cast<const unsigned char*>(row) + begin / 8;
  if (begin % 8 != 0) {
    std::fill(aligned_.begin(), aligned_.end(), 0);
    array::append_bits(row, begin, channels_, aligned_.data(), 0);
    from = reinterpret_cast<const unsigned char*>(aligned_.data());
  }
  for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] += kSpread[from[i]];
  if (++rows_ < kMostRows) return;
  finish(counts_);
}

void ChannelCounter::finish(std::span<std::uint32_t> to) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(bytes_.data());
  const bool all = to.data() != counts_.data();
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
    to[c] += bytes[c];
    if (all) to[c] += counts_[c];
  }
  if (all) std::fill(counts_.begin(), counts_.end(), 0);
  std::fill(bytes_.begin(), bytes_.end(), 0);
  rows_ = 0;
}

std::vector<std::int32_t> pass_order(std::span<const std::uint32_t> nonzeros, bool sorted) {
  std::vector<std::int32_t> order(nonzeros.size());
  std::iota(order.begin(), order.end(), 0);
  if (!sorted) return order;
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return nonzeros[static_cast<std::size_t>(a)] > nonzeros[static_cast<std::size_t>(b)];
  });
  return order;
}

/// Non-zeros of all channels under every kernel position.
void Maps::count_windows(const sim::LayerData& data, const map::TileBox& box, const Area& outputs,
                         std::span<std::uint32_t> counts) {
  const map::Loops& l = geometry_.loops();
  const std::int64_t begin = box.group * l.ins + box.in0;
  ChannelCounter counter(channels_);
  for (std::int64_t k = 0; k < l.kernel_size(); ++k) {
    const auto& offset = geometry_.offset(k);
    const auto at = [&](std::size_t d, std::int64_t out) {
      const std::int64_t in = out * l.stride[d] + offset[d] - l.pad[d];
      return in < 0 || in >= l.in[d] ? -1 : in;
    };
    for (std::int64_t t = outputs[0].begin; t < outputs[0].end; ++t) {
      if (at(0, t) < 0) continue;
      for (std::int64_t y = outputs[1].begin; y < outputs[1].end; ++y) {
        if (at(1, y) < 0) continue;
        for (std::int64_t x = outputs[2].begin; x < outputs[2].end; ++x) {
          if (at(2, x) < 0) continue;
          counter.add(row_at(data, box.batch, at(0, t), at(1, y), at(2, x)), begin);
        }
      }
    }
    counter.finish(counts.subspan(static_cast<std::size_t>(k * channels_),
                                  static_cast<std::size_t>(channels_)));
  }
}

void Maps::load_tile(const sim::LayerData& data, const map::TileBox& box, Tile& tile) {
  const map::Loops& l = geometry_.loops();
  const std::int64_t begin = box.group * l.ins + box.in0, phases = geometry_.phases();
  const auto channels = static_cast<std::size_t>(channels_);
  const Area area = geometry_.inputs(tile.outputs);
  tile.inputs = sense::pixels(area);
  tile.values.assign(channels, 0);
  tile.features.assign(static_cast<std::size_t>(phases) * channels, 0);
  std::vector<bool> used(static_cast<std::size_t>(phases), false);
  for (std::int64_t k = 0; k < l.kernel_size(); ++k) {
    used[static_cast<std::size_t>(geometry_.tap_phase(k))] = true;
  }
  std::vector<ChannelCounter> counters(static_cast<std::size_t>(phases), ChannelCounter(channels_));
  for (std::int64_t t = area[0].begin; t < area[0].end; ++t) {
    for (std::int64_t y = area[1].begin; y < area[1].end; ++y) {
      for (std::int64_t x = area[2].begin; x < area[2].end; ++x) {
        const auto phase =
            static_cast<std::size_t>(phases == 1 ? 0 : geometry_.input_phase({t, y, x}));
        if (used[phase]) counters[phase].add(row_at(data, box.batch, t, y, x), begin);
      }
    }
  }
  for (std::size_t p = 0; p < counters.size(); ++p) {
    const std::span<std::uint32_t> to(tile.features.data() + p * channels, channels);
    counters[p].finish(to);
    for (std::size_t c = 0; c < channels; ++c) tile.values[c] += to[c];
  }
  if (config_.mode == PeMode::cartesian) return;
  tile.features.assign(static_cast<std::size_t>(l.kernel_size()) * channels, 0);
  count_windows(data, box, tile.outputs, tile.features);
}

/// Non-zeros of the whole block say in which order channels go into passes.
void Maps::sort(const sim::LayerData& data, const map::TileBox& box) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(channels_), 0);
  if (config_.sorted && !geometry_.fully_connected()) {
    const map::Loops& l = geometry_.loops();
    const Area area =
        geometry_.inputs({Range{box.begin[0], box.end[0]}, Range{box.begin[1], box.end[1]},
                          Range{box.begin[2], box.end[2]}});
    ChannelCounter counter(channels_);
    for (std::int64_t t = area[0].begin; t < area[0].end; ++t) {
      for (std::int64_t y = area[1].begin; y < area[1].end; ++y) {
        for (std::int64_t x = area[2].begin; x < area[2].end; ++x) {
          counter.add(row_at(data, box.batch, t, y, x), box.group * l.ins + box.in0);
        }
      }
    }
    counter.finish(counts);
  }
  order_ = pass_order(counts, config_.sorted && !geometry_.fully_connected());
}

void Maps::load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words) {
  static_cast<void>(words);  // Windows are never laid out.
  const map::Loops& l = geometry_.loops();
  channels_ = box.in1 - box.in0;
  if (geometry_.fully_connected()) {
    bits_.assign(static_cast<std::size_t>((box.in0 % 64 + channels_ + 63) / 64 + 1), 0);
    const Area area = geometry_.inputs({Range{0, 1}, Range{0, 1}, Range{0, 1}});
    if (sense::pixels(area) > 0) {
      array::append_bits(row_at(data, box.batch, area[0].begin, area[1].begin, area[2].begin),
                         box.group * l.ins + box.in0, channels_, bits_.data(), box.in0 % 64);
    }
    return;
  }
  sort(data, box);
  const std::vector<Area> areas = geometry_.subtiles(box);
  used_ = areas.size();
  if (tiles_.size() < used_) tiles_.resize(used_);
  for (std::size_t i = 0; i < used_; ++i) {
    tiles_[i].outputs = areas[i];
    load_tile(data, box, tiles_[i]);
  }
}

}  // namespace syncopate::accel::sense

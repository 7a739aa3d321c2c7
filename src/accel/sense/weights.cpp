#include "accel/sense/weights.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cstring>

#include "accel/sense/maps.h"
#include "array/patches.h"

namespace syncopate::accel::sense {
namespace {

/// Rows of eight bytes of bits become their transpose.
std::uint64_t transpose(std::uint64_t x) {
  std::uint64_t t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaULL;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000ccccULL;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0ULL;
  return x ^ t ^ (t << 28);
}

class Look {
 public:
  Look(const Config& config, const Geometry& geometry, const sim::LayerData& data,
       const array::Segment& segment)
      : config_(config),
        geometry_(geometry),
        bits_(data.weight_bits()),
        segment_(segment),
        channels_(segment.in1 - segment.in0),
        kernel_(geometry.loops().kernel_size()) {}

  ColumnGroup group(std::int64_t number, bool with_table) const;

 private:
  const std::uint64_t* row(std::int64_t out, std::int64_t position) const {
    const std::int64_t row = (segment_.group * geometry_.loops().outs + out) * kernel_ + position;
    return bits_.data.data() + row * bits_.words;
  }
  void fill_table(std::int64_t out0, ColumnGroup& group) const;

  const Config& config_;
  const Geometry& geometry_;
  const sim::BitPlane& bits_;
  const array::Segment& segment_;
  std::int64_t channels_, kernel_;
};

ColumnGroup Look::group(std::int64_t number, bool with_table) const {
  const std::int64_t out0 = segment_.out0 + number * config_.columns;
  ColumnGroup group;
  group.columns = std::min(config_.columns, segment_.out1 - out0);
  const auto channels = static_cast<std::size_t>(channels_);
  group.weights.assign(channels, 0);
  group.largest.assign(channels, 0);
  std::vector<std::uint32_t> one(channels);
  ChannelCounter counter(channels_);
  for (std::int64_t out = out0; out < out0 + group.columns; ++out) {
    for (std::int64_t k = 0; k < kernel_; ++k) counter.add(row(out, k), segment_.in0);
    std::fill(one.begin(), one.end(), 0);
    counter.finish(one);
    for (std::size_t c = 0; c < channels; ++c) {
      group.weights[c] += one[c];
      group.largest[c] = std::max(group.largest[c], one[c]);
    }
  }
  if (with_table) fill_table(out0, group);
  return group;
}

/// Eight outputs by eight channels at a time.
void Look::fill_table(std::int64_t out0, ColumnGroup& group) const {
  const bool match = config_.mode == PeMode::match;
  const std::int64_t features = match ? kernel_ : geometry_.phases();
  const std::int64_t width = group.width();
  group.table.assign(static_cast<std::size_t>(channels_ * features * width), 0);
  const auto words = static_cast<std::size_t>((channels_ + 63) / 64);
  std::vector<std::uint64_t> rows(8 * words);
  for (std::int64_t first = 0; first < group.columns; first += 8) {
    for (std::int64_t k = 0; k < kernel_; ++k) {
      std::fill(rows.begin(), rows.end(), 0);
      for (std::int64_t i = 0; i < std::min<std::int64_t>(8, group.columns - first); ++i) {
        array::append_bits(row(out0 + first + i, k), segment_.in0, channels_,
                           rows.data() + static_cast<std::size_t>(i) * words, 0);
      }
      const std::int64_t feature = match ? k : geometry_.tap_phase(k);
      for (std::int64_t c = 0; c < channels_; c += 8) {
        std::uint64_t square = 0;
        for (std::size_t i = 0; i < 8; ++i) {
          square |= (rows[i * words + static_cast<std::size_t>(c / 64)] >> (c % 64) & 0xff)
                    << (8 * i);
        }
        if (square == 0) continue;
        square = transpose(square);
        for (std::int64_t i = 0; i < std::min<std::int64_t>(8, channels_ - c); ++i) {
          const std::uint64_t spread = kSpread[square >> (8 * i) & 0xff];
          std::uint16_t* to = group.table.data() + ((c + i) * features + feature) * width + first;
          for (int j = 0; j < 8; ++j) {
            to[j] = static_cast<std::uint16_t>(to[j] + (spread >> (8 * j) & 1));
          }
        }
      }
    }
  }
}

}  // namespace

SegmentWeights look_at(const Config& config, const Geometry& geometry, const sim::LayerData& data,
                       const array::Segment& segment, bool with_tables) {
  const Look look(config, geometry, data, segment);
  const std::int64_t groups = array::ceil_div(segment.out1 - segment.out0, config.columns);
  SegmentWeights result(static_cast<std::size_t>(groups));
  tbb::parallel_for(std::int64_t{0}, groups, [&](std::int64_t g) {
    result[static_cast<std::size_t>(g)] = look.group(g, with_tables);
  });
  return result;
}

}  // namespace syncopate::accel::sense

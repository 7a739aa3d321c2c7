#include "accel/sparten/format.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "accel/sparten/isa.h"
#include "array/bit_stream.h"
#include "array/patches.h"
#include "sim/bits.h"

namespace syncopate::accel::sparten {
namespace {

using array::ceil_div;

constexpr int kFilterBits = 16;  ///< Number of a filter in a segment.

/// Number of a filter in a group.
int order_bits(const Config& config) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(config.filters() - 1)));
}

/// Filters [first, first + count) by rising place: the most ones in words [begin, end) first.
std::vector<std::int64_t> densest_first(std::span<const std::uint64_t> masks, std::int64_t words,
                                        std::int64_t first, std::int64_t count, std::int64_t begin,
                                        std::int64_t end) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count)), ones(order.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::int64_t f = 0; f < count; ++f) {
    ones[static_cast<std::size_t>(f)] =
        sim::count_bits(masks.data() + (first + f) * words + begin, end - begin);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return ones[static_cast<std::size_t>(a)] > ones[static_cast<std::size_t>(b)];
  });
  for (std::int64_t& filter : order) filter += first;
  return order;
}

}  // namespace

Order::Order(const Config& config, std::int64_t outputs, std::int64_t positions)
    : outputs_(outputs),
      filters_(config.filters()),
      groups_(ceil_div(outputs, filters_)),
      chunks_(config.chunks(positions)),
      data_(static_cast<std::size_t>(groups_ * chunks_ * filters_), -1) {}

std::int64_t Order::filters(std::int64_t group) const {
  return std::min(filters_, outputs_ - group * filters_);
}

Order balance(const Config& config, std::span<const std::uint64_t> masks, std::int64_t words,
              std::int64_t positions) {
  const std::int64_t outputs = static_cast<std::int64_t>(masks.size()) / words;
  Order order(config, outputs, positions);
  std::vector<std::int64_t> whole(static_cast<std::size_t>(outputs));
  std::iota(whole.begin(), whole.end(), std::int64_t{0});
  if (config.balance == Balance::filter) {
    whole = densest_first(masks, words, 0, outputs, 0, words);
  }
  for (std::int64_t group = 0; group < order.groups(); ++group) {
    const std::int64_t first = group * config.filters(), filters = order.filters(group);
    for (std::int64_t chunk = 0; chunk < order.chunks(); ++chunk) {
      const std::int64_t begin = chunk * config.chunk / 64;
      const std::int64_t end = std::min(words, begin + config.chunk / 64);
      std::vector<std::int64_t> places(whole.begin() + first, whole.begin() + first + filters);
      if (config.balance == Balance::chunk) {
        places = densest_first(masks, words, first, filters, begin, end);
      }
      for (std::int64_t place = 0; place < filters; ++place) {
        order.set(group, chunk, place, places[static_cast<std::size_t>(place)]);
      }
    }
  }
  return order;
}

ChunkFormat::ChunkFormat(std::shared_ptr<const sim::Weights> weights, const Config& config)
    : BitmapFormat(std::move(weights), config.filters()), config_(config) {}

/// Bytes that the order takes.
std::int64_t ChunkFormat::order_bytes(std::int64_t outputs, std::int64_t inputs) const {
  if (config_.balance == Balance::none) return 0;
  if (config_.balance == Balance::filter) return ceil_div(outputs * kFilterBits, 8);
  const std::int64_t chunks = config_.chunks(inputs * weights().loops().kernel_size());
  return ceil_div(outputs * chunks * order_bits(config_), 8);
}

map::Footprint ChunkFormat::footprint() const {
  map::Footprint footprint = BitmapFormat::footprint();
  footprint.index_bytes = [this, masks = footprint.index_bytes](
                              std::int64_t group, std::int64_t out0, std::int64_t out1,
                              std::int64_t in0, std::int64_t in1) {
    return masks(group, out0, out1, in0, in1) + order_bytes(out1 - out0, in1 - in0);
  };
  return footprint;
}

array::SegmentBytes ChunkFormat::bytes(const array::Segment& s) const {
  array::SegmentBytes bytes = BitmapFormat::bytes(s);
  bytes.index += order_bytes(s.out1 - s.out0, s.in1 - s.in0);
  return bytes;
}

void ChunkFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                         std::span<std::byte> index) const {
  const map::Loops& loops = weights().loops();
  const std::int64_t ins = s.in1 - s.in0, outs = s.out1 - s.out0;
  const auto tail = static_cast<std::size_t>(order_bytes(outs, ins));
  BitmapFormat::encode(s, synapses, index.first(index.size() - tail));
  if (tail == 0) return;
  const std::int64_t positions = ins * loops.kernel_size(), words = ceil_div(positions, 64);
  std::vector<std::uint64_t> masks(static_cast<std::size_t>(outs * words), 0);
  const sim::BitPlane& bits = weights().bits();
  for (std::int64_t row = 0; row < outs * loops.kernel_size(); ++row) {
    const std::int64_t out = row / loops.kernel_size(), k = row % loops.kernel_size();
    const std::int64_t from = (s.group * loops.outs + s.out0) * loops.kernel_size() + row;
    array::append_bits(bits.data.data() + from * bits.words, s.in0, ins, masks.data() + out * words,
                       k * ins);
  }
  const Order order = balance(config_, masks, words, positions);
  const bool once = config_.balance == Balance::filter;
  array::BitWriter write(index.last(tail));
  for (std::int64_t group = 0; group < order.groups(); ++group) {
    for (std::int64_t chunk = 0; chunk < (once ? 1 : order.chunks()); ++chunk) {
      for (std::int64_t place = 0; place < order.filters(group); ++place) {
        const std::int64_t filter = order.at(group, chunk, place);
        write.put(static_cast<std::uint32_t>(once ? filter : filter - group * config_.filters()),
                  once ? kFilterBits : order_bits(config_));
      }
    }
  }
}

void ChunkFormat::configure(std::vector<sim::Instruction>& code) const {
  code.push_back(isa().encode("chunks", {{"positions", config_.chunk}}));
}

Order decode_order(const Config& config, std::span<const std::byte> index, std::int64_t outputs,
                   std::int64_t positions) {
  Order order(config, outputs, positions);
  array::BitReader read(index.subspan(static_cast<std::size_t>(ceil_div(outputs * positions, 8))));
  const bool once = config.balance == Balance::filter;
  for (std::int64_t group = 0; group < order.groups(); ++group) {
    for (std::int64_t chunk = 0; chunk < order.chunks(); ++chunk) {
      for (std::int64_t place = 0; place < order.filters(group); ++place) {
        std::int64_t filter = group * config.filters() + place;
        if (config.balance == Balance::chunk) {
          filter = group * config.filters() + read.get(order_bits(config));
        } else if (once) {
          filter = chunk == 0 ? read.get(kFilterBits) : order.at(group, 0, place);
        }
        order.set(group, chunk, place, filter);
      }
    }
  }
  return order;
}

}  // namespace syncopate::accel::sparten

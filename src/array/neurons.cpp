#include "array/neurons.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>

namespace syncopate::array {
namespace {

using Extent = std::array<std::int64_t, 3>;

bool convolves(const map::Loops& loops) { return loops.kind == map::WorkKind::conv; }

/// What is contiguous within a block of channels.
struct Contiguous {
  bool slices, rows;
};

/// Pieces of `blocks` whole blocks of channels from all.channel0 on: one for every stretch that is
/// contiguous within a block, with one run per block.
void cut_lines(const NeuronMap& map, Contiguous contiguous, std::int64_t start, std::int64_t blocks,
               const Piece& all, std::vector<Piece>& pieces) {
  const auto& e = map.extent;
  Piece piece = all;
  piece.channel1 = all.channel0 + blocks * map.block;
  piece.runs = blocks;
  piece.pitch = map.plane() * map.block;
  for (std::int64_t t = all.low[0]; t < all.high[0]; t = piece.high[0]) {
    piece.low[0] = t;
    piece.high[0] = contiguous.slices ? all.high[0] : t + 1;
    for (std::int64_t y = all.low[1]; y < all.high[1]; y = piece.high[1]) {
      piece.low[1] = y;
      piece.high[1] = contiguous.rows ? all.high[1] : y + 1;
      const std::int64_t pixels = (piece.high[0] - piece.low[0]) * (piece.high[1] - piece.low[1]) *
                                  (piece.high[2] - piece.low[2]);
      piece.offset =
          start + all.channel0 * map.plane() + ((t * e[1] + y) * e[2] + all.low[2]) * map.block;
      piece.run_elements = pixels * map.block;
      pieces.push_back(piece);
    }
  }
}

}  // namespace

NeuronMap NeuronMap::input(const map::Loops& loops, const NeuronFormat& format) {
  if (!convolves(loops)) return {loops.batch, 1, loops.groups * loops.outs, loops.in, format.block};
  return {loops.batch, loops.groups, loops.ins, loops.in, format.block};
}

NeuronMap NeuronMap::output(const map::Loops& loops, const NeuronFormat& format) {
  if (!convolves(loops)) {
    return {loops.batch, 1, loops.groups * loops.outs, loops.out, format.block};
  }
  return {loops.batch, loops.groups, loops.outs, loops.out, format.block};
}

void cut(const NeuronMap& map, std::int64_t batch, std::int64_t group, std::int64_t channel0,
         std::int64_t channel1, const Extent& low, const Extent& high, std::vector<Piece>& pieces) {
  const std::int64_t plane = map.plane();
  const std::int64_t start = (batch * map.groups + group) * map.channels * plane;
  const auto& e = map.extent;
  Piece piece{batch, group, channel0, channel1, low, high};
  if (low[0] >= high[0] || low[1] >= high[1] || low[2] >= high[2]) return;
  if (low == Extent{0, 0, 0} && high == e) {  // Whole planes: blocks follow each other.
    piece.offset = start + channel0 * plane;
    piece.run_elements = (channel1 - channel0) * plane;
    pieces.push_back(piece);
    return;
  }
  const bool full_rows = low[2] == 0 && high[2] == e[2];
  const bool full_slices = full_rows && low[1] == 0 && high[1] == e[1];
  const std::int64_t whole = (channel1 - channel0) / map.block;
  if (whole > (full_rows ? 1 : high[1] - low[1])) {
    cut_lines(map, {full_slices, full_rows}, start, whole, piece, pieces);
    channel0 += whole * map.block;
  }
  for (std::int64_t c = channel0; c < channel1; c += map.block) {
    const std::int64_t width = std::min(map.block, map.channels - c);
    piece.channel0 = c;
    piece.channel1 = c + width;
    for (std::int64_t t = low[0]; t < high[0]; t = full_slices ? high[0] : t + 1) {
      piece.low[0] = t;
      piece.high[0] = full_slices ? high[0] : t + 1;
      piece.offset = start + c * plane + ((t * e[1] + low[1]) * e[2] + low[2]) * width;
      const std::int64_t rows = (high[1] - low[1]) * (piece.high[0] - t);
      piece.runs = full_rows ? 1 : rows;
      piece.run_elements = (high[2] - low[2]) * width * (full_rows ? rows : 1);
      piece.pitch = full_rows ? 0 : e[2] * width;
      pieces.push_back(piece);
    }
  }
}

void input_pieces(const map::Loops& loops, const NeuronFormat& format, const map::TileBox& box,
                  std::vector<Piece>& pieces) {
  Extent low, high;
  for (int d = 0; d < 3; ++d) {
    const auto i = static_cast<std::size_t>(d);
    const auto range = map::input_range(loops, d, box.begin[i], box.end[i]);
    low[i] = range[0];
    high[i] = range[1];
  }
  const bool conv = convolves(loops);
  cut(NeuronMap::input(loops, format), box.batch, conv ? box.group : 0, conv ? box.in0 : box.out0,
      conv ? box.in1 : box.out1, low, high, pieces);
}

void output_pieces(const map::Loops& loops, const NeuronFormat& format, const map::TileBox& box,
                   std::vector<Piece>& pieces) {
  cut(NeuronMap::output(loops, format), box.batch, convolves(loops) ? box.group : 0, box.out0,
      box.out1, box.begin, box.end, pieces);
}

sim::Transfer transfer_of(const Piece& piece, sim::Stream stream, std::uint64_t base,
                          const NeuronFormat& format) {
  const std::int64_t run = format.bytes(piece.run_elements, piece.run_elements);
  sim::Transfer transfer;
  transfer.stream = stream;
  transfer.address = base + static_cast<std::uint64_t>(piece.offset * kNeuronBytes);
  transfer.bytes = piece.runs * run;
  transfer.runs = piece.runs;
  transfer.pitch = piece.pitch * kNeuronBytes;
  return transfer;
}

template <class Count>
void Density::build(const Count& count) {
  blocks_ = (map_.channels + map_.block - 1) / map_.block;
  const std::int64_t height = map_.extent[1], width = map_.extent[2];
  const std::int64_t slice = (height + 1) * (width + 1);
  const std::int64_t slices = map_.batch * map_.groups * blocks_ * map_.extent[0];
  sums_.assign(static_cast<std::size_t>(slices * slice), 0);
  tbb::parallel_for(std::int64_t{0}, slices, [&](std::int64_t s) {
    const std::int64_t t = s % map_.extent[0], block = s / map_.extent[0] % blocks_;
    const std::int64_t group = s / map_.extent[0] / blocks_ % map_.groups;
    const std::int64_t batch = s / map_.extent[0] / blocks_ / map_.groups;
    const std::int64_t channel = group * map_.channels + block * map_.block;
    const std::int64_t channels = std::min(map_.block, map_.channels - block * map_.block);
    std::int32_t* sums = sums_.data() + s * slice;
    for (std::int64_t y = 0; y < height; ++y) {
      const std::int64_t row = ((batch * map_.extent[0] + t) * height + y) * width;
      std::int32_t along = 0;
      for (std::int64_t x = 0; x < width; ++x) {
        along += count(row + x, channel, channels);
        sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + along;
      }
    }
  });
}

Density::Density(const NeuronMap& map, const sim::BitPlane& bits) : map_(map) {
  build([&](std::int64_t row, std::int64_t channel, std::int64_t channels) {
    const std::uint64_t* words = bits.data.data() + row * bits.words + channel / 64;
    const auto shift = static_cast<unsigned>(channel % 64);
    std::uint64_t word = words[0] >> shift;
    if (shift + static_cast<unsigned>(channels) > 64) word |= words[1] << (64 - shift);
    return std::popcount(word & ((1ULL << channels) - 1));
  });
}

Density::Density(const NeuronMap& map, std::span<const std::int16_t> values) : map_(map) {
  const std::int64_t stride = map.groups * map.channels;
  build([&](std::int64_t row, std::int64_t channel, std::int64_t channels) {
    const std::int16_t* at = values.data() + row * stride + channel;
    std::int32_t found = 0;
    for (std::int64_t i = 0; i < channels; ++i) found += at[i] != 0;
    return found;
  });
}

std::int64_t Density::nonzero(const Piece& piece) const {
  const std::int64_t width = map_.extent[2] + 1, slice = (map_.extent[1] + 1) * width;
  std::int64_t total = 0;
  for (std::int64_t c = piece.channel0; c < piece.channel1; c += map_.block) {
    const std::int64_t first =
        ((piece.batch * map_.groups + piece.group) * blocks_ + c / map_.block) * map_.extent[0];
    for (std::int64_t t = piece.low[0]; t < piece.high[0]; ++t) {
      const std::int32_t* s = sums_.data() + (first + t) * slice;
      total += s[piece.high[1] * width + piece.high[2]] - s[piece.low[1] * width + piece.high[2]] -
               s[piece.high[1] * width + piece.low[2]] + s[piece.low[1] * width + piece.low[2]];
    }
  }
  return total;
}

}  // namespace syncopate::array

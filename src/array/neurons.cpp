#include "array/neurons.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>

#include "array/block_counts.h"
#include "sim/bits.h"

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
  Piece common = all;
  common.channel1 = all.channel0 + blocks * map.block;
  common.runs = blocks;
  common.pitch = map.plane() * map.block;
  for (std::int64_t t = all.low[0], t1 = t; t < all.high[0]; t = t1) {
    t1 = contiguous.slices ? all.high[0] : t + 1;
    for (std::int64_t y = all.low[1], y1 = y; y < all.high[1]; y = y1) {
      y1 = contiguous.rows ? all.high[1] : y + 1;
      // Filled in place: a copy of what has just been written piecemeal would stall.
      Piece& piece = pieces.emplace_back(common);
      piece.low = {t, y, all.low[2]};
      piece.high = {t1, y1, all.high[2]};
      piece.offset =
          start + all.channel0 * map.plane() + ((t * e[1] + y) * e[2] + all.low[2]) * map.block;
      piece.run_elements = (t1 - t) * (y1 - y) * (all.high[2] - all.low[2]) * map.block;
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
  const auto spans = [&](std::size_t d) { return low[d] == 0 && high[d] == e[d]; };
  if (spans(0) && spans(1) && spans(2)) {  // Whole planes: blocks follow each other.
    piece.offset = start + channel0 * plane;
    piece.run_elements = (channel1 - channel0) * plane;
    pieces.push_back(piece);
    return;
  }
  const bool full_rows = spans(2);
  const bool full_slices = full_rows && spans(1);
  const std::int64_t whole = (channel1 - channel0) / map.block;
  if (whole > (full_rows ? 1 : high[1] - low[1])) {
    cut_lines(map, {full_slices, full_rows}, start, whole, piece, pieces);
    channel0 += whole * map.block;
  }
  for (std::int64_t c = channel0; c < channel1; c += map.block) {
    const std::int64_t width = std::min(map.block, map.channels - c);
    for (std::int64_t t = low[0], t1 = t; t < high[0]; t = t1) {
      t1 = full_slices ? high[0] : t + 1;
      const std::int64_t rows = (high[1] - low[1]) * (t1 - t);
      Piece& part = pieces.emplace_back(piece);
      part.channel0 = c;
      part.channel1 = c + width;
      part.low[0] = t;
      part.high[0] = t1;
      part.offset = start + c * plane + ((t * e[1] + low[1]) * e[2] + low[2]) * width;
      part.runs = full_rows ? 1 : rows;
      part.run_elements = (high[2] - low[2]) * width * (full_rows ? rows : 1);
      part.pitch = full_rows ? 0 : e[2] * width;
    }
  }
}

std::int64_t distance(const NeuronMap& map, const Piece& piece, const Place& further) {
  const auto& e = map.extent;
  const std::int64_t channels =
      (further.batch * map.groups + further.group) * map.channels + further.channel;
  // Within a plane neurons of a block of channels lie together; the last block may be smaller.
  const std::int64_t width = std::min(map.block, piece.channel1 - piece.channel0);
  return channels * map.plane() +
         ((further.low[0] * e[1] + further.low[1]) * e[2] + further.low[2]) * width;
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

/// Sums along a line, and over blocks of channels.
template <class Lines>
void Density::sum_line(std::int64_t line, const Lines& lines) {
  const std::int64_t height = map_.extent[1], width = map_.extent[2], y = line % height;
  const std::int64_t slice = line / height, t = slice % map_.extent[0];
  const std::int64_t group = slice / map_.extent[0] % map_.groups;
  const std::int64_t batch = slice / map_.extent[0] / map_.groups;
  thread_local std::vector<std::uint64_t> scratch;
  LineOfMasks masks;
  masks.words = lines(((batch * map_.extent[0] + t) * height + y) * width, scratch);
  masks.pitch = (map_.groups * map_.channels + 63) / 64;
  masks.pixels = width;
  masks.first = group * map_.channels;
  masks.channels = map_.channels;
  masks.block = map_.block;
  masks.last = group == map_.groups - 1;
  // The place to the left holds what came before.
  std::uint32_t* to = sums_.get() + index(slice, y + 1, 0, 0);
  std::fill_n(to, blocks_ + 1, 0U);
  sum_blocks(masks, to + blocks_ + 1);
}

template <class Lines>
void Density::build(const Lines& lines) {
  constexpr std::int64_t kAlone = 1 << 17;  ///< Entries that are not worth several threads.
  using Range = tbb::blocked_range<std::int64_t>;
  blocks_ = (map_.channels + map_.block - 1) / map_.block;
  const std::int64_t slices = map_.batch * map_.groups * map_.extent[0], height = map_.extent[1];
  const std::int64_t line = (map_.extent[2] + 1) * (blocks_ + 1);
  const std::int64_t entries = slices * (height + 1) * line;
  sums_ = std::make_unique_for_overwrite<std::uint32_t[]>(static_cast<std::size_t>(entries));
  for (std::int64_t s = 0; s < slices; ++s) std::fill_n(sums_.get() + index(s, 0, 0, 0), line, 0U);
  if (entries < kAlone) {
    for (std::int64_t i = 0; i < slices * height; ++i) {
      sum_line(i, lines);
      std::uint32_t* to = sums_.get() + index(i / height, i % height + 1, 0, 0);
      add_counts(to - line, line, to);
    }
    return;
  }
  tbb::parallel_for(Range(0, slices * height, 1), [&](const Range& range) {
    for (std::int64_t i = range.begin(); i != range.end(); ++i) sum_line(i, lines);
  });
  tbb::parallel_for(Range(0, slices * line, 1024), [&](const Range& range) {
    for (std::int64_t i = range.begin(); i != range.end();) {
      const std::int64_t slice = i / line, end = std::min(range.end(), (slice + 1) * line);
      std::uint32_t* to = sums_.get() + slice * height * line + i;
      for (std::int64_t y = 0; y < height; ++y, to += line) add_counts(to, end - i, to + line);
      i = end;
    }
  });
}

Density::Density(const NeuronMap& map, std::int64_t run_bits, const sim::BitPlane& bits)
    : map_(map) {
  const auto build_from = [this](const sim::BitPlane& plane) {
    build([&](std::int64_t row, std::vector<std::uint64_t>&) { return plane.row(row).data(); });
  };
  if (run_bits == 0) {
    build_from(bits);
  } else {
    sim::BitPlane marked = bits;
    mark_entries(map, run_bits, marked);
    build_from(marked);
  }
}

Density::Density(const NeuronMap& map, std::int64_t run_bits, std::span<const std::int16_t> values)
    : map_(map) {
  const auto channels = static_cast<std::size_t>(map.groups * map.channels);
  const std::size_t words = (channels + 63) / 64;
  const auto row_of = [&](std::int64_t row) {
    return values.subspan(static_cast<std::size_t>(row) * channels, channels);
  };
  if (run_bits == 0) {
    build([&](std::int64_t row, std::vector<std::uint64_t>& scratch) {
      const auto pixels = static_cast<std::size_t>(map.extent[2]);
      scratch.resize(pixels * words);
      if (channels % 64 == 0) {
        sim::pack_nonzero(
            values.subspan(static_cast<std::size_t>(row) * channels, pixels * channels),
            scratch.data());
        return scratch.data();
      }
      for (std::size_t x = 0; x < pixels; ++x) {
        sim::pack_nonzero(row_of(row + static_cast<std::int64_t>(x)), scratch.data() + x * words);
      }
      return scratch.data();
    });
    return;
  }
  sim::BitPlane plane;
  plane.rows = map.batch * map.plane();
  plane.bits = static_cast<std::int64_t>(channels);
  plane.words = static_cast<std::int64_t>(words);
  plane.data.resize(static_cast<std::size_t>(plane.rows * plane.words));
  tbb::parallel_for(std::int64_t{0}, plane.rows, [&](std::int64_t row) {
    sim::pack_nonzero(row_of(row), plane.data.data() + row * plane.words);
  });
  *this = Density(map, run_bits, plane);
}

void mark_entries(const NeuronMap& map, std::int64_t run_bits, sim::BitPlane& bits) {
  const std::int64_t plane = map.plane(), words = bits.words;
  // 64 maps at a time; their counts of zeros since the last entry are bit-sliced.
  tbb::parallel_for(std::int64_t{0}, map.batch * words, [&](std::int64_t i) {
    const std::int64_t word = i % words, left = bits.bits - word * 64;
    const std::uint64_t present = left >= 64 ? ~0ULL : (1ULL << left) - 1;
    std::uint64_t* at = bits.data.data() + i / words * plane * words + word;
    std::array<std::uint64_t, 64> zeros{};
    for (std::int64_t pixel = 0; pixel < plane; ++pixel, at += words) {
      std::uint64_t full = ~0ULL;
      for (std::int64_t b = 0; b < run_bits; ++b) full &= zeros[static_cast<std::size_t>(b)];
      const std::uint64_t entry = (*at | full) & present;
      std::uint64_t carry = ~entry;
      for (std::int64_t b = 0; b < run_bits; ++b) {
        std::uint64_t& digit = zeros[static_cast<std::size_t>(b)];
        const std::uint64_t next = digit & carry;
        digit = (digit ^ carry) & ~entry;
        carry = next;
      }
      *at = entry;
    }
  });
}

Density::Corners Density::corners(const Piece& piece) const {
  const std::int64_t low = piece.channel0 / map_.block;
  const std::int64_t high = (piece.channel1 + map_.block - 1) / map_.block;
  const std::int64_t slice =
      (piece.batch * map_.groups + piece.group) * map_.extent[0] + piece.low[0];
  const auto at = [&](std::int64_t y, std::int64_t x, std::int64_t block) {
    return index(slice, y, x, block);
  };
  Corners corners;
  corners.plus = {at(piece.high[1], piece.high[2], high), at(piece.high[1], piece.low[2], low),
                  at(piece.low[1], piece.high[2], low), at(piece.low[1], piece.low[2], high)};
  corners.minus = {at(piece.high[1], piece.high[2], low), at(piece.high[1], piece.low[2], high),
                   at(piece.low[1], piece.high[2], high), at(piece.low[1], piece.low[2], low)};
  corners.slices = piece.high[0] - piece.low[0];
  return corners;
}

std::int64_t Density::distance(const Place& further) const {
  const std::int64_t slices =
      (further.batch * map_.groups + further.group) * map_.extent[0] + further.low[0];
  return index(slices, further.low[1], further.low[2], further.channel / map_.block);
}

std::int64_t Density::entries(const Corners& corners, std::int64_t distance) const {
  const std::int64_t step = index(1, 0, 0, 0);
  const std::uint32_t* from = sums_.get() + distance;
  std::int64_t total = 0;
  for (std::int64_t t = 0; t < corners.slices; ++t, from += step) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 4; ++i) sum += from[corners.plus[i]] - from[corners.minus[i]];
    total += sum;
  }
  return total;
}

}  // namespace syncopate::array

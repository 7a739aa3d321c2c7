#include "array/window_bits.h"

#include <array>
#include <cstring>

#include "array/patches.h"
#include "base/simd.h"

namespace syncopate::array {
namespace {

using Extent = std::array<std::int64_t, 3>;

/// The input that a box reads, padding included, as a small array of its own. Dimensions without a
/// window keep only the places that are read.
struct Region {
  Extent size, stride, step;  ///< `stride`: between pixels; `step`: of the input per place.
  Extent start;
  Extent dilation;

  Region(const map::Loops& loops, const map::TileBox& box) {
    for (std::size_t d = 0; d < 3; ++d) {
      const std::int64_t pixels = box.end[d] - box.begin[d];
      const bool window = loops.kernel[d] > 1;
      stride[d] = window ? loops.stride[d] : 1;
      step[d] = window ? 1 : loops.stride[d];
      size[d] = (pixels - 1) * stride[d] + (loops.kernel[d] - 1) * loops.dilation[d] + 1;
      start[d] = box.begin[d] * loops.stride[d] - loops.pad[d];
      dilation[d] = loops.dilation[d];
    }
  }
  std::int64_t places() const { return size[0] * size[1] * size[2]; }
  /// Calls visit(place, row) for every place; `row` is that of the input, -1 in the padding.
  template <class Visit>
  void for_each(const map::Loops& loops, std::int64_t batch, const Visit& visit) const {
    const auto inside = [&](std::size_t d, std::int64_t at) { return at >= 0 && at < loops.in[d]; };
    std::int64_t place = 0;
    for (std::int64_t i = 0; i < size[0]; ++i) {
      const std::int64_t t = start[0] + i * step[0];
      for (std::int64_t j = 0; j < size[1]; ++j) {
        const std::int64_t y = start[1] + j * step[1];
        const std::int64_t line = ((batch * loops.in[0] + t) * loops.in[1] + y) * loops.in[2];
        const bool open = inside(0, t) && inside(1, y);
        std::int64_t x = start[2];
        for (std::int64_t k = 0; k < size[2]; ++k, x += step[2]) {
          visit(place++, open && inside(2, x) ? line + x : -1);
        }
      }
    }
  }
};

/// Calls visit(pixel, corner) for every pixel of a box: `corner` is the place where its window
/// begins.
template <class Visit>
void for_each_pixel(const Region& region, const map::TileBox& box, const Visit& visit) {
  std::int64_t pixel = 0;
  for (std::int64_t t = 0; t < box.end[0] - box.begin[0]; ++t) {
    for (std::int64_t y = 0; y < box.end[1] - box.begin[1]; ++y) {
      const std::int64_t line =
          (t * region.stride[0] * region.size[1] + y * region.stride[1]) * region.size[2];
      for (std::int64_t x = 0; x < box.end[2] - box.begin[2]; ++x) {
        visit(pixel++, line + x * region.stride[2]);
      }
    }
  }
}

/// A stretch of a window that is contiguous in the region.
struct Stretches {
  std::vector<std::int64_t> offsets;  ///< In places, from the corner.
  std::int64_t places = 1;            ///< Of each.

  Stretches(const map::Loops& loops, const Region& region, bool merge) {
    const bool lines = merge && (loops.dilation[2] == 1 || loops.kernel[2] == 1);
    places = lines ? loops.kernel[2] : 1;
    for (std::int64_t t = 0; t < loops.kernel[0]; ++t) {
      for (std::int64_t y = 0; y < loops.kernel[1]; ++y) {
        const std::int64_t line =
            (t * region.dilation[0] * region.size[1] + y * region.dilation[1]) * region.size[2];
        for (std::int64_t x = 0; x < loops.kernel[2]; x += places) {
          offsets.push_back(line + x * region.dilation[2]);
        }
      }
    }
  }
};

/// Copies `bytes` rounded up to eight.
inline void copy_eights(const std::byte* from, std::int64_t bytes, std::byte* to) {
  for (std::int64_t i = 0; i < bytes; i += 8) std::memcpy(to + i, from + i, 8);
}

/// Channels that fill whole bytes: windows are copied line by line.
template <class Size>
void by_bytes(const sim::LayerData& data, const map::TileBox& box, Size cell, std::int64_t words,
              std::vector<std::uint64_t>& rows) {
  const map::Loops& loops = data.loops();
  const sim::BitPlane& plane = data.input_bits();
  const Region region(loops, box);
  const Stretches stretches(loops, region, true);
  thread_local std::vector<std::byte> local;
  local.resize(static_cast<std::size_t>(region.places() * cell + 8));
  const auto* bits =
      reinterpret_cast<const std::byte*>(plane.data.data()) + (box.group * loops.ins + box.in0) / 8;
  region.for_each(loops, box.batch, [&](std::int64_t place, std::int64_t row) {
    std::byte* to = local.data() + place * cell;
    if (row < 0) {
      std::memset(to, 0, static_cast<std::size_t>(cell));
    } else {
      std::memcpy(to, bits + row * plane.words * 8, static_cast<std::size_t>(cell));
    }
  });
  const std::int64_t run = stretches.places * cell;
  const std::int64_t used = run * static_cast<std::int64_t>(stretches.offsets.size());
  auto* out = reinterpret_cast<std::byte*>(rows.data());
  for_each_pixel(region, box, [&](std::int64_t pixel, std::int64_t corner) {
    // What is copied too much is written over, or cleared at the end of the row.
    std::byte* to = out + pixel * words * 8;
    const std::byte* from = local.data() + corner * cell;
    for (const std::int64_t offset : stretches.offsets) {
      copy_eights(from + offset * cell, run, to);
      to += run;
    }
    std::memset(to, 0, static_cast<std::size_t>(words * 8 - used));
  });
}

/// Up to 64 channels from any bit on.
void by_bits(const sim::LayerData& data, const map::TileBox& box, std::int64_t words,
             std::vector<std::uint64_t>& rows) {
  const map::Loops& loops = data.loops();
  const sim::BitPlane& plane = data.input_bits();
  const std::int64_t channels = box.in1 - box.in0, first = box.group * loops.ins + box.in0;
  const Region region(loops, box);
  const Stretches stretches(loops, region, loops.kernel[2] * channels <= 64);
  const std::int64_t run = stretches.places * channels;
  thread_local std::vector<std::uint64_t> local;
  local.assign(static_cast<std::size_t>(region.places()), 0);
  region.for_each(loops, box.batch, [&](std::int64_t place, std::int64_t row) {
    if (row < 0) return;
    append_bits(plane.row(row).data(), first, channels, &local[static_cast<std::size_t>(place)], 0);
  });
  if (stretches.places > 1) {  // Every place gets those of its stretch, too.
    const std::uint64_t keep = ~std::uint64_t{0} >> (64 - run);
    std::uint64_t behind = 0;
    for (auto place = local.rbegin(); place != local.rend(); ++place) {
      *place = behind = (behind << channels | *place) & keep;
    }
  }
  for_each_pixel(region, box, [&](std::int64_t pixel, std::int64_t corner) {
    std::uint64_t* row = rows.data() + pixel * words;
    std::memset(row, 0, static_cast<std::size_t>(words) * 8);
    std::int64_t at = 0;
    for (const std::int64_t offset : stretches.offsets) {
      const std::uint64_t mask = local[static_cast<std::size_t>(corner + offset)];
      row[at / 64] |= mask << (at % 64);
      if (at % 64 + run > 64) row[at / 64 + 1] |= mask >> (64 - at % 64);
      at += run;
    }
  });
}

/// Where the words of a column come from.
struct ColumnSource {
  const std::uint64_t* words;  ///< Of the first channels of row 0.
  std::int64_t pitch;          ///< From row to row.
  std::uint64_t mask;          ///< Channels that belong to the block.
};

/// One column under one kernel position: a word of every pixel.
void fill_column(const map::Loops& loops, const map::TileBox& box, const Extent& kernel,
                 const ColumnSource& source, std::uint64_t* column) {
  const auto at = [&](std::size_t d, std::int64_t pixel) {
    return pixel * loops.stride[d] + kernel[d] * loops.dilation[d] - loops.pad[d];
  };
  const auto inside = [&](std::size_t d, std::int64_t i) { return i >= 0 && i < loops.in[d]; };
  const std::int64_t step = loops.stride[2] * source.pitch;
  for (std::int64_t t = box.begin[0]; t < box.end[0]; ++t) {
    for (std::int64_t y = box.begin[1]; y < box.end[1]; ++y) {
      std::int64_t x = box.begin[2], last = box.end[2];
      std::uint64_t* const end = column + (last - x);
      if (!inside(0, at(0, t)) || !inside(1, at(1, y))) last = x;
      for (; x < last && at(2, x) < 0; ++x) *column++ = 0;
      while (last > x && at(2, last - 1) >= loops.in[2]) --last;
      const std::int64_t line =
          ((box.batch * loops.in[0] + at(0, t)) * loops.in[1] + at(1, y)) * loops.in[2];
      if (x < last) {
        const std::uint64_t* from = source.words + (line + at(2, x)) * source.pitch;
        for (; x < last; ++x, from += step) *column++ = *from & source.mask;
      }
      while (column != end) *column++ = 0;
    }
  }
}

/// Cells of 16 channels of a region, and where the windows of a box's pixels find theirs.
struct Cells {
  const std::uint16_t* cells = nullptr;                  ///< Of all places.
  std::int64_t lines = 0, pixels = 0;                    ///< Of the box; pixels of a line.
  std::int64_t per_slice = 0;                            ///< Lines of a slice.
  std::int64_t slice_step = 0, line_step = 0, step = 0;  ///< Places between them.
};

/// ORs a cell of every pixel, `offset` places from its corner, into a column.
SYNCOPATE_MULTIVERSION void or_cells(const Cells& from, std::int64_t offset, int shift,
                                     std::uint64_t* column) {
  for (std::int64_t line = 0; line < from.lines; ++line, column += from.pixels) {
    const std::uint16_t* at = from.cells + offset + line / from.per_slice * from.slice_step +
                              line % from.per_slice * from.line_step;
    if (from.step == 1) {
      for (std::int64_t x = 0; x < from.pixels; ++x) column[x] |= std::uint64_t{at[x]} << shift;
    } else {
      for (std::int64_t x = 0; x < from.pixels; ++x) {
        column[x] |= std::uint64_t{at[x * from.step]} << shift;
      }
    }
  }
}

/// Columns of windows whose channels come in cells of 16: four cells fill a word.
void columns_of_cells(const sim::LayerData& data, const map::TileBox& box, std::int64_t length,
                      std::uint64_t* columns) {
  const map::Loops& loops = data.loops();
  const sim::BitPlane& plane = data.input_bits();
  const Region region(loops, box);
  const Stretches positions(loops, region, false);
  const std::int64_t places = region.places(), per_position = (box.in1 - box.in0) / 16;
  thread_local std::vector<std::uint16_t> local;  // All places' first cells, then their second ...
  local.assign(static_cast<std::size_t>(places * per_position), 0);
  const auto* bits = reinterpret_cast<const std::uint16_t*>(plane.data.data()) +
                     (box.group * loops.ins + box.in0) / 16;
  region.for_each(loops, box.batch, [&](std::int64_t place, std::int64_t row) {
    if (row < 0) return;
    const std::uint16_t* from = bits + row * plane.words * 4;
    std::uint16_t* to = local.data() + place;
    for (std::int64_t i = 0; i < per_position; ++i, to += places) *to = from[i];
  });
  Cells cells;
  cells.pixels = box.end[2] - box.begin[2];
  cells.per_slice = box.end[1] - box.begin[1];
  cells.lines = cells.per_slice * (box.end[0] - box.begin[0]);
  cells.step = region.stride[2];
  cells.line_step = region.stride[1] * region.size[2];
  cells.slice_step = region.stride[0] * region.size[1] * region.size[2];
  std::int64_t at = 0;  // In cells of the window.
  for (const std::int64_t offset : positions.offsets) {
    for (std::int64_t i = 0; i < per_position; ++i, ++at) {
      cells.cells = local.data() + i * places;
      or_cells(cells, offset, static_cast<int>(at % 4 * 16), columns + at / 4 * length);
    }
  }
}

}  // namespace

bool window_columns(const sim::LayerData& data, const map::TileBox& box, std::int64_t words,
                    std::int64_t length, std::vector<std::uint64_t>& columns) {
  const map::Loops& loops = data.loops();
  const sim::BitPlane& plane = data.input_bits();
  const std::int64_t channels = box.in1 - box.in0, first = box.group * loops.ins + box.in0;
  if (first % 64 != 0 || (channels % 64 != 0 && loops.kernel_size() > 1)) {
    if (channels % 16 != 0 || first % 16 != 0) return false;
    std::fill_n(columns.data(), words * length, 0);
    columns_of_cells(data, box, length, columns.data());
    return true;
  }
  std::uint64_t* column = columns.data();
  Extent k{};
  for (k[0] = 0; k[0] < loops.kernel[0]; ++k[0]) {
    for (k[1] = 0; k[1] < loops.kernel[1]; ++k[1]) {
      for (k[2] = 0; k[2] < loops.kernel[2]; ++k[2]) {
        for (std::int64_t c = 0; c < channels; c += 64, column += length) {
          const std::int64_t left = channels - c;
          const ColumnSource source{plane.data.data() + (first + c) / 64, plane.words,
                                    left >= 64 ? ~0ULL : (1ULL << left) - 1};
          fill_column(loops, box, k, source, column);
          std::fill(column + box.pixels(), column + length, 0);
        }
      }
    }
  }
  std::fill(column, columns.data() + words * length, 0);
  return true;
}

void window_bits(const sim::LayerData& data, const map::TileBox& box, std::int64_t words,
                 std::vector<std::uint64_t>& rows) {
  rows.resize(static_cast<std::size_t>(box.pixels() * words + 1));
  const std::int64_t channels = box.in1 - box.in0;
  const std::int64_t first = box.group * data.loops().ins + box.in0;
  if (channels % 8 == 0 && first % 8 == 0) {
    if (channels == 16) {
      by_bytes(data, box, std::integral_constant<std::int64_t, 2>{}, words, rows);
    } else {
      by_bytes(data, box, channels / 8, words, rows);
    }
    return;
  }
  if (channels <= 64) return by_bits(data, box, words, rows);
  const Patches patches(data, box);
  for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) {
    patches.bits(pixel, std::span(rows).subspan(static_cast<std::size_t>(pixel * words),
                                                static_cast<std::size_t>(words)));
  }
}

}  // namespace syncopate::array

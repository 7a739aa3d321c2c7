#include "codec/sparse.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.h"

namespace syncopate::codec {
namespace {

using Positions = std::vector<std::int64_t>;

void put_wide(BitWriter& writer, std::int64_t value, int bits) {
  for (int done = 0; done < bits; done += 16) {
    const int now = std::min(16, bits - done);
    writer.put(static_cast<std::uint32_t>(value >> done) & ((1U << now) - 1), now);
  }
}
std::int64_t get_wide(BitReader& reader, int bits) {
  std::int64_t value = 0;
  for (int done = 0; done < bits; done += 16) {
    value |= static_cast<std::int64_t>(reader.get(std::min(16, bits - done))) << done;
  }
  return value;
}

/// Bits of a number from 0 to `most`.
int width_of(std::int64_t most) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(most)));
}

std::int64_t field_top(const IndexOptions& o) { return (std::int64_t{1} << o.field_bits) - 1; }

void check(std::size_t mask, const IndexOptions& o) {
  if (o.rows < 0 || o.columns < 0 || static_cast<std::int64_t>(mask) != o.rows * o.columns) {
    broken("a mask of {} for {} rows of {}", mask, o.rows, o.columns);
  }
  if (o.field_bits < 1 || o.field_bits > 24 || o.block_rows < 1 || o.block_columns < 1) {
    broken("index fields of {} bits, blocks of {} by {}", o.field_bits, o.block_rows,
           o.block_columns);
  }
}

/// Calls visit(distance, position) for each stored value and each bridge.
template <class Visit>
void for_each_step(std::span<const std::uint8_t> mask, const IndexOptions& o, Visit visit) {
  const std::int64_t top = field_top(o);
  std::int64_t last = 0;  // the first distance is from the beginning
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) continue;
    const auto at = static_cast<std::int64_t>(i);
    for (; at - last > top; last += top) visit(top, last + top);
    visit(at - last, at);
    last = at;
  }
}

/// Calls visit(length) for each field of run lengths, zeros first.
template <class Visit>
void for_each_run(std::span<const std::uint8_t> mask, const IndexOptions& o, Visit visit) {
  const std::int64_t top = field_top(o);
  bool nonzero = false;
  for (std::size_t at = 0; at < mask.size(); nonzero = !nonzero) {
    std::size_t end = at;
    while (end < mask.size() && (mask[end] != 0) == nonzero) ++end;
    auto length = static_cast<std::int64_t>(end - at);
    for (; length > top; length -= top) {
      visit(top);
      visit(0);
    }
    visit(length);
    at = end;
  }
}

/// Calls visit(live, first row, first column) for each block, row by row.
template <class Visit>
void for_each_block(std::span<const std::uint8_t> mask, const IndexOptions& o, Visit visit) {
  for (std::int64_t r = 0; r < o.rows; r += o.block_rows) {
    for (std::int64_t c = 0; c < o.columns; c += o.block_columns) {
      bool live = false;
      for (std::int64_t y = r; y < std::min(r + o.block_rows, o.rows) && !mask.empty(); ++y) {
        for (std::int64_t x = c; x < std::min(c + o.block_columns, o.columns); ++x) {
          live |= mask[static_cast<std::size_t>(y * o.columns + x)] != 0;
        }
      }
      visit(live, r, c);
    }
  }
}

void store_block(Positions& stored, const IndexOptions& o, std::int64_t r, std::int64_t c) {
  for (std::int64_t y = r; y < std::min(r + o.block_rows, o.rows); ++y) {
    for (std::int64_t x = c; x < std::min(c + o.block_columns, o.columns); ++x) {
      stored.push_back(y * o.columns + x);
    }
  }
}

/// CSR and CSC are one format over `lines` of `length` places each.
struct Compressed {
  std::int64_t lines, length, line_stride, place_stride;

  explicit Compressed(const IndexOptions& o) {
    const bool rows = o.format == IndexFormat::csr;
    lines = rows ? o.rows : o.columns;
    length = rows ? o.columns : o.rows;
    line_stride = rows ? o.columns : 1;
    place_stride = rows ? 1 : o.columns;
  }
  int pointer_bits() const { return width_of(lines * length); }
  int place_bits() const { return width_of(std::max<std::int64_t>(length - 1, 0)); }
};

void encode_compressed(std::span<const std::uint8_t> mask, const IndexOptions& o, BitWriter& writer,
                       Positions& stored) {
  const Compressed m(o);
  put_wide(writer, 0, m.pointer_bits());
  for (std::int64_t line = 0; line < m.lines; ++line) {
    for (std::int64_t i = 0; i < m.length; ++i) {
      const std::int64_t at = line * m.line_stride + i * m.place_stride;
      if (mask[static_cast<std::size_t>(at)] != 0) stored.push_back(at);
    }
    put_wide(writer, static_cast<std::int64_t>(stored.size()), m.pointer_bits());
  }
  for (const std::int64_t at : stored) {
    put_wide(writer, at / m.place_stride % m.length, m.place_bits());
  }
}

Positions decode_compressed(BitReader& reader, const IndexOptions& o) {
  const Compressed m(o);
  std::vector<std::int64_t> ends;
  for (std::int64_t line = 0; line <= m.lines; ++line) {
    ends.push_back(get_wide(reader, m.pointer_bits()));
    const std::int64_t before = line == 0 ? 0 : ends[ends.size() - 2];
    if (ends.back() < before || ends.back() - before > (line == 0 ? 0 : m.length)) {
      fail("line {} of its index ends at {}, after {}", line, ends.back(), before);
    }
  }
  Positions stored;
  for (std::int64_t line = 0; line < m.lines; ++line) {
    std::int64_t last = -1;
    while (static_cast<std::int64_t>(stored.size()) < ends[static_cast<std::size_t>(line) + 1]) {
      const std::int64_t place = get_wide(reader, m.place_bits());
      if (place <= last || place >= m.length) fail("its index has place {} after {}", place, last);
      last = place;
      stored.push_back(line * m.line_stride + place * m.place_stride);
    }
  }
  return stored;
}

Positions decode_steps(BitReader& reader, const IndexOptions& o) {
  const std::int64_t size = o.rows * o.columns;
  const std::int64_t fields = get_wide(reader, width_of(size));
  Positions stored;
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < fields; ++i) {
    const auto distance = static_cast<std::int64_t>(reader.get(o.field_bits));
    at += distance;
    if (at >= size || (i > 0 && distance == 0)) fail("its index has a distance of {}", distance);
    stored.push_back(at);
  }
  return stored;
}

Positions decode_runs(BitReader& reader, const IndexOptions& o) {
  Positions stored;
  bool nonzero = false;
  // Empty runs take bits, so a hostile index ends too.
  for (std::int64_t at = 0; at < o.rows * o.columns; nonzero = !nonzero) {
    const auto length = static_cast<std::int64_t>(reader.get(o.field_bits));
    if (length > o.rows * o.columns - at) fail("a run of its index leaves the matrix");
    for (std::int64_t i = 0; i < length; ++i, ++at) {
      if (nonzero) stored.push_back(at);
    }
  }
  return stored;
}

Positions decode_bitmap(BitReader& reader, const IndexOptions& o) {
  Positions stored;
  for (std::int64_t at = 0; at < o.rows * o.columns; ++at) {
    if (reader.get(1) != 0) stored.push_back(at);
  }
  return stored;
}

Positions decode_blocks(BitReader& reader, const IndexOptions& o) {
  Positions stored;
  for_each_block({}, o, [&](bool, std::int64_t r, std::int64_t c) {
    if (reader.get(1) != 0) store_block(stored, o, r, c);
  });
  return stored;
}

struct Name {
  IndexFormat format;
  std::string_view name;
};
constexpr std::array kNames = {Name{IndexFormat::bitmap, "bitmap"},
                               Name{IndexFormat::step, "step"},
                               Name{IndexFormat::run_length, "run length"},
                               Name{IndexFormat::block, "block"},
                               Name{IndexFormat::csr, "CSR"},
                               Name{IndexFormat::csc, "CSC"}};
constexpr std::array kFormats = {IndexFormat::bitmap, IndexFormat::step, IndexFormat::run_length,
                                 IndexFormat::block,  IndexFormat::csr,  IndexFormat::csc};

}  // namespace

std::string_view name_of(IndexFormat format) {
  for (const Name& entry : kNames) {
    if (entry.format == format) return entry.name;
  }
  broken("unknown index format {}", static_cast<int>(format));
}

std::span<const IndexFormat> index_formats() { return kFormats; }

SparseIndex encode_index(std::span<const std::uint8_t> mask, const IndexOptions& o) {
  check(mask.size(), o);
  SparseIndex index;
  BitWriter writer(index.bytes);
  Positions& stored = index.stored;
  switch (o.format) {
    case IndexFormat::bitmap:
      for (std::size_t at = 0; at < mask.size(); ++at) {
        writer.put(mask[at] != 0 ? 1 : 0, 1);
        if (mask[at] != 0) stored.push_back(static_cast<std::int64_t>(at));
      }
      break;
    case IndexFormat::step: {
      std::vector<std::uint32_t> distances;
      for_each_step(mask, o, [&](std::int64_t distance, std::int64_t at) {
        distances.push_back(static_cast<std::uint32_t>(distance));
        stored.push_back(at);
      });
      put_wide(writer, static_cast<std::int64_t>(stored.size()), width_of(o.rows * o.columns));
      for (const std::uint32_t distance : distances) writer.put(distance, o.field_bits);
      break;
    }
    case IndexFormat::run_length:
      for_each_run(mask, o, [&](std::int64_t length) {
        writer.put(static_cast<std::uint32_t>(length), o.field_bits);
      });
      for (std::size_t at = 0; at < mask.size(); ++at) {
        if (mask[at] != 0) stored.push_back(static_cast<std::int64_t>(at));
      }
      break;
    case IndexFormat::block:
      for_each_block(mask, o, [&](bool live, std::int64_t r, std::int64_t c) {
        writer.put(live ? 1 : 0, 1);
        if (live) store_block(stored, o, r, c);
      });
      break;
    case IndexFormat::csr:
    case IndexFormat::csc:
      encode_compressed(mask, o, writer, stored);
      break;
  }
  index.bits = writer.bits();
  writer.finish();
  return index;
}

std::vector<std::int64_t> decode_index(std::span<const std::byte> bytes, const IndexOptions& o) {
  check(static_cast<std::size_t>(o.rows * o.columns), o);
  BitReader reader(bytes);
  switch (o.format) {
    case IndexFormat::bitmap:
      return decode_bitmap(reader, o);
    case IndexFormat::step:
      return decode_steps(reader, o);
    case IndexFormat::run_length:
      return decode_runs(reader, o);
    case IndexFormat::block:
      return decode_blocks(reader, o);
    case IndexFormat::csr:
    case IndexFormat::csc:
      return decode_compressed(reader, o);
  }
  broken("unknown index format {}", static_cast<int>(o.format));
}

}  // namespace syncopate::codec

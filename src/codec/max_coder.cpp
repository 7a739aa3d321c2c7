#include "codec/max_coder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "codec/max_model.h"

namespace syncopate::codec {
namespace {

/// Highest mean magnitude of the bins of what is not zero. [assumed: from 1.4 to 4, 8-bit weights
/// lose 1 % of their size]
constexpr double kMeanBin = 4;

struct Magnitudes {
  double mean = 0;  ///< Over all values.
  double mean_nonzero = 0;
  std::uint32_t largest = 0;
  double zeros = 0;  ///< Fraction.
};

Magnitudes magnitudes_of(std::span<const std::int32_t> values) {
  Magnitudes m;
  double sum = 0;
  std::size_t zeros = 0;
  for (const std::int32_t value : values) {
    const auto magnitude = static_cast<std::uint32_t>(std::abs(value));
    sum += magnitude;
    zeros += magnitude == 0 ? 1 : 0;
    m.largest = std::max(m.largest, magnitude);
  }
  const auto count = static_cast<double>(std::max<std::size_t>(values.size(), 1));
  m.mean = sum / count;
  m.zeros = static_cast<double>(zeros) / count;
  m.mean_nonzero = sum / std::max(count - static_cast<double>(zeros), 1.0);
  return m;
}

MaxHeader choose(std::span<const std::int32_t> values, const Shape& shape) {
  const Magnitudes m = magnitudes_of(values);
  MaxHeader header;
  header.blocks = detect_blocks(values, shape);
  header.paired =
      header.blocks.outputs == 1 && view_of(shape, header.blocks.transposed).outputs > 1;
  while (m.largest > kMixSymbols / 2 - 1 && header.shift < 24 &&
         m.mean_nonzero > kMeanBin * (1 << header.shift)) {
    ++header.shift;
  }
  header.zero_apart = header.shift < 2 || m.zeros > 0.12;
  header.largest = static_cast<std::uint32_t>(header.bin_of(static_cast<std::int32_t>(m.largest)));
  if (m.largest > 0) {
    int exponent = 0;
    const double fraction = std::frexp(std::max(m.mean, 1e-4), &exponent);  // [0.5, 1)
    header.mean = std::clamp((exponent - 1 + 16) * 8 + static_cast<int>(fraction * 16) - 8, 0, 511);
  }
  return header;
}

/// Blocks, bins of zero, pairs and shift in two bytes, then largest bin and mean.
void write(ByteWriter& writer, const MaxHeader& header) {
  const int log_block = std::countr_zero(static_cast<unsigned>(header.blocks.outputs));
  writer.put(static_cast<std::uint8_t>(log_block | (header.blocks.transposed ? 8 : 0) |
                                       (header.zero_apart ? 16 : 0) | (header.paired ? 32 : 0)));
  writer.put(static_cast<std::uint8_t>(header.shift));
  writer.varint(header.largest);
  writer.varint(static_cast<std::uint64_t>(header.mean));
}

MaxHeader read_header(ByteReader& reader) {
  MaxHeader header;
  const auto flags = reader.take<std::uint8_t>();
  header.blocks = {1 << (flags & 7), (flags & 8) != 0};
  header.paired = (flags & 32) != 0;
  if ((flags & 7) > 6 || flags > 63 || (header.paired && header.blocks.outputs > 1)) {
    fail("its layout is unknown ({})", flags);
  }
  header.zero_apart = (flags & 16) != 0;
  header.shift = reader.take<std::uint8_t>();
  if (header.shift > 24) fail("its shift is {}, expected at most 24", header.shift);
  header.largest = static_cast<std::uint32_t>(
      reader.varint("its largest bin", static_cast<std::uint64_t>(header.bin_of(kLargestInteger))));
  header.mean = static_cast<int>(reader.varint("its mean", 511));
  return header;
}

}  // namespace

Bytes encode_max(std::span<const std::int32_t> values, const Shape& shape) {
  Bytes bytes;
  if (std::all_of(values.begin(), values.end(), [](std::int32_t v) { return v == 0; }))
    return bytes;
  const MaxHeader header = choose(values, shape);
  ByteWriter writer(bytes);
  write(writer, header);
  MaxModel model(header, view_of(shape, header.blocks.transposed));
  ArithmeticEncoder coder(bytes);
  std::vector<std::int32_t> copy(values.begin(), values.end());
  encode_max_values(model, coder, copy.data());
  coder.finish();
  return bytes;
}

void decode_max(std::span<const std::byte> bytes, const Shape& shape,
                std::span<std::int32_t> values) {
  if (bytes.empty()) {
    std::fill(values.begin(), values.end(), 0);
    return;
  }
  ByteReader reader(bytes);
  const MaxHeader header = read_header(reader);
  MaxModel model(header, view_of(shape, header.blocks.transposed));
  decode_max_values(model, reader.rest(), values.data());
}

}  // namespace syncopate::codec

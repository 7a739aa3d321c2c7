#include "codec/fast_coder.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "codec/arithmetic.h"
#include "codec/blocks.h"
#include "codec/rans.h"
#include "codec/tokens.h"

namespace syncopate::codec {
namespace {

/// Bytes in blocks over those without that make up for the time their flags take: one as long as
/// several values [assumed].
constexpr double kBlocksPay = 0.95;
/// Symbols that are whole values.
constexpr std::size_t kDirectSymbols = 2 * kDirect - 1;

/// Codes which blocks are alive, by the block before and the kernel position before.
template <class Coder>
void code_flags(Coder& coder, std::span<std::uint8_t> alive, std::size_t row) {
  AdaptiveBit bits[4];
  for (std::size_t i = 0; i < alive.size(); ++i) {
    const unsigned left = i > 0 ? alive[i - 1] : 0, before = i >= row ? alive[i - row] : 0;
    alive[i] = static_cast<std::uint8_t>(bits[left * 2 + before].code(coder, alive[i]));
  }
}

/// States of rANS, as a logarithm, where the layout does not tell how many.
int log_lanes_by_count(std::size_t count) {
  return count < 16384 ? 0 : count < 65536 ? 1 : count < (1 << 18) ? 2 : 3;
}

/// What precedes the values. The byte has the logarithm of the block's outputs, 8 for transposed,
/// and 16 times one more than the logarithm of the states; 0 of these: as many as go by count,
/// which files from before 2026-12 have.
struct Layout {
  int log_block = 0;
  bool transposed = false;
  std::optional<int> log_lanes;

  std::byte coded() const {
    return static_cast<std::byte>(log_block | (transposed ? 8 : 0) |
                                  (log_lanes ? (*log_lanes + 1) << 4 : 0));
  }
  static Layout read(ByteReader& reader) {
    const auto byte = reader.take<std::uint8_t>();
    if ((byte & 7) > 6 || byte > 79) fail("its layout is unknown ({})", byte);
    Layout layout{byte & 7, (byte & 8) != 0, {}};
    if (byte >= 16) layout.log_lanes = (byte >> 4) - 1;
    return layout;
  }
};

/// Table, extra bits of large values, then rANS. Returns the logarithm of its states.
int encode_values(std::span<const std::int32_t> values, ByteWriter& writer, Bytes& bytes) {
  std::vector<std::uint64_t> counts(kSymbols, 0);
  std::vector<std::uint16_t> symbols;
  symbols.reserve(values.size());
  Bytes extra;
  BitWriter extra_writer(extra);
  for (const std::int32_t value : values) {
    const Token token = signed_token(value);
    ++counts[token.symbol];
    symbols.push_back(static_cast<std::uint16_t>(token.symbol));
    extra_writer.put(token.extra, token.extra_bits);
  }
  extra_writer.finish();
  const Frequencies frequencies = Frequencies::from_counts(counts);
  frequencies.write(writer);
  if (frequencies.of.size() > kDirectSymbols) {
    writer.varint(extra.size());
    writer.bytes(extra);
  }
  const int log_lanes = rans_log_lanes(frequencies.code_length(counts));
  rans_encode(symbols, frequencies, log_lanes, bytes);
  return log_lanes;
}

void decode_values(ByteReader& reader, const Layout& layout, std::span<std::int32_t> values) {
  const Frequencies frequencies = Frequencies::read(reader, kSymbols);
  // Where symbols need more bits, values are symbols first.
  const bool direct = frequencies.of.size() <= kDirectSymbols;
  BitReader extra(direct ? std::span<const std::byte>()
                         : reader.bytes(reader.varint("the size of a part", reader.left())));
  std::vector<std::int32_t> meaning(frequencies.of.size());
  for (std::size_t i = 0; i < meaning.size(); ++i) {
    const auto symbol = static_cast<std::uint32_t>(i);
    meaning[i] = direct ? signed_base(symbol) : static_cast<std::int32_t>(symbol);
  }
  rans_decode(reader.rest(), frequencies,
              layout.log_lanes.value_or(log_lanes_by_count(values.size())), meaning, values);
  if (direct) return;
  for (auto& value : values) {
    const auto symbol = static_cast<std::uint32_t>(value);
    const std::int32_t base = signed_base(symbol);
    const auto more = static_cast<std::int32_t>(extra.get(signed_bits(symbol)));
    value = base < 0 ? base - more : base + more;
  }
}

/// A tensor that is not all zeros, in blocks or, where these are of one output, without.
Bytes encode_in(const BlockShape& blocks, std::span<const std::int32_t> values,
                const Shape& shape) {
  Bytes bytes;
  ByteWriter writer(bytes);
  Layout layout{std::countr_zero(static_cast<unsigned>(blocks.outputs)), blocks.transposed, {}};
  bytes.push_back(layout.coded());  // once more when the states are known
  if (blocks.outputs == 1) {
    layout.log_lanes = encode_values(values, writer, bytes);
  } else {
    const KernelView view = view_of(shape, blocks.transposed);
    BlockParts parts = split_blocks(values, view, blocks.outputs);
    Bytes flags;
    ArithmeticEncoder coder(flags);
    code_flags(coder, parts.alive, static_cast<std::size_t>(view.inputs * view.kernel()));
    coder.finish();
    writer.varint(flags.size());
    writer.bytes(flags);
    layout.log_lanes = encode_values(parts.values, writer, bytes);
  }
  bytes.front() = layout.coded();
  return bytes;
}

}  // namespace

Bytes encode_fast(std::span<const std::int32_t> values, const Shape& shape) {
  if (std::all_of(values.begin(), values.end(), [](std::int32_t v) { return v == 0; })) return {};
  Bytes plain = encode_in({}, values, shape);
  const BlockShape blocks = detect_blocks(values, shape);
  if (blocks.outputs == 1) return plain;
  Bytes blocked = encode_in(blocks, values, shape);
  const double most = kBlocksPay * static_cast<double>(plain.size());
  return static_cast<double>(blocked.size()) <= most ? blocked : plain;
}

void decode_fast(std::span<const std::byte> bytes, const Shape& shape,
                 std::span<std::int32_t> values) {
  if (bytes.empty()) {
    std::fill(values.begin(), values.end(), 0);
    return;
  }
  ByteReader reader(bytes);
  const Layout layout = Layout::read(reader);
  const int outputs = 1 << layout.log_block;
  if (outputs == 1) return decode_values(reader, layout, values);
  const KernelView view = view_of(shape, layout.transposed);
  std::vector<std::uint8_t> alive(static_cast<std::size_t>(block_count(view, outputs)));
  ArithmeticDecoder coder(reader.bytes(reader.varint("the size of a part", reader.left())));
  code_flags(coder, alive, static_cast<std::size_t>(view.inputs * view.kernel()));
  std::vector<std::int32_t> kept(static_cast<std::size_t>(alive_values(alive, view, outputs)));
  decode_values(reader, layout, kept);
  join_blocks(alive, kept, view, outputs, values);
}

}  // namespace syncopate::codec

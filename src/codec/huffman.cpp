// Compiled alone: other files of the folder have names of their own that are the same.
#include "codec/huffman.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "codec/blocks.h"
#include "codec/tokens.h"

namespace syncopate::codec {
namespace {

/// Depths of the leaves of a Huffman tree; 0 for counts of zero, 1 for a lone symbol.
std::vector<std::uint8_t> tree_depths(std::span<const std::uint64_t> counts) {
  struct Item {
    std::uint64_t count;
    std::size_t node;
    bool operator>(const Item& other) const {
      return count != other.count ? count > other.count : node > other.node;
    }
  };
  std::priority_queue<Item, std::vector<Item>, std::greater<>> heap;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) heap.push({counts[i], i});
  }
  std::vector<std::uint8_t> depths(counts.size(), 0);
  if (heap.size() == 1) depths[heap.top().node] = 1;
  std::vector<std::size_t> parents(counts.size(), 0);
  while (heap.size() > 1) {
    const Item a = heap.top();
    heap.pop();
    const Item b = heap.top();
    heap.pop();
    const std::size_t parent = parents.size();
    parents.push_back(0);
    parents[a.node] = parents[b.node] = parent;
    heap.push({a.count + b.count, parent});
  }
  if (parents.size() == counts.size()) return depths;
  std::vector<std::uint8_t> all(parents.size(), 0);
  for (std::size_t node = parents.size() - 1; node-- > 0;) {
    if (node < counts.size() && counts[node] == 0) continue;
    all[node] = static_cast<std::uint8_t>(std::min(250, all[parents[node]] + 1));
  }
  std::copy_n(all.begin(), counts.size(), depths.begin());
  return depths;
}

constexpr std::uint64_t kOne = std::uint64_t{1} << PrefixCode::kLongest;

/// Sum of 2^-length in units of 2^-kLongest; a complete code has kOne.
std::uint64_t kraft_sum(std::span<const std::uint8_t> lengths) {
  std::uint64_t sum = 0;
  for (const std::uint8_t length : lengths) sum += length > 0 ? kOne >> length : 0;
  return sum;
}

std::uint32_t reversed(std::uint32_t code, int bits) {
  std::uint32_t result = 0;
  for (int i = 0; i < bits; ++i) result |= ((code >> i) & 1) << (bits - 1 - i);
  return result;
}

}  // namespace

PrefixCode PrefixCode::from_counts(std::span<const std::uint64_t> counts) {
  std::vector<std::uint8_t> lengths = tree_depths(counts);
  for (auto& length : lengths) length = std::min<std::uint8_t>(length, kLongest);
  // Cutting made the code overfull: lengthen the rarest symbols that can be.
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; });
  while (kraft_sum(lengths) > kOne) {
    for (const std::size_t symbol : order) {
      if (lengths[symbol] == 0 || lengths[symbol] == kLongest) continue;
      ++lengths[symbol];
      break;
    }
  }
  return from_lengths(std::move(lengths));
}

PrefixCode PrefixCode::from_lengths(std::vector<std::uint8_t> lengths) {
  PrefixCode code;
  if (kraft_sum(lengths) > kOne) fail("its code lengths are those of no prefix code");
  code.lengths_ = std::move(lengths);
  code.codes_.resize(code.lengths_.size());
  std::uint32_t next = 0;
  for (int length = 1; length <= kLongest; ++length) {
    code.first_code_[length] = next;
    code.first_symbol_[length] = static_cast<std::uint32_t>(code.sorted_.size());
    for (std::size_t symbol = 0; symbol < code.lengths_.size(); ++symbol) {
      if (code.lengths_[symbol] != length) continue;
      code.codes_[symbol] = reversed(next++, length);
      code.sorted_.push_back(static_cast<std::uint32_t>(symbol));
    }
    next <<= 1;
  }
  code.first_symbol_[kLongest + 1] = static_cast<std::uint32_t>(code.sorted_.size());
  return code;
}

void PrefixCode::write(BitWriter& writer) const {
  std::size_t symbols = lengths_.size();
  while (symbols > 0 && lengths_[symbols - 1] == 0) --symbols;
  writer.put(static_cast<std::uint32_t>(symbols), 16);
  for (std::size_t i = 0; i < symbols; ++i) {
    writer.put(lengths_[i], 4);
    if (lengths_[i] != 0) continue;
    std::size_t run = 1;  // further zeros in four bits
    while (run < 16 && i + run < symbols && lengths_[i + run] == 0) ++run;
    writer.put(static_cast<std::uint32_t>(run - 1), 4);
    i += run - 1;
  }
}

PrefixCode PrefixCode::read(BitReader& reader, std::uint32_t symbols) {
  const std::uint32_t count = reader.get(16);
  if (count > symbols) fail("its code has {} symbols, expected at most {}", count, symbols);
  std::vector<std::uint8_t> lengths;
  while (lengths.size() < count) {
    lengths.push_back(static_cast<std::uint8_t>(reader.get(4)));
    if (lengths.back() != 0) continue;
    lengths.resize(lengths.size() + reader.get(4), 0);
  }
  if (lengths.size() != count) fail("its code has more symbols than it says");
  return from_lengths(std::move(lengths));
}

std::uint32_t PrefixCode::decode(BitReader& reader) const {
  std::uint32_t code = 0;
  for (int length = 1; length <= kLongest; ++length) {
    code = code * 2 + reader.get(1);
    const std::uint32_t here = first_symbol_[length + 1] - first_symbol_[length];
    if (code - first_code_[length] < here) {
      return sorted_[first_symbol_[length] + code - first_code_[length]];
    }
  }
  fail("its bits hold a code that stands for nothing");
}

std::uint64_t PrefixCode::bits(std::span<const std::uint64_t> counts) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) sum += counts[i] * lengths_[i];
  return sum;
}

namespace {

enum Form : std::uint32_t { kDense, kRuns };

/// Lengths of runs of dead blocks before each alive one, and of those at the end.
std::vector<std::uint32_t> runs_of(std::span<const std::uint8_t> alive) {
  std::vector<std::uint32_t> runs;
  std::uint32_t run = 0;
  for (const std::uint8_t flag : alive) {
    if (flag == 0) {
      ++run;
      continue;
    }
    runs.push_back(run);
    run = 0;
  }
  if (run > 0) runs.push_back(run);
  return runs;
}

template <class Values, class Tokenize>
PrefixCode code_for(const Values& values, std::uint32_t symbols, Tokenize tokenize) {
  std::vector<std::uint64_t> counts(symbols, 0);
  for (const auto value : values) ++counts[tokenize(value).symbol];
  return PrefixCode::from_counts(counts);
}

void put(BitWriter& writer, const PrefixCode& code, const Token& token) {
  code.encode(writer, token.symbol);
  writer.put(token.extra, token.extra_bits);
}

std::int32_t get_value(BitReader& reader, const PrefixCode& code) {
  const std::uint32_t symbol = code.decode(reader);
  const std::int32_t base = signed_base(symbol);
  const auto extra = static_cast<std::int32_t>(reader.get(signed_bits(symbol)));
  return base < 0 ? base - extra : base + extra;
}

Bytes encode_dense(std::span<const std::int32_t> values) {
  Bytes bytes;
  BitWriter writer(bytes);
  writer.put(kDense, 1);
  const PrefixCode code = code_for(values, kSymbols, signed_token);
  code.write(writer);
  for (const std::int32_t value : values) put(writer, code, signed_token(value));
  writer.finish();
  return bytes;
}

Bytes encode_runs(std::span<const std::int32_t> values, const Shape& shape, BlockShape blocks) {
  const BlockParts parts = split_blocks(values, view_of(shape, blocks.transposed), blocks.outputs);
  const std::vector<std::uint32_t> runs = runs_of(parts.alive);
  Bytes bytes;
  BitWriter writer(bytes);
  writer.put(kRuns, 1);
  writer.put(static_cast<std::uint32_t>(std::countr_zero(static_cast<unsigned>(blocks.outputs))),
             3);
  writer.put(blocks.transposed ? 1 : 0, 1);
  const PrefixCode run_code = code_for(runs, kMagnitudeSymbols, magnitude_token);
  const PrefixCode value_code = code_for(parts.values, kSymbols, signed_token);
  run_code.write(writer);
  value_code.write(writer);
  for (const std::uint32_t run : runs) put(writer, run_code, magnitude_token(run));
  for (const std::int32_t value : parts.values) put(writer, value_code, signed_token(value));
  writer.finish();
  return bytes;
}

void decode_runs(BitReader& reader, const Shape& shape, std::span<std::int32_t> values) {
  const std::uint32_t log_block = reader.get(3);
  if (log_block > 6) fail("its blocks have 2^{} outputs, expected at most 2^6", log_block);
  const KernelView view = view_of(shape, reader.get(1) != 0);
  const int outputs = 1 << log_block;
  const PrefixCode run_code = PrefixCode::read(reader, kMagnitudeSymbols);
  const PrefixCode value_code = PrefixCode::read(reader, kSymbols);
  std::vector<std::uint8_t> alive(static_cast<std::size_t>(block_count(view, outputs)), 0);
  for (std::size_t at = 0; at < alive.size();) {
    const std::uint32_t symbol = run_code.decode(reader);
    const std::uint64_t run = magnitude_base(symbol) + reader.get(magnitude_bits(symbol));
    if (run > alive.size() - at) fail("a run of zeros is longer than the tensor");
    at += run;
    if (at < alive.size()) alive[at++] = 1;
  }
  std::vector<std::int32_t> kept(static_cast<std::size_t>(alive_values(alive, view, outputs)));
  for (auto& value : kept) value = get_value(reader, value_code);
  join_blocks(alive, kept, view, outputs, values);
}

}  // namespace

Bytes encode_huffman(std::span<const std::int32_t> values, const Shape& shape) {
  Bytes best = encode_dense(values);
  const BlockShape detected = detect_blocks(values, shape);
  for (const BlockShape blocks : {BlockShape{}, detected}) {
    Bytes bytes = encode_runs(values, shape, blocks);
    if (bytes.size() < best.size()) best = std::move(bytes);
  }
  return best;
}

void decode_huffman(std::span<const std::byte> bytes, const Shape& shape,
                    std::span<std::int32_t> values) {
  BitReader reader(bytes);
  if (reader.get(1) == kRuns) return decode_runs(reader, shape, values);
  const PrefixCode code = PrefixCode::read(reader, kSymbols);
  for (auto& value : values) value = get_value(reader, code);
}

}  // namespace syncopate::codec

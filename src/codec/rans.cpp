#include "codec/rans.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "codec/arithmetic.h"

namespace syncopate::codec {
namespace {

constexpr std::uint32_t kLowest = 1U << 16;  ///< Smallest state.
constexpr int kFewestBits = 7, kMostBits = 14;
constexpr int kMostMantissa = 4;  ///< Stands for all bits.

/// Frequencies that minimize the code length for a precision, or none when it has too few units.
std::vector<std::uint32_t> normalized(std::span<const std::uint64_t> counts, int bits) {
  double total = 0;
  std::size_t present = 0;
  for (const std::uint64_t count : counts) {
    total += static_cast<double>(count);
    present += count > 0 ? 1 : 0;
  }
  const auto units = std::int64_t{1} << bits;
  if (static_cast<std::int64_t>(present) > units) return {};
  std::vector<std::uint32_t> result(counts.size(), 0);
  std::int64_t left = units;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double exact = static_cast<double>(counts[i]) / total * static_cast<double>(units);
    result[i] = static_cast<std::uint32_t>(std::max(1.0, std::floor(exact + 0.5)));
    left -= result[i];
  }
  // Units too many or too few move where they cost least or gain most.
  while (left != 0) {
    const int step = left > 0 ? 1 : -1;
    double best = -1e300;
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0 || (step < 0 && result[i] == 1)) continue;
      const double gain = static_cast<double>(counts[i]) *
                          std::log2((static_cast<double>(result[i]) + step) / result[i]);
      if (gain > best) {
        best = gain;
        chosen = i;
      }
    }
    result[chosen] = static_cast<std::uint32_t>(static_cast<std::int64_t>(result[chosen]) + step);
    left -= step;
  }
  return result;
}

/// Codes the frequencies but the first, which is what the others leave: how many bits longer or
/// shorter each is than that of the same magnitude's other sign or of the next smaller magnitude,
/// and `mantissa` bits below its highest.
template <class Coder>
void code_frequencies(Coder& coder, std::vector<std::uint32_t>& of, int bits, int mantissa) {
  AdaptiveNumber longer;
  std::uint32_t left = 1U << bits;
  for (std::size_t i = 1; i < of.size(); ++i) {
    const std::size_t like = i % 2 == 0 ? i - 1 : i - 2;
    const int guess = i < 2 ? bits - 2 : static_cast<int>(std::bit_width(of[like]));
    const int delta = static_cast<int>(std::bit_width(of[i])) - guess;
    const auto code =
        longer.code(coder, static_cast<std::uint32_t>(delta < 0 ? -2 * delta - 1 : 2 * delta));
    if (code > 100) fail("its frequencies do not sum to one");
    const auto step = static_cast<int>(code / 2);
    const int got = code % 2 == 1 ? guess - step - 1 : guess + step;
    if (got < 0 || got > bits + 1) fail("its frequencies do not sum to one");
    std::uint32_t value = got > 0 ? 1 : 0;
    for (int bit = got - 2; bit >= 0; --bit) {
      const bool sent = got - 2 - bit < mantissa;
      const auto own = static_cast<int>((of[i] >> bit) & 1);
      value = value * 2 + static_cast<std::uint32_t>(sent ? coder.code(kEven, own) : 0);
    }
    if (value > left) fail("its frequencies sum to more than one");
    of[i] = value;
    left -= value;
  }
  if (!of.empty()) of[0] = left;
}

/// Cuts frequencies to a shorter mantissa; the first takes what this frees. False when symbols that
/// occur would have none.
bool shorten(std::vector<std::uint32_t>& of, std::span<const std::uint64_t> counts, int bits,
             int mantissa) {
  std::uint32_t left = 1U << bits;
  for (std::size_t i = 1; i < of.size(); ++i) {
    const int drop = static_cast<int>(std::bit_width(of[i])) - 1 - mantissa;
    if (drop > 0) of[i] = (of[i] + (1U << (drop - 1))) >> drop << drop;
    if (of[i] > left) return false;
    left -= of[i];
  }
  of[0] = left;
  return counts[0] == 0 || of[0] > 0;
}

/// One unit of the probability range: the symbol that owns it, ready for a decoding step.
struct Cell {
  std::uint16_t frequency, bias;
  std::int32_t value;
};

std::vector<Cell> cells_of(const Frequencies& frequencies, std::span<const std::int32_t> meaning) {
  std::vector<Cell> cells(std::size_t{1} << frequencies.bits);
  Cell* cell = cells.data();
  for (std::size_t symbol = 0; symbol < frequencies.of.size(); ++symbol) {
    const auto frequency = static_cast<std::uint16_t>(frequencies.of[symbol]);
    const std::int32_t value = meaning[symbol];
    for (std::uint16_t i = 0; i < frequency; ++i) cell[i] = {frequency, i, value};
    cell += frequency;
  }
  return cells;
}

/// Decodes everything but the last symbols; returns how many it did. `in` never passes `end`.
/// Whether a state takes a word is as good as random where symbols take many bits, so a mask
/// selects there, not a branch. (Compiled without vectors, which would gather what lies in eight
/// registers at every step.)
template <int kLanes, bool kRandom>
std::size_t decode_run(std::uint32_t* states, const std::byte*& in, const std::byte* end,
                       const Cell* cells, int bits, std::span<std::int32_t> values) {
  std::uint32_t x[kLanes];
  std::copy_n(states, kLanes, x);
  const std::uint32_t mask = (1U << bits) - 1;
  const std::byte* at = in;
  std::int32_t* out = values.data();
  std::size_t i = 0;
  for (; i + kLanes <= values.size() && end - at >= 2 * kLanes; i += kLanes) {
#pragma GCC unroll 8
    for (int lane = 0; lane < kLanes; ++lane) {
      const Cell cell = cells[x[lane] & mask];
      *out++ = cell.value;
      const std::uint32_t rest = cell.frequency * (x[lane] >> bits) + cell.bias;
      std::uint16_t word;
      std::memcpy(&word, at, 2);
      const std::uint32_t filled = (rest << 16) | word;
      if constexpr (kRandom) {
        const std::uint32_t refill = -static_cast<std::uint32_t>(rest < kLowest);
        x[lane] = rest ^ ((rest ^ filled) & refill);
        at += refill & 2;
      } else {
        const bool refill = rest < kLowest;
        x[lane] = refill ? filled : rest;
        at += refill ? 2 : 0;
      }
    }
  }
  std::copy_n(x, kLanes, states);
  in = at;
  return i;
}

using DecodeRun = decltype(&decode_run<8, true>);

/// decode_run for 2^log_lanes states and symbols that take so many bytes.
DecodeRun decoder_for(int log_lanes, std::size_t bytes, std::size_t symbols) {
  constexpr DecodeRun kByLanes[][2] = {{decode_run<1, false>, decode_run<1, true>},
                                       {decode_run<2, false>, decode_run<2, true>},
                                       {decode_run<4, false>, decode_run<4, true>},
                                       {decode_run<8, false>, decode_run<8, true>}};
  // Bits of a symbol below which branches are foreseen well enough; a mask makes a state wait
  // longer for itself, which matters where few take turns [measured].
  constexpr double kRandomBits[] = {4, 2.5, 1.5, 1};
  const double bits = 8 * static_cast<double>(bytes) / static_cast<double>(symbols);
  return kByLanes[log_lanes][bits >= kRandomBits[log_lanes] ? 1 : 0];
}

}  // namespace

Frequencies Frequencies::from_counts(std::span<const std::uint64_t> counts) {
  while (!counts.empty() && counts.back() == 0) counts = counts.first(counts.size() - 1);
  Frequencies best;
  double best_bytes = 1e300;
  for (int bits = kFewestBits; bits <= kMostBits; ++bits) {
    const std::vector<std::uint32_t> exact = normalized(counts, bits);
    if (exact.empty()) continue;
    for (int mantissa = 0; mantissa <= kMostMantissa; ++mantissa) {
      Frequencies tried{bits, mantissa == kMostMantissa ? bits : mantissa, exact};
      if (!shorten(tried.of, counts, bits, tried.mantissa)) continue;
      Bytes table;
      ByteWriter writer(table);
      tried.write(writer);
      // Large tables miss the cache: precision must pay for itself.
      const double cost = (tried.code_length(counts) + static_cast<double>(table.size())) *
                          (1 + (bits > 12 ? 0.001 * (bits - 12) : 0));
      if (cost >= best_bytes) continue;
      best_bytes = cost;
      best = std::move(tried);
    }
  }
  return best;
}

double Frequencies::code_length(std::span<const std::uint64_t> counts) const {
  double length = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) length += static_cast<double>(counts[i]) * (bits - std::log2(of[i]));
  }
  return length / 8;
}

void Frequencies::write(ByteWriter& writer) const {
  Bytes coded;
  ArithmeticEncoder coder(coded);
  std::vector<std::uint32_t> copy = of;
  code_frequencies(coder, copy, bits, mantissa);
  coder.finish();
  writer.put(
      static_cast<std::uint8_t>((bits - kFewestBits) * 8 + std::min(mantissa, kMostMantissa)));
  writer.varint(of.size());
  writer.varint(coded.size());
  writer.bytes(coded);
}

Frequencies Frequencies::read(ByteReader& reader, std::uint32_t symbols) {
  Frequencies result;
  const auto head = reader.take<std::uint8_t>();
  result.bits = kFewestBits + head / 8;
  result.mantissa = head % 8 == kMostMantissa ? result.bits : head % 8;
  if (result.bits > kMostBits || head % 8 > kMostMantissa) {
    fail("the precision of its frequencies is unknown ({})", head);
  }
  result.of.resize(reader.varint("its number of symbols", symbols));
  if (result.of.empty()) fail("it has no frequencies");
  ArithmeticDecoder coder(reader.bytes(reader.varint("the size of a table", reader.left())));
  code_frequencies(coder, result.of, result.bits, result.mantissa);
  return result;
}

int rans_log_lanes(double bytes) {
  // States beyond the first make up a thousandth or so of what they code.
  return bytes < 2000 ? 0 : bytes < 5000 ? 1 : bytes < 8000 ? 2 : 3;
}

void rans_encode(std::span<const std::uint16_t> symbols, const Frequencies& frequencies,
                 int log_lanes, Bytes& out) {
  const auto lanes = std::size_t{1} << log_lanes;
  std::vector<std::uint32_t> start(frequencies.of.size(), 0);
  for (std::size_t i = 1; i < start.size(); ++i) start[i] = start[i - 1] + frequencies.of[i - 1];
  std::vector<std::uint16_t> words;
  std::array<std::uint32_t, 8> states;
  states.fill(kLowest);
  for (std::size_t i = symbols.size(); i-- > 0;) {
    std::uint32_t& x = states[i % lanes];
    const std::uint32_t frequency = frequencies.of[symbols[i]];
    if (x >= (static_cast<std::uint64_t>(frequency) << (32 - frequencies.bits))) {
      words.push_back(static_cast<std::uint16_t>(x));
      x >>= 16;
    }
    x = (x / frequency << frequencies.bits) + start[symbols[i]] + x % frequency;
  }
  ByteWriter writer(out);
  for (std::size_t lane = 0; lane < lanes; ++lane) writer.put(states[lane]);
  std::reverse(words.begin(), words.end());
  writer.bytes(std::as_bytes(std::span(words)));
}

void rans_decode(std::span<const std::byte> bytes, const Frequencies& frequencies, int log_lanes,
                 std::span<const std::int32_t> meaning, std::span<std::int32_t> values) {
  if (values.empty()) return;
  const int lanes = 1 << log_lanes;
  ByteReader reader(bytes);
  std::array<std::uint32_t, 8> states{};
  for (int lane = 0; lane < lanes; ++lane) {
    states[static_cast<std::size_t>(lane)] = reader.take<std::uint32_t>();
  }
  const std::vector<Cell> cells = cells_of(frequencies, meaning);
  const std::span<const std::byte> words = reader.rest();
  const std::byte* in = words.data();
  const std::byte* end = in + words.size();
  const auto run = decoder_for(log_lanes, words.size(), values.size());
  std::size_t i = run(states.data(), in, end, cells.data(), frequencies.bits, values);
  const std::uint32_t mask = (1U << frequencies.bits) - 1;
  for (; i < values.size(); ++i) {
    std::uint32_t& x = states[i % static_cast<std::size_t>(lanes)];
    const Cell cell = cells[x & mask];
    values[i] = cell.value;
    x = cell.frequency * (x >> frequencies.bits) + cell.bias;
    if (x >= kLowest) continue;
    if (end - in < 2) fail("its coded values end early");
    std::uint16_t word;
    std::memcpy(&word, in, 2);
    in += 2;
    x = (x << 16) | word;
  }
  for (int lane = 0; lane < lanes; ++lane) {
    if (in != end || states[static_cast<std::size_t>(lane)] != kLowest) {
      fail("its coded values do not end where they should");
    }
  }
}

}  // namespace syncopate::codec

#include "codec/byte_coder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "base/simd.h"
#include "codec/arithmetic.h"
#include "codec/mixer.h"

namespace syncopate::codec {
namespace {

constexpr int kLeastBits = 10, kMostBits = 16;

/// Tables fit what they will hold: about eight slots a byte and context.
int table_bits(std::size_t bytes) {
  return std::clamp(static_cast<int>(std::bit_width(bytes)) + 3, kLeastBits, kMostBits);
}

/// Eight contexts of a byte; each bit is looked up under its byte's higher bits.
class ByteModel {
 public:
  explicit ByteModel(std::size_t bytes) : shift_(32 - table_bits(bytes)), weights_(256) {
    for (auto& table : tables_) table.resize(std::size_t{1} << table_bits(bytes));
  }

  template <class Coder>
  [[gnu::always_inline]] inline std::uint8_t code(Coder& coder, std::uint8_t byte) {
    const std::uint64_t h = history_;
    const std::uint64_t contexts[kLanes] = {0,
                                            h & 0xff,
                                            h & 0xffff,
                                            h & 0xffffff,
                                            h & 0xffffffff,
                                            h & 0xffffffffffff,
                                            (h & 0xff00) | 1,
                                            (h & 0xff0000) | (h & 0xff)};
    std::uint32_t bases[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      const std::uint64_t key = contexts[i] * 8 + static_cast<std::uint64_t>(i) + 1;
      bases[i] = static_cast<std::uint32_t>((key * 0x9e3779b97f4a7c15ULL) >> 32);
    }
    std::uint32_t node = 1;
    while (node < 256) {
      Slot* slots[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const std::uint32_t at = (bases[i] ^ (node * 0x9e3779b1U)) >> shift_;
        slots[i] = &tables_[static_cast<std::size_t>(i)][at];
      }
      const int bit = (byte & (0x80U >> (std::bit_width(node) - 1))) != 0 ? 1 : 0;
      const int got = mix_and_code(coder, slots, weights_[node], squash_, bit);
      node = node * 2 + static_cast<std::uint32_t>(got);
    }
    history_ = (history_ << 8) | (node & 0xff);
    return static_cast<std::uint8_t>(node);
  }

 private:
  int shift_;
  std::array<std::vector<Slot>, kLanes> tables_;
  std::vector<MixWeights> weights_;
  const std::uint16_t* squash_ = squash_table().data();
  std::uint64_t history_ = 0;
};

SYNCOPATE_MULTIVERSION void encode_all(ByteModel& model, ArithmeticEncoder& coder,
                                       std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) model.code(coder, static_cast<std::uint8_t>(byte));
}

/// False when the input was too short.
SYNCOPATE_MULTIVERSION bool decode_all(ByteModel& model, std::span<const std::byte> coded,
                                       std::span<std::byte> bytes) {
  ArithmeticDecoder coder(coded);
  for (std::byte& byte : bytes) {
    if (coder.overran()) return false;
    byte = static_cast<std::byte>(model.code(coder, 0));
  }
  return true;
}

}  // namespace

Bytes encode_bytes(std::span<const std::byte> bytes) {
  Bytes coded;
  ByteModel model(bytes.size());
  ArithmeticEncoder coder(coded);
  encode_all(model, coder, bytes);
  coder.finish();
  return coded;
}

Bytes decode_bytes(std::span<const std::byte> coded, std::size_t size) {
  Bytes bytes(size);
  ByteModel model(size);
  if (!decode_all(model, coded, bytes)) fail("its coded bytes end early");
  return bytes;
}

}  // namespace syncopate::codec

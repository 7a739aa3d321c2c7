#include "codec/integers.h"

#include "codec/fast_coder.h"
#include "codec/huffman.h"
#include "codec/max_coder.h"

namespace syncopate::codec {
Bytes encode_integers(std::span<const std::int32_t> values, const Shape& shape, Mode mode) {
  if (static_cast<std::int64_t>(values.size()) != element_count(shape)) {
    broken("{} integers for a tensor of {}", values.size(), to_string(shape));
  }
  if (element_count(shape) > kMostElements) fail("a tensor of {} is too large", to_string(shape));
  for (const std::int32_t value : values) {
    if (value > kLargestInteger || value < -kLargestInteger)
      broken("integer {} is too large", value);
  }
  if (values.empty()) return {};
  switch (mode) {
    case Mode::huffman:
      return encode_huffman(values, shape);
    case Mode::fast:
      return encode_fast(values, shape);
    case Mode::max:
      return encode_max(values, shape);
  }
  broken("unknown coding mode {}", static_cast<int>(mode));
}

void decode_integers(std::span<const std::byte> bytes, const Shape& shape, Mode mode,
                     std::span<std::int32_t> values) {
  if (static_cast<std::int64_t>(values.size()) != element_count(shape)) {
    broken("{} integers for a tensor of {}", values.size(), to_string(shape));
  }
  if (values.empty()) return;
  switch (mode) {
    case Mode::huffman:
      return decode_huffman(bytes, shape, values);
    case Mode::fast:
      return decode_fast(bytes, shape, values);
    case Mode::max:
      return decode_max(bytes, shape, values);
  }
  fail("its coding mode {} is unknown", static_cast<int>(mode));
}

}  // namespace syncopate::codec

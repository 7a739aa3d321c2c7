#pragma once

#include <cstdint>
#include <span>

#include "codec/integers.h"

namespace syncopate::codec {

/// The "fast" mode: a table of frequencies per tensor and interleaved rANS over the values; where
/// blocks of outputs share an index, over the values of blocks that hold any, with an adaptive bit
/// per block.
Bytes encode_fast(std::span<const std::int32_t> values, const Shape& shape);
void decode_fast(std::span<const std::byte> bytes, const Shape& shape,
                 std::span<std::int32_t> values);

}  // namespace syncopate::codec

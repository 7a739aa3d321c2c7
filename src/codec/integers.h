#pragma once

#include <cstdint>
#include <span>

#include "base/tensor.h"
#include "codec/bytes.h"

// Entropy coding of integer tensors: quantized weights, codebook indices ranked by value.

namespace syncopate::codec {

/// How the integers of a tensor become bytes.
enum class Mode : std::uint8_t {
  huffman,  ///< Canonical Huffman, as in the paper; zeros as block bits or run lengths.
  fast,     ///< Interleaved rANS, hundreds of millions of weights a second.
  max,      ///< Adaptive context mixing, ten million weights a second and more.
};

/// Largest magnitude that can be coded.
inline constexpr std::int32_t kLargestInteger = (1 << 30) - 1;
/// Most elements of one tensor.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 30;

/// Codes `values`, a row-major tensor of `shape`, into bytes that decode_integers turns back into
/// exactly these. The shape is not stored. InputError for more than
/// kMostElements, InternalError for a wrong count or values beyond kLargestInteger.
Bytes encode_integers(std::span<const std::int32_t> values, const Shape& shape, Mode mode);

/// Inverse of encode_integers for the same shape and mode; fills `values`. InputError, without a
/// file's name, for bytes no encoder wrote; damage that leaves the form intact gives wrong values
/// (containers have checksums for that).
void decode_integers(std::span<const std::byte> bytes, const Shape& shape, Mode mode,
                     std::span<std::int32_t> values);

}  // namespace syncopate::codec

#pragma once

#include <string_view>

#include "base/tensor.h"
#include "codec/codebook.h"
#include "codec/integers.h"

// One tensor as bytes: how its elements follow from integers, and the integers.

namespace syncopate::codec {

/// How elements are made from what is coded.
enum class Form : std::uint8_t {
  integers,      ///< Elements are the integers.
  scaled,        ///< float(integer) * scale.
  codebook,      ///< Entries of codebooks of float32; integers are ranks next to the entry nearest
                 ///< zero.
  floats,        ///< Exponents, signs and mantissas of float32, each coded by itself.
  sparse_floats  ///< Where zeros are, then all other elements as floats.
};
/// "integers", "scaled", ...
std::string_view name_of(Form form);

/// A coded tensor. `payload` alone decodes it, given dtype, shape, form and mode.
struct CodedTensor {
  DType dtype = DType::f32;
  Shape shape;
  Form form = Form::integers;
  Mode mode = Mode::max;
  Bytes payload;
};

/// Codes a tensor so that it decodes bit for bit, in the shortest form: integers as they are;
/// floats that are integers times a scale, or few distinct values, as those; any others as floats,
/// zeros apart where there are many.
CodedTensor encode_exact(const Tensor& tensor, Mode mode);
/// Codes what stands for weights; decodes to float(integer) * scale.
CodedTensor encode_uniform(const Uniform& uniform, const Shape& shape, Mode mode);
/// Codes codebooks; decodes to expand(codebooks).
CodedTensor encode_codebooks(const Codebooks& codebooks, Mode mode);

/// Inverse. InputError, without a file's name, for what no encoder made. Sizes are checked against
/// the payload before anything is allocated: see kElementsPerByte.
Tensor decode_tensor(const CodedTensor& coded);
/// The codebooks of a tensor of that form, for retraining.
Codebooks decode_codebooks(const CodedTensor& coded);

/// A payload of b bytes holds at most kElementsFree + b * kElementsPerByte elements; encoders pad
/// shorter ones. This bounds what a hostile file can make a reader allocate.
inline constexpr std::int64_t kElementsFree = 4096;
inline constexpr std::int64_t kElementsPerByte = 1024;

/// Keeps the upper `bits` (10 to 32) of float32 values, rounded to nearest: sign, exponent and
/// bits - 9 of mantissa. Infinities and NaN stay what they are.
Tensor rounded(const Tensor& tensor, int bits);

/// The same for every entry; entries of at most 16 bits are stored as halves.
void round_entries(Codebooks& books, int bits);

}  // namespace syncopate::codec

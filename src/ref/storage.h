#pragma once

#include "gconv/chain.h"

// Between tensors as people see them (IR order, row-major) and as a chain stores them.

namespace syncopate::ref {

/// For each storage dimension of `info`, the logical dimension it holds. Empty when both orders are
/// the same. In a layout like "NTHWC" N and C are logical dimensions 0 and 1, and the other letters
/// 2, 3, ... in order of occurrence. InternalError when the layout does not fit the shape.
std::vector<std::size_t> storage_order(const gconv::TensorInfo& info);

/// Reorders a row-major tensor of `info.shape` into storage order; shape {elements}.
Tensor to_storage(const Tensor& logical, const gconv::TensorInfo& info);
/// Inverse of to_storage; shaped `info.shape` when that is known.
Tensor to_logical(const Tensor& stored, const gconv::TensorInfo& info);

/// A network input for a quantized chain: round_half_even(x / scale) saturated symmetrically to the
/// bits of `info.dtype`, in storage order. A tensor that already has the integer type is only
/// reordered. InputError names `name` when shape or type do not fit or a value is NaN.
Tensor quantize_input(const Tensor& input, const gconv::TensorInfo& info, const std::string& name);

/// Integers of a chain tensor times its scale, as f32 of the same shape.
Tensor dequantize(const Tensor& values, double scale);

/// Calls `use` with the typed elements of an integer tensor; InternalError for other types.
template <class Use>
decltype(auto) with_integers(const Tensor& tensor, const Use& use) {
  switch (tensor.dtype()) {
    case DType::i8:
      return use(tensor.data<std::int8_t>());
    case DType::u8:
      return use(tensor.data<std::uint8_t>());
    case DType::i16:
      return use(tensor.data<std::int16_t>());
    case DType::u16:
      return use(tensor.data<std::uint16_t>());
    case DType::i32:
      return use(tensor.data<std::int32_t>());
    case DType::u32:
      return use(tensor.data<std::uint32_t>());
    case DType::i64:
      return use(tensor.data<std::int64_t>());
    default:
      broken("a quantized chain holds a tensor of {}", name_of(tensor.dtype()));
  }
}

/// Likewise for writing.
template <class Use>
decltype(auto) with_mutable_integers(Tensor& tensor, const Use& use) {
  switch (tensor.dtype()) {
    case DType::i8:
      return use(tensor.mutable_data<std::int8_t>());
    case DType::u8:
      return use(tensor.mutable_data<std::uint8_t>());
    case DType::i16:
      return use(tensor.mutable_data<std::int16_t>());
    case DType::u16:
      return use(tensor.mutable_data<std::uint16_t>());
    case DType::i32:
      return use(tensor.mutable_data<std::int32_t>());
    case DType::u32:
      return use(tensor.mutable_data<std::uint32_t>());
    case DType::i64:
      return use(tensor.mutable_data<std::int64_t>());
    default:
      broken("a quantized chain holds a tensor of {}", name_of(tensor.dtype()));
  }
}

}  // namespace syncopate::ref

#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "base/tensor.h"
#include "ir/graph.h"

// Plain row-major loops for every operator and element type, exactly as ONNX defines them: what the
// fast paths of FloatNet fall back to, and what keeps NaN and infinity when those could not.

namespace syncopate::ref {

/// A dense row-major array somewhere in memory; `data` is null for an absent operand.
struct View {
  DType dtype = DType::f32;
  Shape shape;
  std::byte* data = nullptr;

  explicit operator bool() const { return data != nullptr; }
  std::int64_t size() const { return element_count(shape); }
  template <class T>
  T* as() const {
    if (dtype != dtype_of<T>()) broken("view of {} read as another type", name_of(dtype));
    return reinterpret_cast<T*>(data);
  }
};

/// Inputs and outputs of one node, absent ones included, with shapes as inferred.
struct Operands {
  const ir::Node& node;  ///< For messages.
  std::span<const View> in;
  std::span<const View> out;

  /// The i-th input; an absent view when the node has fewer.
  View input(std::size_t i) const { return i < in.size() ? in[i] : View{}; }
};

/// Executes one node. InputError, naming the node, for values no result is defined for: indices out
/// of range, integer division by zero, NaN turned into an integer.
void run_plain(const Operands& operands);

/// Calls visit(T{}) for the C++ type of `dtype`.
template <class Visit>
void visit_type(DType dtype, const Visit& visit) {
  switch (dtype) {
    case DType::f32:
      return visit(float{});
    case DType::i8:
      return visit(std::int8_t{});
    case DType::u8:
      return visit(std::uint8_t{});
    case DType::i16:
      return visit(std::int16_t{});
    case DType::u16:
      return visit(std::uint16_t{});
    case DType::i32:
      return visit(std::int32_t{});
    case DType::u32:
      return visit(std::uint32_t{});
    case DType::i64:
      return visit(std::int64_t{});
    case DType::boolean:
      return visit(bool{});
  }
}

/// As visit_type, for everything arithmetic is defined on: InternalError for booleans.
template <class Visit>
void visit_number(DType dtype, const Visit& visit) {
  visit_type(dtype, [&](auto sample) {
    if constexpr (std::is_same_v<decltype(sample), bool>) {
      broken("arithmetic on booleans");
    } else {
      visit(sample);
    }
  });
}

/// One float function; keeps NaN.
float apply_unary(const ir::Unary& op, float x);

/// Strides of `shape` read as if broadcast to `rank` dimensions of extents `to`: 0 where repeated.
Shape broadcast_strides(const Shape& shape, const Shape& to);

namespace plain {
void run(const ir::Conv& op, const Operands& o);
void run(const ir::ConvTranspose& op, const Operands& o);
void run(const ir::Gemm& op, const Operands& o);
void run(const ir::MatMul& op, const Operands& o);
void run(const ir::BatchNormalization& op, const Operands& o);
void run(const ir::Unary& op, const Operands& o);
void run(const ir::PRelu& op, const Operands& o);
void run(const ir::Binary& op, const Operands& o);
void run(const ir::Pool& op, const Operands& o);
void run(const ir::GlobalPool& op, const Operands& o);
void run(const ir::Lrn& op, const Operands& o);
void run(const ir::Softmax& op, const Operands& o);
void run(const ir::Concat& op, const Operands& o);
void run(const ir::Flatten& op, const Operands& o);
void run(const ir::Reshape& op, const Operands& o);
void run(const ir::Transpose& op, const Operands& o);
void run(const ir::Pad& op, const Operands& o);
void run(const ir::Slice& op, const Operands& o);
void run(const ir::Split& op, const Operands& o);
void run(const ir::Resize& op, const Operands& o);
void run(const ir::ReduceMean& op, const Operands& o);
void run(const ir::QuantizeLinear& op, const Operands& o);
void run(const ir::DequantizeLinear& op, const Operands& o);
void run(const ir::QLinearConv& op, const Operands& o);
void run(const ir::QLinearMatMul& op, const Operands& o);
void run(const ir::Cast& op, const Operands& o);
void run(const ir::Gather& op, const Operands& o);
void run(const ir::ShapeOf& op, const Operands& o);
void run(const ir::ConstantOfShape& op, const Operands& o);
void run(const ir::DepthToSpace& op, const Operands& o);
}  // namespace plain

}  // namespace syncopate::ref

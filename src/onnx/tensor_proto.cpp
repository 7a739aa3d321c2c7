#include "onnx/tensor_proto.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

namespace syncopate::onnx {
namespace {

namespace pb = ::onnx;
static_assert(std::endian::native == std::endian::little, "ONNX stores little-endian elements");

struct ElementType {
  int onnx;
  std::string_view name;
  std::size_t bytes;  ///< In the file; 0 for types that Syncopate does not hold.
  DType dtype;
};
constexpr ElementType kTypes[] = {
    {pb::TensorProto::FLOAT, "float", 4, DType::f32},
    {pb::TensorProto::UINT8, "uint8", 1, DType::u8},
    {pb::TensorProto::INT8, "int8", 1, DType::i8},
    {pb::TensorProto::UINT16, "uint16", 2, DType::u16},
    {pb::TensorProto::INT16, "int16", 2, DType::i16},
    {pb::TensorProto::INT32, "int32", 4, DType::i32},
    {pb::TensorProto::INT64, "int64", 8, DType::i64},
    {pb::TensorProto::STRING, "string", 0, DType::f32},
    {pb::TensorProto::BOOL, "bool", 1, DType::boolean},
    {pb::TensorProto::FLOAT16, "float16", 2, DType::f32},
    {pb::TensorProto::DOUBLE, "double", 8, DType::f32},
    {pb::TensorProto::UINT32, "uint32", 4, DType::u32},
    {pb::TensorProto::UINT64, "uint64", 0, DType::f32},
    {pb::TensorProto::COMPLEX64, "complex64", 0, DType::f32},
    {pb::TensorProto::COMPLEX128, "complex128", 0, DType::f32},
    {pb::TensorProto::BFLOAT16, "bfloat16", 2, DType::f32},
};

const ElementType& find_type(int onnx_type, const std::string& what) {
  for (const ElementType& type : kTypes) {
    if (type.onnx != onnx_type) continue;
    if (type.bytes != 0) return type;
    fail(
        "{}: element type {} is not supported (float, double, float16, bfloat16, bool and "
        "integers up to int64 are)",
        what, type.name);
  }
  fail(
      "{}: element type {} is not supported (float, double, float16, bfloat16, bool and integers "
      "up to int64 are)",
      what, onnx_type);
}

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16, exponent = (bits >> 10) & 31U;
  const std::uint32_t fraction = bits & 1023U;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

float from_bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// One tensor being read: its type, shape and name for messages.
class Reader {
 public:
  Reader(const pb::TensorProto& proto, const TensorOrigin& origin, std::string what)
      : proto_(proto),
        origin_(origin),
        what_(std::move(what)),
        type_(find_type(proto.data_type(), what_)),
        shape_(proto.dims().begin(), proto.dims().end()) {
    try {
      count_ = element_count(shape_);
    } catch (const InputError& error) {
      fail("{}: {}", what_, error.what());
    }
    if (proto.has_segment()) fail("{}: segmented tensors are not supported", what_);
  }

  Tensor read(const std::vector<Cut>& cuts) {
    if (proto_.data_location() == pb::TensorProto::EXTERNAL) return external();
    if (!cuts.empty()) return from_cut(cuts);
    if (proto_.has_raw_data()) {
      const MemorySource memory(std::as_bytes(std::span(proto_.raw_data())));
      return raw(memory, 0, memory.size(), type_, "raw data");
    }
    return typed();
  }

 private:
  Tensor from_cut(const std::vector<Cut>& cuts) {
    const Cut& cut = cuts[0];
    if (cuts.size() > 1 || proto_.has_raw_data() || proto_.float_data_size() > 0 ||
        proto_.double_data_size() > 0) {
      fail("{}: contents are given twice", what_);
    }
    switch (cut.field) {
      case Cut::Field::raw_data:
        return raw(origin_.source, cut.offset, cut.length, type_, "raw data");
      case Cut::Field::float_data:
        if (type_.onnx != pb::TensorProto::FLOAT) wrong_field("float_data");
        return raw(origin_.source, cut.offset, cut.length, type_, "float data");
      case Cut::Field::double_data:
        if (type_.onnx != pb::TensorProto::DOUBLE) wrong_field("double_data");
        return raw(origin_.source, cut.offset, cut.length, type_, "double data");
    }
    broken("unknown field of a tensor");
  }

  [[noreturn]] void wrong_field(std::string_view field) const {
    fail("{}: {} does not hold elements of type {}", what_, field, type_.name);
  }

  [[noreturn]] void wrong_size(std::string_view field, std::uint64_t have,
                               std::string_view unit) const {
    const auto need = static_cast<std::uint64_t>(count_) * (unit == "bytes" ? type_.bytes : 1);
    fail("{}: {} holds {} {}, but {}[{}] needs {}", what_, field, have, unit, type_.name,
         to_string(shape_), need);
  }

  /// Little-endian elements of `type` in `source`.
  Tensor raw(const ByteSource& source, std::uint64_t offset, std::uint64_t length,
             const ElementType& type, std::string_view field) {
    if (length != static_cast<std::uint64_t>(count_) * type.bytes) {
      wrong_size(field, length, "bytes");
    }
    Tensor result = Tensor::uninitialized(type.dtype, shape_);
    if (type.bytes == size_of(type.dtype) && type.dtype != DType::boolean) {
      source.read(offset, result.mutable_raw());
    } else {
      convert(source, offset, type, result);
    }
    return result;
  }

  /// Elements that are stored in another form than the tensor's, in pieces that stay in the cache.
  void convert(const ByteSource& source, std::uint64_t offset, const ElementType& type,
               Tensor& result) const {
    std::array<std::byte, 65536> buffer;
    const std::size_t step = buffer.size() / type.bytes;
    const auto count = static_cast<std::size_t>(count_);
    for (std::size_t at = 0; at < count; at += step) {
      const std::size_t part = std::min(step, count - at);
      source.read(offset + at * type.bytes, std::span(buffer).first(part * type.bytes));
      if (type.dtype == DType::boolean) {
        const auto out = result.mutable_data<bool>().subspan(at, part);
        for (std::size_t i = 0; i < part; ++i) out[i] = buffer[i] != std::byte{0};
      } else {
        widen(buffer, type, result.mutable_data<float>().subspan(at, part));
      }
    }
  }

  static void widen(std::span<const std::byte> bytes, const ElementType& type,
                    std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (type.onnx == pb::TensorProto::DOUBLE) {
        double value = 0;
        std::memcpy(&value, bytes.data() + i * 8, 8);
        out[i] = static_cast<float>(value);
      } else {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + i * 2, 2);
        out[i] = type.onnx == pb::TensorProto::FLOAT16 ? from_half(bits) : from_bfloat(bits);
      }
    }
  }

  /// The fields with one protobuf number per element.
  Tensor typed() {
    switch (type_.onnx) {
      case pb::TensorProto::FLOAT:
        return copied<float>(proto_.float_data(), "float_data");
      case pb::TensorProto::DOUBLE:
        return copied<float>(proto_.double_data(), "double_data");
      case pb::TensorProto::INT64:
        return copied<std::int64_t>(proto_.int64_data(), "int64_data");
      case pb::TensorProto::UINT32:
        return copied<std::uint32_t>(proto_.uint64_data(), "uint64_data");
      case pb::TensorProto::INT32:
        return copied<std::int32_t>(proto_.int32_data(), "int32_data");
      case pb::TensorProto::INT16:
        return copied<std::int16_t>(proto_.int32_data(), "int32_data");
      case pb::TensorProto::INT8:
        return copied<std::int8_t>(proto_.int32_data(), "int32_data");
      case pb::TensorProto::UINT16:
        return copied<std::uint16_t>(proto_.int32_data(), "int32_data");
      case pb::TensorProto::UINT8:
        return copied<std::uint8_t>(proto_.int32_data(), "int32_data");
      case pb::TensorProto::BOOL:
        return copied<bool>(proto_.int32_data(), "int32_data");
      default:
        return halves();
    }
  }

  template <class To, class Field>
  Tensor copied(const Field& field, std::string_view name) {
    if (static_cast<std::int64_t>(field.size()) != count_) {
      wrong_size(name, static_cast<std::uint64_t>(field.size()), "elements");
    }
    Tensor result = Tensor::uninitialized(dtype_of<To>(), shape_);
    auto out = result.mutable_data<To>().begin();
    for (const auto value : field) {
      if constexpr (std::is_same_v<To, bool>) {
        *out++ = value != 0;
      } else {
        *out++ = static_cast<To>(value);
        if constexpr (std::is_integral_v<To>) {
          if (!std::in_range<To>(value)) {
            fail("{}: {} holds {}, which does not fit {}", what_, name, value, type_.name);
          }
        }
      }
    }
    return result;
  }

  /// float16 and bfloat16: bit patterns in int32_data.
  Tensor halves() {
    if (static_cast<std::int64_t>(proto_.int32_data_size()) != count_) {
      wrong_size("int32_data", static_cast<std::uint64_t>(proto_.int32_data_size()), "elements");
    }
    Tensor result = Tensor::uninitialized(DType::f32, shape_);
    auto out = result.mutable_data<float>().begin();
    for (const std::int32_t value : proto_.int32_data()) {
      const auto bits = static_cast<std::uint16_t>(value);
      *out++ = type_.onnx == pb::TensorProto::FLOAT16 ? from_half(bits) : from_bfloat(bits);
    }
    return result;
  }

  std::uint64_t number(const std::string& key, const std::string& text) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
      fail("{}: external data has the {} '{}', expected a number", what_, key, text);
    }
    return value;
  }

  /// Path of an external file, which must lie below the model's directory, also through links.
  std::string external_path(const std::string& location) const {
    namespace fs = std::filesystem;
    if (origin_.directory.empty()) {
      fail("{}: its external data can be read only when the model is a file", what_);
    }
    const fs::path relative(location);
    const auto refuse = [&]() {
      fail("{}: external data '{}' must lie in the model's own directory", what_, location);
    };
    if (location.empty() || relative.is_absolute()) refuse();
    for (const fs::path& part : relative) {
      if (part == "..") refuse();
    }
    std::error_code error;
    const fs::path root = fs::weakly_canonical(origin_.directory, error);
    const fs::path full = fs::weakly_canonical(root / relative, error);
    if (error) fail("{}: external data '{}': {}", what_, location, error.message());
    const auto [end, at] = std::mismatch(root.begin(), root.end(), full.begin(), full.end());
    if (end != root.end()) refuse();
    return full.string();
  }

  Tensor external() {
    std::string location, offset = "0", length;
    for (const auto& entry : proto_.external_data()) {
      if (entry.key() == "location") location = entry.value();
      if (entry.key() == "offset") offset = entry.value();
      if (entry.key() == "length") length = entry.value();
    }
    const std::string path = external_path(location);
    std::unique_ptr<ByteSource> source;
    try {
      source = open_file(path);
    } catch (const InputError& error) {
      fail("{}: external data: {}", what_, error.what());
    }
    const std::uint64_t start = number("offset", offset);
    const std::uint64_t need = static_cast<std::uint64_t>(count_) * type_.bytes;
    const std::uint64_t have = length.empty() ? need : number("length", length);
    if (start > source->size() || have > source->size() - start) {
      fail("{}: external data '{}' has {} bytes, but {} at {} are asked for", what_, location,
           source->size(), have, start);
    }
    return raw(*source, start, have, type_, "external data");
  }

  const pb::TensorProto& proto_;
  const TensorOrigin& origin_;
  std::string what_;
  const ElementType& type_;
  Shape shape_;
  std::int64_t count_ = 0;
};

/// Whether all elements are finite: no exponent has all its bits set. Written so that it
/// vectorizes; 138 million weights pass through here.
bool all_finite(std::span<const float> values) {
  std::uint32_t worst = 0;
  for (const float value : values) {
    worst = std::max(worst, std::bit_cast<std::uint32_t>(value) & 0x7f800000U);
  }
  return worst != 0x7f800000U;
}

void check_finite(const Tensor& tensor, const std::string& what) {
  if (tensor.dtype() != DType::f32) return;
  const auto values = tensor.data<float>();
  if (all_finite(values)) return;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) fail("{}: element {} is NaN", what, i);
    if (std::isinf(values[i]) && values.size() > 1) fail("{}: element {} is infinite", what, i);
  }
}

}  // namespace

DType element_type(int onnx_type, const std::string& what) {
  return find_type(onnx_type, what).dtype;
}

Tensor read_tensor(const pb::TensorProto& proto, const std::vector<Cut>& cuts,
                   const TensorOrigin& origin, const std::string& what, Finite finite) {
  const std::string where = fmt::format("{}: {}", origin.file, what);
  Tensor tensor = Reader(proto, origin, where).read(cuts);
  if (finite == Finite::required) check_finite(tensor, where);
  return tensor;
}

}  // namespace syncopate::onnx

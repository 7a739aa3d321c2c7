#include "base/tensor.h"

#include <fmt/ranges.h>
#include <sys/mman.h>

#include <cstring>
#include <new>

namespace syncopate {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;
constexpr std::align_val_t kAlignment{64};
/// Tensors from this size on lie in huge pages, where the system has them: the first touch of fresh
/// memory then costs a seventh, and more threads make it faster.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct TypeInfo {
  DType dtype;
  std::string_view name;
  std::size_t size;
};
constexpr TypeInfo kTypes[] = {
    {DType::f32, "f32", 4}, {DType::i8, "i8", 1},   {DType::u8, "u8", 1},
    {DType::i16, "i16", 2}, {DType::u16, "u16", 2}, {DType::i32, "i32", 4},
    {DType::u32, "u32", 4}, {DType::i64, "i64", 8}, {DType::boolean, "bool", 1},
};

std::shared_ptr<std::byte[]> allocate_huge(std::size_t bytes) {
  constexpr std::align_val_t alignment{kHugePage};
  auto* memory = static_cast<std::byte*>(::operator new(bytes, alignment));
  // Whole pages only: what follows belongs to others. A refusal costs speed alone.
  madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return {memory, [](std::byte* p) { ::operator delete(p, alignment); }};
}

std::shared_ptr<std::byte[]> allocate(std::size_t bytes) {
  if (bytes >= kHugePage) return allocate_huge(bytes);
  auto* memory =
      static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 1), kAlignment));
  return {memory, [](std::byte* p) { ::operator delete(p, kAlignment); }};
}

}  // namespace

std::size_t size_of(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].size; }

std::string_view name_of(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].name; }

DType dtype_from(std::string_view name) {
  for (const TypeInfo& type : kTypes) {
    if (type.name == name) return type.dtype;
  }
  fail("unknown element type '{}' (known: f32 i8 u8 i16 u16 i32 u32 i64 bool)", name);
}

std::int64_t element_count(const Shape& shape) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; })) {
    fail("shape {} has a negative extent", to_string(shape));
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent > kMaxElements / count) fail("shape {} has over 2^40 elements", to_string(shape));
    count *= extent;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  if (shape.empty()) return "scalar";
  return fmt::format("{}", fmt::join(shape, "x"));
}

std::vector<std::int64_t> row_major_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Tensor::Tensor() : shape_{0}, storage_(allocate(0)) {}

Tensor::Tensor(DType dtype, Shape shape) : Tensor(uninitialized(dtype, std::move(shape))) {
  std::memset(storage_.get(), 0, bytes());
}

Tensor Tensor::uninitialized(DType dtype, Shape shape) {
  Tensor result;
  result.dtype_ = dtype;
  result.size_ = element_count(shape);
  result.shape_ = std::move(shape);
  result.storage_ = allocate(result.bytes());
  return result;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (element_count(shape) != size_) {
    broken("cannot view {} as {}", to_string(shape_), to_string(shape));
  }
  Tensor result = *this;
  result.shape_ = std::move(shape);
  return result;
}

bool Tensor::operator==(const Tensor& other) const {
  return dtype_ == other.dtype_ && shape_ == other.shape_ &&
         std::memcmp(storage_.get(), other.storage_.get(), bytes()) == 0;
}

void Tensor::check(DType wanted) const {
  if (wanted != dtype_) broken("tensor holds {}, read as {}", name_of(dtype_), name_of(wanted));
}

void Tensor::unshare() {
  if (storage_.use_count() == 1) return;
  auto copy = allocate(bytes());
  std::memcpy(copy.get(), storage_.get(), bytes());
  storage_ = std::move(copy);
}

}  // namespace syncopate

#include "codec/tensor_coder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

namespace syncopate::codec {
namespace {

constexpr std::size_t kMostDistinct = 4096;

using Integers = std::vector<std::int32_t>;

void put_integers(ByteWriter& writer, const Integers& values, const Shape& shape, Mode mode) {
  const Bytes coded = encode_integers(values, shape, mode);
  writer.varint(coded.size());
  writer.bytes(coded);
}

Integers take_integers(ByteReader& reader, const Shape& shape, Mode mode) {
  Integers values(static_cast<std::size_t>(element_count(shape)));
  decode_integers(reader.bytes(reader.varint("the size of a part", reader.left())), shape, mode,
                  values);
  return values;
}

/// Fills up what is too short for its number of elements.
void pad(CodedTensor& coded) {
  const std::int64_t elements = element_count(coded.shape);
  const auto least = static_cast<std::size_t>(
      std::max<std::int64_t>(0, elements - kElementsFree + kElementsPerByte - 1) /
      kElementsPerByte);
  if (coded.payload.size() < least) coded.payload.resize(least);
}

/// Calls visit with a value of the C++ type of an integer tensor.
template <class Visit>
void with_integer_type(DType dtype, Visit visit) {
  switch (dtype) {
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
    case DType::f32:
      break;
  }
  broken("no integers: {}", name_of(dtype));
}

/// As integers; those of a range too large for the coders as raw bytes.
CodedTensor encode_integer_tensor(const Tensor& tensor, Mode mode) {
  CodedTensor coded{tensor.dtype(), tensor.shape(), Form::integers, mode, {}};
  ByteWriter writer(coded.payload);
  with_integer_type(tensor.dtype(), [&](auto type) {
    const auto values = tensor.data<decltype(type)>();
    const bool small = std::all_of(values.begin(), values.end(), [](auto value) {
      return static_cast<std::int64_t>(value) <= kLargestInteger &&
             static_cast<std::int64_t>(value) >= -kLargestInteger;
    });
    writer.put(static_cast<std::uint8_t>(small ? 0 : 1));
    if (!small) return writer.bytes(tensor.raw());
    put_integers(writer, Integers(values.begin(), values.end()), tensor.shape(), mode);
  });
  pad(coded);
  return coded;
}

Tensor decode_integer_tensor(const CodedTensor& coded) {
  ByteReader reader(coded.payload);
  const bool raw = reader.take<std::uint8_t>() != 0;
  Tensor tensor = Tensor::uninitialized(coded.dtype, coded.shape);
  if (raw) {
    const auto bytes = reader.bytes(tensor.bytes());
    const bool booleans = coded.dtype == DType::boolean;
    std::transform(bytes.begin(), bytes.end(), tensor.mutable_raw().begin(),
                   [&](std::byte b) { return booleans && b != std::byte{0} ? std::byte{1} : b; });
    return tensor;
  }
  const Integers values = take_integers(reader, coded.shape, coded.mode);
  with_integer_type(coded.dtype, [&](auto type) {
    using T = decltype(type);
    const auto to = tensor.mutable_data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (!std::is_same_v<T, bool>) {
        if (!std::in_range<T>(values[i])) {
          fail("its integer {} does not fit {}", values[i], name_of(coded.dtype));
        }
      }
      to[i] = static_cast<T>(values[i]);
    }
  });
  return tensor;
}

/// The distinct values of a tensor in ascending order, by their bits (zeros of both signs, NaN);
/// empty when there are too many for a codebook.
std::vector<float> distinct_values(std::span<const float> values) {
  const std::size_t most = std::min(kMostDistinct, values.size() / 4);
  std::vector<std::uint32_t> bits;
  for (const float value : values) {
    const auto it = std::lower_bound(bits.begin(), bits.end(), std::bit_cast<std::uint32_t>(value));
    if (it != bits.end() && *it == std::bit_cast<std::uint32_t>(value)) continue;
    if (bits.size() == most || !std::isfinite(value)) return {};
    bits.insert(it, std::bit_cast<std::uint32_t>(value));
  }
  std::vector<float> result;
  for (const std::uint32_t b : bits) result.push_back(std::bit_cast<float>(b));
  std::sort(result.begin(), result.end(),
            [](float a, float b) { return a != b ? a < b : std::signbit(a) && !std::signbit(b); });
  return result;
}

/// The scale of which all values are integer multiples, bit for bit; 0 when there is none.
float common_scale(const std::vector<float>& distinct) {
  float largest = 0;
  for (const float value : distinct) {
    if (value == 0 && std::signbit(value)) return 0;
    largest = std::max(largest, std::abs(value));
  }
  if (largest == 0) return 0;
  for (int top = 1; top <= 32767; ++top) {
    const float scale = largest / static_cast<float>(top);
    if (scale < 1e-37F) break;
    const bool all = std::all_of(distinct.begin(), distinct.end(), [&](float value) {
      return std::nearbyint(value / scale) * scale == value;
    });
    if (all) return scale;
  }
  return 0;
}

std::int32_t zero_rank(const std::vector<float>& book) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < book.size(); ++i) {
    if (std::abs(book[i]) < std::abs(book[best])) best = i;
  }
  return static_cast<std::int32_t>(best);
}

constexpr std::uint32_t kExponentMask = 0xff, kMantissaTop = 0x7f;

/// Exponents below the largest, sign with upper mantissa, and two bytes of lower mantissa.
CodedTensor encode_floats(const Tensor& tensor, Mode mode) {
  CodedTensor coded{DType::f32, tensor.shape(), Form::floats, mode, {}};
  ByteWriter writer(coded.payload);
  const std::span<const float> values = tensor.data<float>();
  const auto part = [&](int shift, std::uint32_t mask) {
    Integers result;
    result.reserve(values.size());
    for (const float value : values) {
      result.push_back(
          static_cast<std::int32_t>((std::bit_cast<std::uint32_t>(value) >> shift) & mask));
    }
    return result;
  };
  Integers exponents = part(23, kExponentMask);
  const std::int32_t top =
      exponents.empty() ? 0 : *std::max_element(exponents.begin(), exponents.end());
  for (auto& exponent : exponents) exponent = top - exponent;
  writer.put(static_cast<std::uint8_t>(top));
  put_integers(writer, exponents, tensor.shape(), mode);
  Integers upper = part(16, kMantissaTop);
  for (std::size_t i = 0; i < upper.size(); ++i) {
    if (std::signbit(values[i])) upper[i] = -upper[i] - 1;
  }
  put_integers(writer, upper, tensor.shape(), Mode::fast);
  put_integers(writer, part(8, 0xff), tensor.shape(), Mode::fast);
  put_integers(writer, part(0, 0xff), tensor.shape(), Mode::fast);
  pad(coded);
  return coded;
}

Tensor decode_floats(const CodedTensor& coded) {
  ByteReader reader(coded.payload);
  const std::int32_t top = reader.take<std::uint8_t>();
  const Integers exponents = take_integers(reader, coded.shape, coded.mode);
  const Integers upper = take_integers(reader, coded.shape, Mode::fast);
  const Integers middle = take_integers(reader, coded.shape, Mode::fast);
  const Integers lower = take_integers(reader, coded.shape, Mode::fast);
  Tensor tensor = Tensor::uninitialized(DType::f32, coded.shape);
  const std::span<float> to = tensor.mutable_data<float>();
  const auto within = [](std::int32_t value, std::int32_t most) {
    if (value < 0 || value > most) fail("a part of a float is {}, expected 0 to {}", value, most);
    return static_cast<std::uint32_t>(value);
  };
  for (std::size_t i = 0; i < to.size(); ++i) {
    const bool negative = upper[i] < 0;
    if (exponents[i] < 0 || exponents[i] > top)
      fail("an exponent is {} below {}", exponents[i], top);
    const std::uint32_t bits = (negative ? 0x80000000U : 0U) |
                               static_cast<std::uint32_t>(top - exponents[i]) << 23 |
                               within(negative ? -(upper[i] + 1) : upper[i], 0x7f) << 16 |
                               within(middle[i], 0xff) << 8 | within(lower[i], 0xff);
    to[i] = std::bit_cast<float>(bits);
  }
  return tensor;
}

/// Zeros of a positive sign: what pruning leaves.
std::int64_t zeros_of(std::span<const float> values) {
  return std::count_if(values.begin(), values.end(),
                       [](float value) { return std::bit_cast<std::uint32_t>(value) == 0; });
}

/// A zero among floats would be an exponent far from all others and three empty bytes.
CodedTensor encode_sparse_floats(const Tensor& tensor, Mode mode) {
  CodedTensor coded{DType::f32, tensor.shape(), Form::sparse_floats, mode, {}};
  ByteWriter writer(coded.payload);
  const std::span<const float> values = tensor.data<float>();
  Integers there;
  std::vector<float> others;
  for (const float value : values) {
    const bool zero = std::bit_cast<std::uint32_t>(value) == 0;
    there.push_back(zero ? 0 : 1);
    if (!zero) others.push_back(value);
  }
  put_integers(writer, there, tensor.shape(), mode);
  Tensor packed(DType::f32, {static_cast<std::int64_t>(others.size())});
  std::copy(others.begin(), others.end(), packed.mutable_data<float>().begin());
  writer.bytes(encode_floats(packed, mode).payload);
  pad(coded);
  return coded;
}

Tensor decode_sparse_floats(const CodedTensor& coded) {
  ByteReader reader(coded.payload);
  const Integers there = take_integers(reader, coded.shape, coded.mode);
  if (std::any_of(there.begin(), there.end(), [](auto t) { return t != 0 && t != 1; })) {
    fail("its map of zeros has values other than 0 and 1");
  }
  const std::int64_t others = std::count(there.begin(), there.end(), 1);
  const std::span<const std::byte> rest = reader.rest();
  const Tensor packed = decode_tensor(
      {DType::f32, {others}, Form::floats, coded.mode, Bytes(rest.begin(), rest.end())});
  Tensor tensor = Tensor::uninitialized(DType::f32, coded.shape);
  const float* next = packed.data<float>().data();
  std::transform(there.begin(), there.end(), tensor.mutable_data<float>().begin(),
                 [&](std::int32_t t) { return t == 0 ? 0.0F : *next++; });
  return tensor;
}

Tensor decode_uniform(const CodedTensor& coded) {
  ByteReader reader(coded.payload);
  const auto scale = reader.take<float>();
  const Integers values = take_integers(reader, coded.shape, coded.mode);
  Tensor tensor = Tensor::uninitialized(DType::f32, coded.shape);
  const std::span<float> to = tensor.mutable_data<float>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(values[i]) * scale;
  return tensor;
}

/// Entries as float32, or as its upper half where all lower halves are zero: twice the number of
/// entries, one more when they are halves.
void put_book(ByteWriter& writer, const std::vector<float>& book) {
  const bool halves = std::all_of(book.begin(), book.end(), [](float entry) {
    return (std::bit_cast<std::uint32_t>(entry) & 0xffff) == 0;
  });
  writer.varint(2 * book.size() + (halves ? 1 : 0));
  for (const float entry : book) {
    const auto word = std::bit_cast<std::uint32_t>(entry);
    halves ? writer.put(static_cast<std::uint16_t>(word >> 16)) : writer.put(word);
  }
}

std::vector<float> take_book(ByteReader& reader) {
  const std::uint64_t head = reader.varint("the entries of a codebook", reader.left() + 1);
  const bool halves = head % 2 == 1;
  std::vector<float> book(head / 2);
  for (float& entry : book) {
    const std::uint32_t word =
        halves ? std::uint32_t{reader.take<std::uint16_t>()} << 16 : reader.take<std::uint32_t>();
    entry = std::bit_cast<float>(word);
  }
  return book;
}

/// Float32 values as such; `zeros`: how many of them are zero.
CodedTensor encode_values(const Tensor& tensor, std::int64_t zeros, Mode mode) {
  const bool sparse = zeros * 16 >= element_count(tensor.shape());
  return sparse ? encode_sparse_floats(tensor, mode) : encode_floats(tensor, mode);
}

}  // namespace

std::string_view name_of(Form form) {
  constexpr std::array<std::string_view, 5> kNames = {"integers", "scaled", "codebook", "floats",
                                                      "sparse floats"};
  return kNames[static_cast<std::size_t>(form)];
}

CodedTensor encode_exact(const Tensor& tensor, Mode mode) {
  if (tensor.dtype() != DType::f32) return encode_integer_tensor(tensor, mode);
  const std::span<const float> values = tensor.data<float>();
  const std::vector<float> distinct = distinct_values(values);
  const std::int64_t zeros = zeros_of(values);
  if (distinct.empty()) return encode_values(tensor, zeros, mode);
  if (const float scale = common_scale(distinct); scale > 0) {
    Uniform uniform{scale, {}};
    for (const float value : values) {
      uniform.integers.push_back(static_cast<std::int32_t>(std::nearbyint(value / scale)));
    }
    return encode_uniform(uniform, tensor.shape(), mode);
  }
  Codebooks books{tensor.shape(), 0, {distinct}, {}};
  for (const float value : values) {
    const auto same = [&](float entry) {
      return std::bit_cast<std::uint32_t>(entry) == std::bit_cast<std::uint32_t>(value);
    };
    auto it = std::lower_bound(distinct.begin(), distinct.end(), value);
    while (!same(*it)) ++it;
    books.assignment.push_back(static_cast<std::int32_t>(it - distinct.begin()));
  }
  CodedTensor coded = encode_codebooks(books, mode);
  // Entries that few elements share are dearer than the elements themselves.
  if (std::ssize(distinct) * 8 < std::ssize(values) - zeros) return coded;
  CodedTensor plain = encode_values(tensor, zeros, mode);
  return plain.payload.size() < coded.payload.size() ? plain : coded;
}

CodedTensor encode_uniform(const Uniform& uniform, const Shape& shape, Mode mode) {
  CodedTensor coded{DType::f32, shape, Form::scaled, mode, {}};
  ByteWriter writer(coded.payload);
  writer.put(uniform.scale);
  put_integers(writer, uniform.integers, shape, mode);
  pad(coded);
  return coded;
}

CodedTensor encode_codebooks(const Codebooks& codebooks, Mode mode) {
  CodedTensor coded{DType::f32, codebooks.shape, Form::codebook, mode, {}};
  ByteWriter writer(coded.payload);
  writer.varint(static_cast<std::uint64_t>(codebooks.rows_per_book));
  writer.varint(codebooks.books.size());
  std::vector<std::int32_t> zeros;
  for (const auto& book : codebooks.books) {
    put_book(writer, book);
    zeros.push_back(zero_rank(book));
  }
  Integers ranks = codebooks.assignment;
  for (std::size_t i = 0; i < ranks.size(); ++i) ranks[i] -= zeros[codebooks.book_of(i)];
  put_integers(writer, ranks, codebooks.shape, mode);
  pad(coded);
  return coded;
}

Codebooks decode_codebooks(const CodedTensor& coded) {
  if (coded.form != Form::codebook) broken("a tensor of {} has no codebooks", name_of(coded.form));
  ByteReader reader(coded.payload);
  Codebooks result{coded.shape, 0, {}, {}};
  result.rows_per_book =
      static_cast<std::int64_t>(reader.varint("rows per codebook", std::uint64_t{1} << 40));
  const std::uint64_t books = reader.varint("the number of codebooks", reader.left());
  const std::int64_t elements = element_count(coded.shape);
  if (elements > 0 && result.book_of(static_cast<std::size_t>(elements) - 1) >= books) {
    fail("it has {} codebooks, too few for its shape", books);
  }
  std::vector<std::int32_t> zeros;
  for (std::uint64_t i = 0; i < books; ++i) {
    std::vector<float> book = take_book(reader);
    if (book.empty()) fail("codebook {} has no entries", i);
    zeros.push_back(zero_rank(book));
    result.books.push_back(std::move(book));
  }
  result.assignment = take_integers(reader, coded.shape, coded.mode);
  for (std::size_t i = 0; i < result.assignment.size(); ++i) {
    const std::size_t book = result.book_of(i);
    const std::int32_t entry = result.assignment[i] += zeros[book];
    if (entry < 0 || static_cast<std::size_t>(entry) >= result.books[book].size()) {
      fail("entry {} of a codebook of {}", entry, result.books[book].size());
    }
  }
  return result;
}

Tensor decode_tensor(const CodedTensor& coded) {
  const std::int64_t elements = element_count(coded.shape);
  const auto bytes = static_cast<std::int64_t>(coded.payload.size());
  if (elements > kMostElements || elements > kElementsFree + bytes * kElementsPerByte) {
    fail("it claims {} elements in {} bytes", elements, bytes);
  }
  if ((coded.form == Form::integers) == (coded.dtype == DType::f32)) {
    fail("its form does not fit {}", name_of(coded.dtype));
  }
  switch (coded.form) {
    case Form::integers:
      return decode_integer_tensor(coded);
    case Form::scaled:
      return decode_uniform(coded);
    case Form::codebook:
      return expand(decode_codebooks(coded));
    case Form::floats:
      return decode_floats(coded);
    case Form::sparse_floats:
      return decode_sparse_floats(coded);
  }
  fail("its form {} is unknown", static_cast<int>(coded.form));
}

Tensor rounded(const Tensor& tensor, int bits) {
  if (bits < 10 || bits > 32) fail("floats of {} bits: expected 10 to 32", bits);
  if (bits == 32) return tensor;
  Tensor result = tensor;
  const int drop = 32 - bits;
  for (float& value : result.mutable_data<float>()) {
    if (!std::isfinite(value)) continue;
    const auto word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t odd = (word >> drop) & 1;
    const std::uint32_t up = word + (1U << (drop - 1)) - 1 + odd;
    const auto near = std::bit_cast<float>(up >> drop << drop);
    // The largest numbers are cut instead: they must not become infinite.
    value = std::isfinite(near) ? near : std::bit_cast<float>(word >> drop << drop);
  }
  return result;
}

void round_entries(Codebooks& books, int bits) {
  for (std::vector<float>& book : books.books) {
    const auto entries = static_cast<std::int64_t>(book.size());
    Tensor tensor(DType::f32, {entries});
    std::copy(book.begin(), book.end(), tensor.mutable_data<float>().begin());
    const Tensor near = rounded(tensor, bits);
    book.assign(near.data<float>().begin(), near.data<float>().end());
  }
}

}  // namespace syncopate::codec

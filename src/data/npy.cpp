#include "data/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace syncopate::data {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLargestHeader = 1 << 16;
constexpr std::size_t kMostDimensions = 8;
constexpr std::size_t kLargestFile = std::size_t{1} << 32;

struct Header {
  bool big_endian = false;
  char kind = 'f';  ///< NumPy's letter: f, i, u or b.
  std::size_t item = 4;
  bool fortran = false;
  Shape shape;
};

/// A word from the file for a message: short, and without control characters.
std::string printable(std::string_view word) {
  std::string out(word.substr(0, 40));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

/// Reads the Python dictionary literal in a header, as far as NumPy writes it.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header parse() {
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        read_descr(quoted());
      } else if (key == "fortran_order") {
        header_.fortran = boolean();
        seen_order_ = true;
      } else if (key == "shape") {
        read_shape();
      } else {
        refuse(fmt::format("unknown key '{}'", printable(key)));
      }
      accept(',');
    }
    if (!seen_descr_ || !seen_order_ || !seen_shape_) {
      refuse("descr, fortran_order or shape is missing");
    }
    skip_space();
    if (position_ != text_.size()) refuse("text after the closing brace");
    return header_;
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    fail("{}: not a valid .npy header: {}", name_, why);
  }
  void skip_space() {
    while (position_ < text_.size() &&
           (text_[position_] == ' ' || text_[position_] == '\n' || text_[position_] == '\t')) {
      ++position_;
    }
  }
  bool accept(char wanted) {
    skip_space();
    if (position_ >= text_.size() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) refuse(fmt::format("expected '{}' at byte {}", wanted, position_));
  }
  std::string_view quoted() {
    skip_space();
    if (position_ >= text_.size() || (text_[position_] != '\'' && text_[position_] != '"')) {
      refuse("expected a quoted word; arrays of records are not supported");
    }
    const char quote = text_[position_++];
    const std::size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) refuse("a quoted word does not end");
    const std::string_view word = text_.substr(position_, end - position_);
    position_ = end + 1;
    return word;
  }
  bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true},
                                      std::pair<std::string_view, bool>{"False", false}}) {
      if (text_.substr(position_, word.size()) == word) {
        position_ += word.size();
        return value;
      }
    }
    refuse("fortran_order is neither True nor False");
  }
  void read_shape() {
    expect('(');
    header_.shape.clear();
    while (!accept(')')) {
      skip_space();
      std::int64_t extent = 0;
      const char* first = text_.data() + position_;
      const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), extent);
      if (error != std::errc{} || extent < 0) refuse("shape is not a tuple of sizes");
      position_ += static_cast<std::size_t>(end - first);
      header_.shape.push_back(extent);
      if (header_.shape.size() > kMostDimensions) refuse("more than 8 dimensions");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    seen_shape_ = true;
  }
  void read_descr(std::string_view descr) {
    static constexpr std::string_view kKnown[] = {"f2", "f4", "f8", "i1", "i2", "i4",
                                                  "i8", "u1", "u2", "u4", "b1"};
    bool known = false;
    if (descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos) {
      for (const std::string_view candidate : kKnown) known |= descr.substr(1) == candidate;
    }
    if (!known) {
      fail("{}: element type '{}' is not supported; save floats, bool, or integers up to 64 bits",
           name_, printable(descr));
    }
    header_.big_endian = descr[0] == '>';
    header_.kind = descr[1];
    header_.item = static_cast<std::size_t>(descr[2] - '0');
    seen_descr_ = true;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
  Header header_;
  bool seen_descr_ = false, seen_order_ = false, seen_shape_ = false;
};

/// IEEE half precision to single.
float widen_half(std::uint16_t half) {
  const int sign = (half >> 15) != 0 ? -1 : 1;
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                         : static_cast<float>(sign) * std::numeric_limits<float>::infinity();
  }
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(fraction), -24)
                              : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return static_cast<float>(sign) * magnitude;
}

/// Reads element `index` of the data in the file's order.
template <class T>
T element(std::span<const std::byte> data, std::size_t index, bool big_endian) {
  std::byte bytes[sizeof(T)];
  std::memcpy(bytes, data.data() + index * sizeof(T), sizeof(T));
  if (big_endian) std::reverse(bytes, bytes + sizeof(T));
  return std::bit_cast<T>(bytes);
}

/// Row-major position of each element in file order, stepped without division.
class Walk {
 public:
  explicit Walk(const Header& header) : header_(header), index_(header.shape.size(), 0) {
    strides_ = row_major_strides(header.shape);
  }
  std::int64_t position() const { return position_; }
  void next() {
    if (!header_.fortran) {
      ++position_;
      return;
    }
    for (std::size_t dim = 0; dim < index_.size(); ++dim) {
      position_ += strides_[dim];
      if (++index_[dim] < header_.shape[dim]) return;
      position_ -= strides_[dim] * header_.shape[dim];
      index_[dim] = 0;
    }
  }

 private:
  const Header& header_;
  std::vector<std::int64_t> index_, strides_;
  std::int64_t position_ = 0;
};

template <class From, class To, class Convert>
Tensor convert(const Header& header, std::span<const std::byte> data, Convert&& to) {
  Tensor tensor = Tensor::uninitialized(dtype_of<To>(), header.shape);
  const std::span<To> out = tensor.mutable_data<To>();
  Walk walk(header);
  for (std::size_t i = 0; i < out.size(); ++i, walk.next()) {
    out[static_cast<std::size_t>(walk.position())] = to(element<From>(data, i, header.big_endian));
  }
  return tensor;
}

template <class T>
Tensor copy(const Header& header, std::span<const std::byte> data) {
  return convert<T, T>(header, data, [](T value) { return value; });
}

Tensor decode(const Header& header, std::span<const std::byte> data, const std::string& name) {
  const auto is = [&](char kind, std::size_t item) {
    return header.kind == kind && header.item == item;
  };
  if (is('f', 4)) return copy<float>(header, data);
  if (is('f', 8)) {
    return convert<double, float>(header, data, [](double v) { return static_cast<float>(v); });
  }
  if (is('f', 2)) return convert<std::uint16_t, float>(header, data, widen_half);
  if (is('i', 1)) return copy<std::int8_t>(header, data);
  if (is('i', 2)) return copy<std::int16_t>(header, data);
  if (is('i', 4)) return copy<std::int32_t>(header, data);
  if (is('i', 8)) return copy<std::int64_t>(header, data);
  if (is('u', 1)) return copy<std::uint8_t>(header, data);
  if (is('u', 2)) return copy<std::uint16_t>(header, data);
  if (is('u', 4)) return copy<std::uint32_t>(header, data);
  if (is('b', 1)) {
    return convert<std::uint8_t, bool>(header, data, [](std::uint8_t v) { return v != 0; });
  }
  broken("{}: element kind {}{} passed the header check", name, header.kind, header.item);
}

/// Where the header's text begins and how long it is.
std::pair<std::size_t, std::size_t> header_extent(std::span<const std::byte> bytes,
                                                  const std::string& name) {
  if (bytes.size() < 10 || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    fail("{}: not a .npy file (write one with numpy.save)", name);
  }
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  const std::size_t version = byte(6);
  if (version < 1 || version > 3) fail("{}: .npy version {} is not supported", name, version);
  const std::size_t begin = version == 1 ? 10 : 12;
  if (bytes.size() < begin) fail("{}: the .npy header is cut off", name);
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kLargestHeader) fail("{}: a .npy header of {} bytes is not plausible", name, length);
  if (bytes.size() - begin < length) fail("{}: the .npy header is cut off", name);
  return {begin, length};
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const auto [begin, length] = header_extent(bytes, name);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + begin, length);
  const Header header = HeaderParser(text, name).parse();
  std::int64_t count = 0;
  try {
    count = element_count(header.shape);
  } catch (const InputError& error) {
    fail("{}: {}", name, error.what());
  }
  const std::span<const std::byte> data = bytes.subspan(begin + length);
  const std::size_t wanted = static_cast<std::size_t>(count) * header.item;
  if (data.size() != wanted) {
    fail("{}: shape {} needs {} bytes of data, the file has {}", name, to_string(header.shape),
         wanted, data.size());
  }
  return decode(header, data, name);
}

Tensor read_npy(const std::string& path) {
  return parse_npy(base::read_file(path, kLargestFile), path);
}

std::string npy_bytes(const Tensor& tensor) {
  const auto descr = [&]() -> std::string_view {
    switch (tensor.dtype()) {
      case DType::f32:
        return "<f4";
      case DType::i8:
        return "|i1";
      case DType::u8:
        return "|u1";
      case DType::i16:
        return "<i2";
      case DType::u16:
        return "<u2";
      case DType::i32:
        return "<i4";
      case DType::u32:
        return "<u4";
      case DType::i64:
        return "<i8";
      case DType::boolean:
        return "|b1";
    }
    broken("unknown element type");
  };
  std::string shape;
  for (const std::int64_t extent : tensor.shape()) shape += fmt::format("{}, ", extent);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr(), shape);
  const std::size_t unpadded = 10 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\x00';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(reinterpret_cast<const char*>(tensor.raw().data()), tensor.bytes());
  return out;
}

}  // namespace syncopate::data

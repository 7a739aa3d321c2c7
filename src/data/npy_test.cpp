#include "data/npy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace syncopate::data {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A file with a hand-written header.
std::string file(const std::string& header, const std::string& data, char version = 1) {
  std::string out = "\x93NUMPY";
  out += version;
  out += '\0';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  if (version > 1) out += std::string(2, '\0');
  return out + header + data;
}

std::string error_of(const std::string& contents) {
  try {
    parse_npy(bytes_of(contents), "x.npy");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Npy, RoundTripsEveryType) {
  const auto check = [](const Tensor& tensor) {
    EXPECT_TRUE(parse_npy(bytes_of(npy_bytes(tensor)), "x") == tensor);
  };
  check(Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, -6.5F}));
  check(Tensor::from<std::int8_t>({3}, {-1, 0, 127}));
  check(Tensor::from<std::uint8_t>({1, 1, 2}, {0, 255}));
  check(Tensor::from<std::int16_t>({}, {-300}));
  check(Tensor::from<std::int32_t>({1}, {1 << 30}));
  check(Tensor::from<std::int64_t>({1}, {std::int64_t{1} << 60}));
  check(Tensor(DType::f32, {0, 4}));
}

TEST(Npy, HeaderIsAlignedAsNumPyWantsIt) {
  const std::string bytes = npy_bytes(Tensor::from<float>({2}, {1, 2}));
  EXPECT_EQ((bytes.size() - 8) % 64, 0U);
}

TEST(Npy, TurnsFortranOrder) {
  const std::string data("\x01\x02\x03\x04\x05\x06", 6);
  const Tensor tensor = parse_npy(
      bytes_of(file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", data)), "x");
  EXPECT_TRUE(tensor == Tensor::from<std::uint8_t>({2, 3}, {1, 3, 5, 2, 4, 6}));
}

TEST(Npy, ReadsBigEndianHalfAndDouble) {
  const Tensor big = parse_npy(bytes_of(file("{'descr':'>i2','fortran_order':False,'shape':(1,)}",
                                             std::string("\x01\x02", 2))),
                               "x");
  EXPECT_EQ(big.data<std::int16_t>()[0], 0x102);
  const std::string halves("\x00\x3c\x00\xc0\x01\x00\x00\x7c", 8);  // 1, -2, smallest, infinity
  const Tensor half = parse_npy(
      bytes_of(file("{'descr':'<f2','fortran_order':False,'shape':(4,)}", halves, 2)), "x");
  EXPECT_EQ(half.data<float>()[0], 1);
  EXPECT_EQ(half.data<float>()[1], -2);
  EXPECT_EQ(half.data<float>()[2], std::ldexp(1.0F, -24));
  EXPECT_TRUE(std::isinf(half.data<float>()[3]));
  const double value = -0.125;
  const std::string doubles(reinterpret_cast<const char*>(&value), 8);
  const Tensor wide = parse_npy(
      bytes_of(file("{'descr':'<f8','fortran_order':False,'shape':(1,)}", doubles, 3)), "x");
  EXPECT_EQ(wide.data<float>()[0], -0.125F);
}

TEST(Npy, RefusesWithOneLine) {
  const std::string good = "{'descr':'<f4','fortran_order':False,'shape':(2,)}";
  EXPECT_EQ(error_of("hello"), "x.npy: not a .npy file (write one with numpy.save)");
  EXPECT_EQ(error_of(file(good, "1234")), "x.npy: shape 2 needs 8 bytes of data, the file has 4");
  EXPECT_EQ(
      error_of(file("{'descr':'<c8','fortran_order':False,'shape':(1,)}", "")),
      "x.npy: element type '<c8' is not supported; save floats, bool, or integers up to 64 bits");
  EXPECT_EQ(error_of(file("{'descr':[('a','<f4')],'fortran_order':False,'shape':(1,)}", "")),
            "x.npy: not a valid .npy header: expected a quoted word; arrays of records are not "
            "supported");
  EXPECT_EQ(error_of(file("{'descr':'<f4','fortran_order':False,'shape':(99999999,9999999)}", ""))
                .find("x.npy: "),
            0U);
  EXPECT_EQ(error_of(file("{'descr':'<f4','fortran_order':False}", "")),
            "x.npy: not a valid .npy header: descr, fortran_order or shape is missing");
  EXPECT_EQ(error_of(file(good, "12345678", 9)), "x.npy: .npy version 9 is not supported");
}

TEST(Npy, SurvivesDamage) {
  const std::string whole = npy_bytes(Tensor::from<float>({4, 4}, std::vector<float>(16, 1)));
  Random random(5);
  for (int i = 0; i < 4000; ++i) {
    std::string damaged = whole.substr(
        0, static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(whole.size()))));
    for (int flips = 0; flips < 3 && !damaged.empty(); ++flips) {
      const auto at = random.integer(0, static_cast<std::int64_t>(damaged.size()) - 1);
      damaged[static_cast<std::size_t>(at)] = static_cast<char>(random.integer(0, 255));
    }
    const std::string error = error_of(damaged);
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace syncopate::data

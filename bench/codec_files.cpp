// Codes files of integers, the tensors of a network one behind the other, in every mode:
//   codec_files SHAPES FILE...
// SHAPES has one tensor per line, its extents; FILEs have one signed byte per weight (.i8) or
// 32-bit integers (.i32). Prints, for all tensors together, payload bytes and decoding speed on one
// core (best of several, CPU time), after checking that every tensor comes back.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "codec/integers.h"

namespace {

using namespace syncopate;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::vector<Shape> read_shapes(const std::string& path) {
  std::ifstream file(path);
  if (!file) fail("cannot read '{}'", path);
  std::vector<Shape> shapes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Shape shape;
    for (std::int64_t extent = 0; words >> extent;) shape.push_back(extent);
    if (!shape.empty()) shapes.push_back(shape);
  }
  return shapes;
}

std::vector<std::vector<std::int32_t>> read_tensors(const std::string& path,
                                                    const std::vector<Shape>& shapes) {
  const std::vector<std::byte> bytes = base::read_file(path);
  const std::size_t width = path.ends_with(".i32") ? 4 : 1;
  std::vector<std::vector<std::int32_t>> tensors;
  std::size_t at = 0;
  for (const Shape& shape : shapes) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(element_count(shape)));
    if (bytes.size() - at < values.size() * width) fail("'{}' is shorter than its shapes", path);
    for (auto& value : values) {
      if (width == 4) std::memcpy(&value, bytes.data() + at, 4);
      if (width == 1) value = static_cast<std::int8_t>(bytes[at]);
      at += width;
    }
    tensors.push_back(std::move(values));
  }
  return tensors;
}

double entropy_bytes(const std::vector<std::int32_t>& values) {
  std::map<std::int32_t, double> counts;
  for (const std::int32_t value : values) counts[value] += 1;
  double bits = 0;
  for (const auto& [value, count] : counts) {
    bits -= count * std::log2(count / static_cast<double>(values.size()));
  }
  return bits / 8;
}

struct Result {
  std::size_t bytes = 0;
  double speed = 0;  ///< Weights decoded a second.
};

Result measure(const std::vector<std::vector<std::int32_t>>& tensors,
               const std::vector<Shape>& shapes, codec::Mode mode) {
  Result result;
  double seconds = 0;
  std::size_t weights = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const codec::Bytes bytes = codec::encode_integers(tensors[i], shapes[i], mode);
    std::vector<std::int32_t> back(tensors[i].size());
    double best = 1e9;
    for (int round = 0; round < 7; ++round) {
      const double begin = cpu_seconds();
      codec::decode_integers(bytes, shapes[i], mode, back);
      best = std::min(best, cpu_seconds() - begin);
    }
    if (back != tensors[i]) broken("tensor {} does not come back", i);
    result.bytes += bytes.size();
    seconds += best;
    weights += back.size();
  }
  result.speed = static_cast<double>(weights) / seconds;
  return result;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) fail("usage: codec_files SHAPES FILE...");
  const std::vector<Shape> shapes = read_shapes(argv[1]);
  fmt::print(
      "| file | weights | order-0 entropy | huffman | fast | max | decoded a second: huffman | "
      "fast | max |\n|---|---|---|---|---|---|---|---|---|\n");
  for (int i = 2; i < argc; ++i) {
    const std::string path = argv[i];
    const auto tensors = read_tensors(path, shapes);
    double entropy = 0, weights = 0;
    for (const auto& values : tensors) {
      entropy += entropy_bytes(values);
      weights += static_cast<double>(values.size());
    }
    const Result huffman = measure(tensors, shapes, codec::Mode::huffman);
    const Result fast = measure(tensors, shapes, codec::Mode::fast);
    const Result max = measure(tensors, shapes, codec::Mode::max);
    fmt::print("| {} | {:.0f} | {:.0f} | {} | {} | {} | {:.0f} M | {:.0f} M | {:.1f} M |\n",
               path.substr(path.rfind('/') + 1), weights, entropy, huffman.bytes, fast.bytes,
               max.bytes, huffman.speed * 1e-6, fast.speed * 1e-6, max.speed * 1e-6);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "codec_files: {}\n", error.what());
  return 2;
}

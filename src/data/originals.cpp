// Compiled alone: other files of the folder have names of their own that are the same.
#include "data/originals.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>

#include "base/error.h"
#include "base/tensor.h"

namespace syncopate::data {
namespace {

constexpr std::int64_t kCifarPicture = 3 * 32 * 32;
constexpr std::int64_t kCifarRecord = kCifarPicture + 1;
constexpr std::int64_t kClasses = 10;
/// Larger than any original; what is larger is refused before memory is taken.
constexpr std::uintmax_t kLargestFile = std::uintmax_t{1} << 30;

/// Up to `limit` bytes of a file (0: all). `belongs` says what the file should be.
std::vector<std::uint8_t> read_bytes(const std::string& path, std::int64_t limit,
                                     const std::string& belongs) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error && std::filesystem::exists(path + ".gz")) {
    fail("{}: only {}.gz is there; unpack it: gunzip -k {}.gz", path,
         std::filesystem::path(path).filename().string(), path);
  }
  if (error) fail("{}: cannot be read ({}); expected {}", path, error.message(), belongs);
  if (size > kLargestFile) fail("{}: {} bytes; expected {}", path, size, belongs);
  const auto wanted = static_cast<std::int64_t>(size);
  std::vector<std::uint8_t> bytes(
      static_cast<std::size_t>(limit > 0 ? std::min(limit, wanted) : wanted));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) fail("{}: cannot be read", path);
  return bytes;
}

/// Appends the records of one file, at most `limit` (0: all).
void append_cifar10(const std::string& path, std::int64_t limit, DataSet& set) {
  const auto bytes = read_bytes(path, std::min(limit, std::int64_t{1} << 30) * kCifarRecord,
                                "a file of CIFAR-10's binary version");
  if (bytes.empty() || bytes.size() % kCifarRecord != 0) {
    fail("{}: {} bytes; expected records of 3073 bytes (CIFAR-10 binary version)", path,
         bytes.size());
  }
  for (std::size_t at = 0; at < bytes.size(); at += kCifarRecord) {
    if (bytes[at] >= kClasses) {
      fail("{}: label {} at byte {}; expected 0 to 9", path, bytes[at], at);
    }
    set.labels.push_back(bytes[at]);
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 1;
    set.pixels.insert(set.pixels.end(), first, first + kCifarPicture);
  }
}

std::int64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::int64_t value = 0;
  for (const std::uint8_t byte : bytes.first(4)) value = value * 256 + byte;
  return value;
}

/// The payload of an idx file of unsigned bytes, and its extents.
std::vector<std::uint8_t> load_idx(const std::string& path, std::size_t rank, Shape& extents) {
  std::vector<std::uint8_t> bytes =
      read_bytes(path, 0, fmt::format("an idx file with {} dimensions", rank));
  const std::size_t header = 4 + 4 * rank;
  const bool known =
      bytes.size() >= header && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8 && bytes[3] == rank;
  if (!known) fail("{}: not an idx file of unsigned bytes with {} dimensions", path, rank);
  for (std::size_t d = 0; d < rank; ++d) {
    extents.push_back(big_endian(std::span(bytes).subspan(4 + 4 * d)));
    if (extents.back() < 1) fail("{}: dimension {} is empty", path, d + 1);
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  std::int64_t left = std::ssize(bytes);  // Dividing, since products of extents may be too large.
  bool fits = true;
  for (const std::int64_t extent : extents) {
    fits = fits && left % extent == 0;
    left /= extent;
  }
  if (!fits || left != 1) {
    fail("{}: {} bytes after the header; expected {}", path, bytes.size(), to_string(extents));
  }
  return bytes;
}

}  // namespace

DataSet load_cifar10(const std::string& folder, Split split, std::int64_t limit) {
  DataSet set{"cifar10", 3, 32, 32, {}, {}, kClasses};
  std::vector<std::string> files{"test_batch.bin"};
  if (split == Split::train) {
    files.clear();
    for (int i = 1; i <= 5; ++i) files.push_back(fmt::format("data_batch_{}.bin", i));
  }
  for (const std::string& file : files) {
    if (limit > 0 && set.count() >= limit) break;
    append_cifar10(folder + "/" + file, limit > 0 ? limit - set.count() : 0, set);
  }
  return set;
}

DataSet load_mnist(const std::string& name, const std::string& folder, Split split,
                   std::int64_t limit) {
  const std::string start = folder + (split == Split::train ? "/train" : "/t10k");
  Shape pictures, labels;
  DataSet set{name, 1, 0, 0, load_idx(start + "-images-idx3-ubyte", 3, pictures), {}, kClasses};
  const auto label_bytes = load_idx(start + "-labels-idx1-ubyte", 1, labels);
  if (pictures[0] != labels[0]) {
    fail("{}-*: {} pictures but {} labels", start, pictures[0], labels[0]);
  }
  set.height = pictures[1];
  set.width = pictures[2];
  for (const std::uint8_t label : label_bytes) {
    if (label >= kClasses) fail("{}-labels-idx1-ubyte: label {}; expected 0 to 9", start, label);
    set.labels.push_back(label);
  }
  if (limit > 0 && limit < set.count()) {
    set.labels.resize(static_cast<std::size_t>(limit));
    set.pixels.resize(static_cast<std::size_t>(limit * set.picture_size()));
  }
  return set;
}

}  // namespace syncopate::data

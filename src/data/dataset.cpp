#include "data/dataset.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>

#include "base/error.h"
#include "base/params.h"
#include "base/tensor.h"

namespace syncopate::data {
namespace {

constexpr std::int64_t kCifarPicture = 3 * 32 * 32;

/// Up to `limit` bytes of a file (0: all).
std::vector<std::uint8_t> read_bytes(const std::string& path, std::int64_t limit) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) fail("{}: cannot be read ({})", path, error.message());
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
  const auto bytes = read_bytes(path, limit * (kCifarPicture + 1));
  if (bytes.empty() || bytes.size() % (kCifarPicture + 1) != 0) {
    fail("{}: {} bytes; expected records of 3073 bytes (CIFAR-10 binary version)", path,
         bytes.size());
  }
  for (std::size_t at = 0; at < bytes.size(); at += kCifarPicture + 1) {
    if (bytes[at] > 9) fail("{}: label {} at byte {}; expected 0 to 9", path, bytes[at], at);
    set.labels.push_back(bytes[at]);
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 1;
    set.pixels.insert(set.pixels.end(), first, first + kCifarPicture);
  }
}

DataSet load_cifar10(const std::string& folder, Split split, std::int64_t limit) {
  DataSet set{"cifar10", 3, 32, 32, {}, {}, 10};
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

std::int64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::int64_t value = 0;
  for (const std::uint8_t byte : bytes.first(4)) value = value * 256 + byte;
  return value;
}

/// The payload of an idx file of unsigned bytes, and its extents.
std::vector<std::uint8_t> load_idx(const std::string& path, std::size_t rank, Shape& extents) {
  std::vector<std::uint8_t> bytes = read_bytes(path, 0);
  const std::size_t header = 4 + 4 * rank;
  const bool known =
      bytes.size() >= header && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8 && bytes[3] == rank;
  if (!known) fail("{}: not an idx file of unsigned bytes with {} dimensions", path, rank);
  for (std::size_t d = 0; d < rank; ++d) {
    extents.push_back(big_endian(std::span(bytes).subspan(4 + 4 * d)));
  }
  const std::int64_t expected = element_count(extents);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  if (static_cast<std::int64_t>(bytes.size()) != expected) {
    fail("{}: {} bytes after the header; expected {} ({})", path, bytes.size(), expected,
         to_string(extents));
  }
  return bytes;
}

DataSet load_mnist(const std::string& name, const std::string& folder, Split split,
                   std::int64_t limit) {
  const std::string start = folder + (split == Split::train ? "/train" : "/t10k");
  Shape pictures, labels;
  DataSet set{name, 1, 28, 28, load_idx(start + "-images-idx3-ubyte", 3, pictures), {}, 10};
  const auto label_bytes = load_idx(start + "-labels-idx1-ubyte", 1, labels);
  if (pictures[0] != labels[0]) {
    fail("{}: {} pictures but {} labels", start, pictures[0], labels[0]);
  }
  set.height = pictures[1];
  set.width = pictures[2];
  for (const std::uint8_t label : label_bytes) {
    if (label > 9) fail("{}-labels-idx1-ubyte: label {}; expected 0 to 9", start, label);
    set.labels.push_back(label);
  }
  if (limit > 0 && limit < set.count()) {
    set.labels.resize(static_cast<std::size_t>(limit));
    set.pixels.resize(static_cast<std::size_t>(limit * set.picture_size()));
  }
  return set;
}

}  // namespace

DataSet load_data_set(const std::string& name, const std::string& root, Split split,
                      std::int64_t limit) {
  const std::string folder = root + "/" + name;
  if (name == "cifar10") return load_cifar10(folder, split, limit);
  if (name == "mnist" || name == "fashion-mnist") return load_mnist(name, folder, split, limit);
  const std::string guess = nearest(name, {"cifar10", "mnist", "fashion-mnist"});
  fail("unknown data set '{}'{} (known: cifar10, mnist, fashion-mnist, or a folder of pictures)",
       name, guess.empty() ? "" : fmt::format("; did you mean '{}'?", guess));
}

std::string data_root(const std::string& option) {
  if (!option.empty()) return option;
  if (const char* root = std::getenv("SYNCOPATE_DATA"); root != nullptr && *root != '\0') {
    return root;
  }
  fail("no data sets: set SYNCOPATE_DATA or --data to the folder that holds cifar10/, mnist/, ...");
}

}  // namespace syncopate::data

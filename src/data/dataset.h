#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace syncopate::data {

/// Labeled pictures in memory: 8-bit pixels, planes first.
struct DataSet {
  std::string name;
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  ///< [count][channels][height][width]
  std::vector<std::int32_t> labels;  ///< One per picture, 0 to classes - 1.
  std::int64_t classes = 0;

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t picture_size() const { return channels * height * width; }
};

enum class Split : std::uint8_t { train, test };

/// One split of "cifar10", "mnist" or "fashion-mnist" from its original files under `root`/NAME
/// (CIFAR-10 binary version; unpacked idx files). `limit` takes the first pictures, 0 all.
/// InputError names a file that is missing, truncated or of another format.
DataSet load_data_set(const std::string& name, const std::string& root, Split split,
                      std::int64_t limit);

/// The root folder of data sets: `option` when given, else the environment variable SYNCOPATE_DATA;
/// InputError says how to set it when neither is there.
std::string data_root(const std::string& option);

}  // namespace syncopate::data

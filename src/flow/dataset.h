#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace syncopate::flow {

/// Labeled pictures in memory: 8-bit pixels, planes first.
struct DataSet {
  std::string name;
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  ///< [count][channels][height][width]
  std::vector<std::int32_t> labels;  ///< One per picture, from 0.

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t picture_size() const { return channels * height * width; }
};

/// The test split of "cifar10", "mnist" or "fashion-mnist" from its original files under
/// `root`/NAME (CIFAR-10 binary version; unpacked idx files). `limit` 0 reads everything.
/// InputError names a file that is missing, truncated or of another format.
DataSet load_test_set(const std::string& name, const std::string& root, std::int64_t limit);

/// The root folder of data sets: `option` when given, else the environment variable SYNCOPATE_DATA;
/// InputError says how to set it when neither is there.
std::string data_root(const std::string& option);

}  // namespace syncopate::flow

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace syncopate::data {

/// Labeled pictures in memory: 8-bit samples, planes first.
struct DataSet {
  std::string name;
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  ///< [count][channels][height][width]
  std::vector<std::int32_t> labels;  ///< One per picture, 0 to classes - 1.
  std::int64_t classes = 0;

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t picture_size() const { return channels * height * width; }
};

/// `count` pictures of a set, evenly spread; all where there are no more, or for 0.
DataSet spread(const DataSet& set, std::int64_t count);

enum class Split : std::uint8_t { train, test };

/// A data set known by name.
struct DataSetInfo {
  std::string name;
  std::string description;           ///< "60,000 + 10,000 pictures 1x28x28, 10 classes"
  std::vector<std::string> folders;  ///< Where it may lie under the root; empty: made, not read.
};
const std::vector<DataSetInfo>& known_data_sets();

/// The folder under `root` that holds a known data set; empty when there is none.
std::string find_data_set(const DataSetInfo& info, const std::string& root);

/// One split of "cifar10", "mnist" or "fashion-mnist" from its original files under `root`
/// (CIFAR-10 binary version; unpacked idx files), or of "shapes" (data/shapes.h), which needs no
/// root. `limit` takes the first pictures, 0 all. InputError names a file that is missing,
/// truncated or of another format, and says what belongs there.
DataSet load_data_set(const std::string& name, const std::string& root, Split split,
                      std::int64_t limit);

/// Extents of a network's input, for pictures that come in any size.
struct PictureShape {
  std::int64_t channels = 3, height = 0, width = 0;
  bool operator==(const PictureShape&) const = default;
};

/// What --data says: a known name, looked up under data_root(root), or else a folder of pictures
/// (data/folder.h), fitted to `shape`.
DataSet load_data(const std::string& name_or_folder, const std::string& root, Split split,
                  const PictureShape& shape, std::int64_t limit);

/// The environment variable SYNCOPATE_DATA; empty when it is not set.
std::string default_data_root();

/// The root folder of data sets: `option` when given, else the default one. InputError says how to
/// set it when neither is there.
std::string data_root(const std::string& option);

}  // namespace syncopate::data

#include "data/dataset.h"

#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/params.h"
#include "data/folder.h"
#include "data/originals.h"
#include "data/shapes.h"

namespace syncopate::data {
namespace {

const DataSetInfo* find_known(const std::string& name) {
  for (const DataSetInfo& info : known_data_sets()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

[[noreturn]] void refuse(const std::string& name) {
  if (name.find('/') != std::string::npos) fail("{}: no such folder of pictures", name);
  std::vector<std::string> names;
  for (const DataSetInfo& info : known_data_sets()) names.push_back(info.name);
  const std::string guess = nearest(name, names);
  fail("unknown data set '{}'{} (known: {}, or a folder of pictures)", name,
       guess.empty() ? "" : fmt::format("; did you mean '{}'?", guess), fmt::join(names, ", "));
}

}  // namespace

DataSet spread(const DataSet& set, std::int64_t count) {
  if (count <= 0 || count >= set.count()) return set;
  DataSet part = set;
  part.pixels.clear();
  part.labels.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t from = i * set.count() / count;
    const auto begin = set.pixels.begin() + from * set.picture_size();
    part.pixels.insert(part.pixels.end(), begin, begin + set.picture_size());
    part.labels.push_back(set.labels[static_cast<std::size_t>(from)]);
  }
  return part;
}

const std::vector<DataSetInfo>& known_data_sets() {
  static const std::vector<DataSetInfo> sets{
      {"cifar10",
       "50,000 + 10,000 pictures 3x32x32, 10 classes; the binary version's *.bin",
       {"cifar10", "cifar-10-batches-bin"}},
      {"mnist",
       "60,000 + 10,000 pictures 1x28x28, 10 classes; four unpacked *-ubyte files",
       {"mnist", "MNIST/raw"}},
      {"fashion-mnist",
       "60,000 + 10,000 pictures 1x28x28, 10 classes; four unpacked *-ubyte files",
       {"fashion-mnist", "FashionMNIST/raw"}},
      {"shapes", "20,000 + 2,000 pictures 3x32x32, 10 classes; made here, needs no files", {}}};
  return sets;
}

std::string find_data_set(const DataSetInfo& info, const std::string& root) {
  for (const std::string& folder : info.folders) {
    const std::string path = root + "/" + folder;
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return path;
  }
  return "";
}

DataSet load_data_set(const std::string& name, const std::string& root, Split split,
                      std::int64_t limit) {
  const DataSetInfo* info = find_known(name);
  if (info == nullptr) refuse(name);
  if (info->folders.empty()) return shapes(split, limit);
  const std::string folder = find_data_set(*info, root);
  if (folder.empty()) {
    fail("{}: holds no folder {}; expected the files of '{}' there ({})", root,
         fmt::join(info->folders, " or "), name, info->description);
  }
  return name == "cifar10" ? load_cifar10(folder, split, limit)
                           : load_mnist(name, folder, split, limit);
}

DataSet load_data(const std::string& name_or_folder, const std::string& root, Split split,
                  const PictureShape& shape, std::int64_t limit) {
  if (const DataSetInfo* info = find_known(name_or_folder)) {
    return load_data_set(info->name, info->folders.empty() ? "" : data_root(root), split, limit);
  }
  std::error_code error;
  if (!std::filesystem::is_directory(name_or_folder, error)) refuse(name_or_folder);
  return load_picture_folder(name_or_folder, shape, split, limit);
}

std::string default_data_root() {
  const char* root = std::getenv("SYNCOPATE_DATA");
  return root == nullptr ? "" : root;
}

std::string data_root(const std::string& option) {
  if (!option.empty()) return option;
  if (std::string root = default_data_root(); !root.empty()) return root;
  fail(
      "no data sets: set SYNCOPATE_DATA or --data-root to the folder that holds cifar10/, mnist/ "
      "and others");
}

}  // namespace syncopate::data

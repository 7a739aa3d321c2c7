#include "data/folder.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "base/checksum.h"
#include "base/error.h"
#include "base/random.h"
#include "data/image.h"

namespace syncopate::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 34;
constexpr std::uint64_t kTestEvery = 5;

struct File {
  std::string path;
  std::int32_t label = 0;
  std::uint64_t hash = 0;  ///< Of class and name: neither the place of the folder nor time matters.
};

bool is_picture_name(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

/// Names of the visible folders, or of the pictures, directly in a folder; sorted.
std::vector<std::string> names_in(const std::string& path, bool folders) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const bool is_folder = entry->is_directory(ignored);
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) continue;
    if (folders ? is_folder : !is_folder && is_picture_name(entry->path())) names.push_back(name);
  }
  if (error) fail("{}: cannot be read ({})", path, error.message());
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t hash_of(const std::string& text) { return Random(base::checksum(text)).bits(); }

/// The pictures of every class in `folder`, numbered by `classes`.
std::vector<File> files_by_class(const std::string& folder,
                                 const std::vector<std::string>& classes) {
  std::vector<File> files;
  for (const std::string& name : names_in(folder, true)) {
    const auto label = std::lower_bound(classes.begin(), classes.end(), name) - classes.begin();
    const std::string path = folder + "/" + name;
    for (const std::string& file : names_in(path, false)) {
      files.push_back(
          {path + "/" + file, static_cast<std::int32_t>(label), hash_of(name + "/" + file)});
    }
  }
  const auto order = [](const File& file) { return std::tie(file.hash, file.path); };
  std::sort(files.begin(), files.end(),
            [&](const File& a, const File& b) { return order(a) < order(b); });
  return files;
}

/// Files named LABEL_anything: `limit` of them, spread evenly.
std::vector<File> files_by_label(const std::string& folder, const std::vector<std::string>& names,
                                 std::int64_t limit) {
  std::vector<File> files;
  const auto available = std::ssize(names);
  const std::int64_t count = limit > 0 ? std::min(limit, available) : available;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string& name = names[static_cast<std::size_t>(i * available / count)];
    const std::size_t digits = name.find_first_not_of("0123456789");
    if (digits == 0 || digits > 6) {
      fail("{}/{}: expected a name that starts with its label (or folders, one per class)", folder,
           name);
    }
    files.push_back({folder + "/" + name, std::stoi(name.substr(0, digits)), 0});
  }
  return files;
}

/// What a folder holds, before any picture is read.
struct Listing {
  std::vector<File> files;
  std::int64_t classes = 0;
};

std::string split_folder(const std::string& path, Split split) {
  if (split == Split::train) return path + "/train";
  return fs::is_directory(path + "/test") ? path + "/test" : path + "/val";
}

/// FOLDER/train/CLASS and FOLDER/test/CLASS.
Listing list_splits(const std::string& path, Split split) {
  std::vector<std::string> classes;
  for (const Split each : {Split::train, Split::test}) {
    const std::string folder = split_folder(path, each);
    if (!fs::is_directory(folder)) continue;
    for (std::string& name : names_in(folder, true)) classes.push_back(std::move(name));
  }
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  const std::string folder = split_folder(path, split);
  if (!fs::is_directory(folder)) {
    fail("{}: no folder {}/ with a folder of pictures per class", path,
         split == Split::train ? "train" : "test");
  }
  return {files_by_class(folder, classes), std::ssize(classes)};
}

/// FOLDER/CLASS: a picture's hash decides which split it belongs to.
Listing list_classes(const std::string& path, const std::vector<std::string>& classes,
                     Split split) {
  Listing listing{files_by_class(path, classes), std::ssize(classes)};
  std::erase_if(listing.files, [&](const File& file) {
    return (file.hash % kTestEvery == 0) != (split == Split::test);
  });
  return listing;
}

Listing list_folder(const std::string& path, Split split, std::int64_t limit) {
  for (const char* name : {"/train", "/test", "/val"}) {
    if (fs::is_directory(path + name)) return list_splits(path, split);
  }
  const std::vector<std::string> pictures = names_in(path, false);
  if (pictures.empty()) return list_classes(path, names_in(path, true), split);
  if (split == Split::train) {
    fail("{}: to train, expected train/CLASS/ and test/CLASS/ or CLASS/ folders of pictures", path);
  }
  Listing listing{files_by_label(path, pictures, limit), 0};
  for (const File& file : listing.files) {
    listing.classes = std::max(listing.classes, std::int64_t{file.label} + 1);
  }
  return listing;
}

}  // namespace

DataSet load_picture_folder(const std::string& path, const PictureShape& shape, Split split,
                            std::int64_t limit) {
  if ((shape.channels != 1 && shape.channels != 3) || shape.height < 1 || shape.width < 1 ||
      shape.height > kLargestSide || shape.width > kLargestSide) {
    fail("{}: pictures cannot be fitted to a network's input of {}x{}x{}", path, shape.channels,
         shape.height, shape.width);
  }
  Listing listing = list_folder(path, split, limit);
  std::vector<File>& files = listing.files;
  if (files.empty()) {
    fail(
        "{}: holds no .png or .jpg pictures{}; expected train/CLASS/ and test/CLASS/, CLASS/, or "
        "files LABEL_*",
        path, split == Split::train ? " to train on" : " to test on");
  }
  if (limit > 0 && std::ssize(files) > limit) files.resize(static_cast<std::size_t>(limit));
  DataSet set{fs::path(path).filename().string(),
              shape.channels,
              shape.height,
              shape.width,
              {},
              {},
              listing.classes};
  if (set.name.empty()) set.name = fs::path(path).parent_path().filename().string();
  if (set.picture_size() > kMostBytes / std::ssize(files)) {
    fail("{}: {} pictures of {}x{}x{} would take over {} GiB of memory; take fewer with --limit",
         path, files.size(), shape.channels, shape.height, shape.width, kMostBytes >> 30);
  }
  const auto size = static_cast<std::size_t>(set.picture_size());
  set.pixels.resize(files.size() * size);
  set.labels.resize(files.size());
  tbb::parallel_for(std::size_t{0}, files.size(), [&](std::size_t i) {
    const Picture picture = with_channels(read_picture(files[i].path), shape.channels);
    const auto samples = planes(crop_and_resize(picture, shape.width, shape.height));
    std::copy(samples.begin(), samples.end(),
              set.pixels.begin() + static_cast<std::ptrdiff_t>(i * size));
    set.labels[i] = files[i].label;
  });
  return set;
}

}  // namespace syncopate::data

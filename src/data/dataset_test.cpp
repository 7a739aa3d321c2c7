#include "data/dataset.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::data {
namespace {

class DataSetFiles : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(root_ / "cifar10");
    std::filesystem::create_directories(root_ / "mnist");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& file, const std::string& bytes) const {
    std::ofstream(root_ / file, std::ios::binary) << bytes;
  }
  std::string message(const std::string& name) const {
    try {
      load_data_set(name, root_.string(), Split::test, 0);
    } catch (const InputError& error) {
      std::string text = error.what();
      const std::size_t at = text.find(root_.string());
      if (at != std::string::npos) text.replace(at, root_.string().size(), "ROOT");
      return text;
    }
    return "no error";
  }

  std::filesystem::path root_;
};

TEST_F(DataSetFiles, ReadsCifarRecordsUpToTheLimit) {
  std::string bytes;
  for (int picture = 0; picture < 3; ++picture) {
    bytes += static_cast<char>(picture);
    bytes += std::string(3072, static_cast<char>(10 + picture));
  }
  write("cifar10/test_batch.bin", bytes);
  const DataSet all = load_data_set("cifar10", root_.string(), Split::test, 0);
  EXPECT_EQ(all.labels, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(all.pixels[3072], 11);
  EXPECT_EQ(load_data_set("cifar10", root_.string(), Split::test, 2).count(), 2);
}

TEST_F(DataSetFiles, ReadsIdxFiles) {
  const std::string header("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03", 16);
  write("mnist/t10k-images-idx3-ubyte", header + "abcdef");
  write("mnist/t10k-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\x07\x04", 10));
  const DataSet set = load_data_set("mnist", root_.string(), Split::test, 1);
  EXPECT_EQ(set.labels, (std::vector<std::int32_t>{7}));
  EXPECT_EQ(set.width, 3);
  EXPECT_EQ(set.pixels.size(), 3U);
}

TEST_F(DataSetFiles, TrainingSplitsComeFromTheirOwnFiles) {
  for (int file = 1; file <= 5; ++file) {
    std::string record(3073, static_cast<char>(100 + file));
    record[0] = static_cast<char>(file);
    write("cifar10/data_batch_" + std::to_string(file) + ".bin", record + record);
  }
  const DataSet all = load_data_set("cifar10", root_.string(), Split::train, 0);
  EXPECT_EQ(all.labels, (std::vector<std::int32_t>{1, 1, 2, 2, 3, 3, 4, 4, 5, 5}));
  EXPECT_EQ(all.pixels.back(), 105);
  EXPECT_EQ(all.classes, 10);
  const DataSet few = load_data_set("cifar10", root_.string(), Split::train, 3);
  EXPECT_EQ(few.labels, (std::vector<std::int32_t>{1, 1, 2}));
  EXPECT_EQ(few.pixels.size(), 3U * 3072);

  const std::string header("\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x02", 16);
  write("mnist/train-images-idx3-ubyte", header + "ab");
  write("mnist/train-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x01\x03", 9));
  EXPECT_EQ(load_data_set("mnist", root_.string(), Split::train, 0).labels[0], 3);
}

TEST_F(DataSetFiles, OtherUsualFolderNamesAreFound) {
  std::filesystem::remove_all(root_ / "cifar10");
  std::filesystem::create_directories(root_ / "cifar-10-batches-bin");
  write("cifar-10-batches-bin/test_batch.bin", std::string(3073, '\1'));
  EXPECT_EQ(load_data_set("cifar10", root_.string(), Split::test, 0).count(), 1);
}

TEST_F(DataSetFiles, NamesTheMistake) {
  EXPECT_EQ(message("cifar11"),
            "unknown data set 'cifar11'; did you mean 'cifar10'? (known: cifar10, mnist, "
            "fashion-mnist, shapes, or a folder of pictures)");
  EXPECT_EQ(message("fashion-mnist"),
            "ROOT: holds no folder fashion-mnist or FashionMNIST/raw; expected the files of "
            "'fashion-mnist' there (60,000 + 10,000 pictures 1x28x28, 10 classes; four unpacked "
            "*-ubyte files)");
  EXPECT_EQ(message("cifar10"),
            "ROOT/cifar10/test_batch.bin: cannot be read (No such file or directory); expected a "
            "file of CIFAR-10's binary version");
  write("cifar10/test_batch.bin", std::string(3074, '\0'));
  EXPECT_EQ(message("cifar10"),
            "ROOT/cifar10/test_batch.bin: 3074 bytes; expected records of 3073 bytes (CIFAR-10 "
            "binary version)");
  write("cifar10/test_batch.bin", std::string(3073, '\x0a'));
  EXPECT_EQ(message("cifar10"), "ROOT/cifar10/test_batch.bin: label 10 at byte 0; expected 0 to 9");
  write("mnist/t10k-images-idx3-ubyte.gz", "packed");
  EXPECT_NE(message("mnist").find("t10k-images-idx3-ubyte: only t10k-images-idx3-ubyte.gz is "
                                  "there; unpack it: gunzip -k "),
            std::string::npos);
}

/// Truncated, lying and random idx files: refused in one line that names the file.
TEST_F(DataSetFiles, HostileIdxFilesAreRefused) {
  const std::string pictures(
      "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03"
      "abcdef",
      22);
  const std::string labels("\0\0\x08\x01\0\0\0\x02\x07\x04", 10);
  const auto refused = [&](const std::string& images, const std::string& numbers) {
    write("mnist/t10k-images-idx3-ubyte", images);
    write("mnist/t10k-labels-idx1-ubyte", numbers);
    const std::string text = message("mnist");
    EXPECT_TRUE(text.starts_with("ROOT/mnist/t10k-")) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  };
  for (std::size_t size = 0; size < pictures.size(); ++size) {
    refused(pictures.substr(0, size), labels);
  }
  for (std::size_t size = 0; size < labels.size(); ++size)
    refused(pictures, labels.substr(0, size));
  refused(std::string("\0\0\x08\x03\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff", 16), labels);
  refused(std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\0\0\0\0\x03", 16), labels);  // no rows
  refused(pictures, std::string("\0\0\x08\x01\0\0\0\x01\x07", 9));               // one label
  refused(pictures, std::string("\0\0\x08\x01\0\0\0\x02\x07\x0b", 10));          // class 11
  refused(pictures, pictures);
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = pictures;
    damaged[static_cast<std::size_t>(random.integer(0, 15))] ^=
        static_cast<char>(random.integer(1, 255));
    refused(damaged, labels);
  }
}

/// A large file that is no data set is refused before memory is taken for it.
TEST_F(DataSetFiles, HugeFilesAreRefusedUnread) {
  write("cifar10/test_batch.bin", "");
  std::filesystem::resize_file(root_ / "cifar10/test_batch.bin", std::uintmax_t{1} << 40);
  EXPECT_EQ(message("cifar10"),
            "ROOT/cifar10/test_batch.bin: 1099511627776 bytes; expected a file of CIFAR-10's "
            "binary version");
}

TEST(DataSets, AMissingFolderIsNamed) {
  try {
    load_data("no/such", "", Split::test, {}, 0);
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "no/such: no such folder of pictures");
  }
}

TEST(DataSets, ShapesNeedNoRoot) {
  const DataSet set = load_data("shapes", "", Split::test, {}, 30);
  EXPECT_EQ(set.count(), 30);
  EXPECT_EQ(set.classes, 10);
}

TEST(Spread, TakesPicturesFromAllOver) {
  DataSet set{"digits", 1, 1, 2, {}, {}, 10};
  for (std::uint8_t i = 0; i < 10; ++i) {
    set.pixels.insert(set.pixels.end(), {i, i});
    set.labels.push_back(i);
  }
  const DataSet few = spread(set, 3);
  EXPECT_EQ(few.labels, (std::vector<std::int32_t>{0, 3, 6}));
  EXPECT_EQ(few.pixels, (std::vector<std::uint8_t>{0, 0, 3, 3, 6, 6}));
  EXPECT_EQ(few.classes, 10);
  EXPECT_EQ(spread(set, 0).count(), 10);
  EXPECT_EQ(spread(set, 11).count(), 10);
}

}  // namespace
}  // namespace syncopate::data

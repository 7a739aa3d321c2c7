#include "data/dataset.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

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

TEST_F(DataSetFiles, NamesTheMistake) {
  EXPECT_EQ(message("cifar11"),
            "unknown data set 'cifar11'; did you mean 'cifar10'? (known: cifar10, mnist, "
            "fashion-mnist, or a folder of pictures)");
  EXPECT_EQ(message("cifar10"),
            "ROOT/cifar10/test_batch.bin: cannot be read (No such file or directory)");
  write("cifar10/test_batch.bin", std::string(3074, '\0'));
  EXPECT_EQ(message("cifar10"),
            "ROOT/cifar10/test_batch.bin: 3074 bytes; expected records of 3073 bytes (CIFAR-10 "
            "binary version)");
  write("mnist/t10k-images-idx3-ubyte",
        std::string("\0\0\x08\x03\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff", 16));
  EXPECT_NE(message("mnist").find("over 2^40 elements"), std::string::npos);
}

}  // namespace
}  // namespace syncopate::data

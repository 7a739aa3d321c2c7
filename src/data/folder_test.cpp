#include "data/folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "data/image.h"

namespace syncopate::data {
namespace {

namespace fs = std::filesystem;

class PictureFolder : public testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::path(testing::TempDir()) /
        (std::string("folder_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  /// A picture of one gray level.
  void write(const std::string& name, std::uint8_t level) const {
    fs::create_directories((root_ / name).parent_path());
    const Picture picture{9, 7, 1, std::vector<std::uint8_t>(63, level)};
    base::write_file_atomically(root_ / name, png_bytes(picture));
  }
  DataSet load(Split split, std::int64_t limit = 0) const {
    return load_picture_folder(root_.string(), {3, 4, 6}, split, limit);
  }
  std::string error_of(Split split) const {
    try {
      load(split);
    } catch (const InputError& error) {
      std::string text = error.what();
      const std::size_t at = text.find(root_.string());
      if (at != std::string::npos) text.replace(at, root_.string().size(), "ROOT");
      return text;
    }
    return "no error";
  }
  fs::path root_;
};

TEST_F(PictureFolder, SplitsOfTheirOwnShareTheNumbersOfClasses) {
  write("train/dog/1.png", 10);
  write("train/ant/1.png", 20);
  write("test/dog/2.png", 30);
  write("test/.hidden/2.png", 30);
  const DataSet train = load(Split::train), test = load(Split::test);
  EXPECT_EQ(train.count(), 2);
  EXPECT_EQ(train.classes, 2);
  EXPECT_EQ(train.picture_size(), 3 * 4 * 6);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(train.pixels[i * 72], train.labels[i] == 0 ? 20 : 10);
  }
  EXPECT_EQ(test.labels, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(test.classes, 2);
  EXPECT_EQ(test.pixels, std::vector<std::uint8_t>(72, 30));
}

TEST_F(PictureFolder, OneTreeIsSplitByHashesOfNames) {
  for (int i = 0; i < 100; ++i) {
    write("a/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(i));
    write("b/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(100 + i));
  }
  const DataSet train = load(Split::train), test = load(Split::test);
  EXPECT_EQ(train.count() + test.count(), 200);
  EXPECT_NEAR(static_cast<double>(test.count()), 40, 15);
  std::set<std::uint8_t> levels;
  for (const DataSet* set : {&train, &test}) {
    for (std::size_t i = 0; i < set->labels.size(); ++i) {
      const std::uint8_t level = set->pixels[i * 72];
      EXPECT_EQ(set->labels[i], level / 100);
      EXPECT_TRUE(levels.insert(level).second);
    }
  }
  // Adding a picture moves none of the others between splits.
  write("b/new.png", 255);
  EXPECT_GE(load(Split::test).count(), test.count());
  // A beginning holds both classes.
  const DataSet few = load(Split::train, 20);
  EXPECT_EQ(few.count(), 20);
  EXPECT_EQ(std::set<std::int32_t>(few.labels.begin(), few.labels.end()).size(), 2U);
}

TEST_F(PictureFolder, LabelsInNamesAreForTesting) {
  for (int i = 0; i < 10; ++i) write(std::to_string(i) + "_x.png", static_cast<std::uint8_t>(i));
  EXPECT_EQ(load(Split::test).classes, 10);
  EXPECT_EQ(load(Split::test, 5).labels, (std::vector<std::int32_t>{0, 2, 4, 6, 8}));
  EXPECT_EQ(error_of(Split::train),
            "ROOT: to train, expected train/CLASS/ and test/CLASS/ or CLASS/ folders of pictures");
  write("noise.png", 0);
  EXPECT_EQ(error_of(Split::test),
            "ROOT/noise.png: expected a name that starts with its label (or folders, one per "
            "class)");
}

TEST_F(PictureFolder, RefusesWithTheReason) {
  fs::create_directories(root_);
  EXPECT_EQ(error_of(Split::test),
            "ROOT: holds no .png or .jpg pictures to test on; expected train/CLASS/ and "
            "test/CLASS/, CLASS/, or files LABEL_*");
  fs::create_directories(root_ / "train" / "a");
  EXPECT_EQ(error_of(Split::test), "ROOT: no folder test/ with a folder of pictures per class");
  base::write_file_atomically(root_ / "train" / "a" / "x.png", "text");
  EXPECT_EQ(error_of(Split::train), "ROOT/train/a/x.png: neither a PNG nor a JPEG picture");
  EXPECT_THROW(load_picture_folder(root_.string(), {4, 8, 8}, Split::train, 0), InputError);
}

}  // namespace
}  // namespace syncopate::data

#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"

namespace syncopate::base {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("syncopate-files-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  std::string text(const std::string& file) const {
    const auto bytes = read_file(file);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }
  fs::path folder_;
};

TEST_F(Files, ReadsBackWhatWasWrittenAndReplacesWhole) {
  write_file_atomically(path("a"), std::string(100000, 'x'));
  EXPECT_EQ(text(path("a")), std::string(100000, 'x'));
  write_file_atomically(path("a"), std::string_view("short"));
  EXPECT_EQ(text(path("a")), "short");
  write_file_atomically(path("a"), std::string_view());
  EXPECT_EQ(text(path("a")), "");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, ErrorsNamePathAndReason) {
  try {
    read_file(path("missing"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              fmt::format("cannot read '{}': No such file or directory", path("missing")));
  }
  EXPECT_THROW(read_file(folder_.string()), InputError);
  EXPECT_THROW(write_file_atomically(path("no/such/folder"), std::string_view("x")), InputError);
}

TEST_F(Files, FailedWriteLeavesNothingBehind) {
  fs::create_directories(folder_ / "taken" / "inside");
  EXPECT_THROW(write_file_atomically(path("taken"), std::string_view("x")), InputError);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, RefusesFilesOverTheLimit) {
  write_file_atomically(path("big"), std::string(100, 'x'));
  EXPECT_THROW(read_file(path("big"), 99), InputError);
  EXPECT_EQ(read_file(path("big"), 100).size(), 100U);
}

TEST_F(Files, ReadsPipes) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    FILE* out = ::fopen(pipe.c_str(), "w");
    for (int i = 0; i < 1000; ++i) ::fputs("0123456789", out);
    ::fclose(out);
    ::_exit(0);
  }
  EXPECT_EQ(read_file(pipe).size(), 10000U);
}

}  // namespace
}  // namespace syncopate::base

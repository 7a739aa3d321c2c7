#include "base/params.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "base/error.h"

namespace syncopate {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Params, ReadsDeclaredValuesAndRecordsThem) {
  ParamReader reader(Params::from_words({"Wn=128", "skip=false"}), "toy");
  EXPECT_EQ(reader.integer("Wn", 256, "window", 16, 1024), 128);
  EXPECT_FALSE(reader.flag("skip", true, "skip zeros"));
  EXPECT_EQ(reader.choice("mode", "fifo", "compaction", {"fifo", "window"}), "fifo");
  EXPECT_DOUBLE_EQ(reader.real("pj", 20.0, "energy", 0, 100), 20.0);
  const auto declared = reader.finish();
  ASSERT_EQ(declared.size(), 4U);
  EXPECT_EQ(declared[0].value, "128");
  EXPECT_EQ(declared[0].default_value, "256");
}

TEST(ParamsErrors, NameTheMistake) {
  const auto read = [](const std::vector<std::string>& words) {
    return message_of([&] {
      ParamReader reader(Params::from_words(words), "toy");
      reader.integer("Wn", 256, "window", 16, 1024);
      reader.flag("skip", true, "skip zeros");
      reader.choice("mode", "fifo", "compaction", {"fifo", "window"});
      reader.finish();
    });
  };
  EXPECT_EQ(read({"Wm=3"}), "toy: unknown parameter 'Wm'; did you mean 'Wn'?");
  EXPECT_EQ(read({"bandwidth=3"}), "toy: unknown parameter 'bandwidth' (known: Wn, skip, mode)");
  EXPECT_EQ(read({"Wn=8"}), "toy.Wn = '8': expected an integer from 16 to 1024");
  EXPECT_EQ(read({"Wn=64x"}), "toy.Wn = '64x': expected an integer from 16 to 1024");
  EXPECT_EQ(read({"skip=yes"}), "toy.skip = 'yes': expected true or false");
  EXPECT_EQ(read({"mode=lifo"}), "toy.mode = 'lifo': expected one of fifo, window");
  EXPECT_EQ(read({"Wn"}), "parameter 'Wn': expected key=value, e.g. Wn=128");
}

TEST(ParamsErrors, YamlNamesFileAndLine) {
  const std::string path = testing::TempDir() + "params_test.yaml";
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    std::string message = message_of([&] { Params::from_yaml_file(path); });
    if (message.starts_with(path)) message.replace(0, path.size(), "FILE");
    return message;
  };
  EXPECT_EQ(read("Wn: 128\nmode: fifo\n"), "no error");
  EXPECT_EQ(read("- 1\n"), "FILE: expected a mapping of parameter names to values");
  EXPECT_EQ(read("a: 1\nb: [1, 2]\n"), "FILE:2: expected 'name: value' with a plain value");
  EXPECT_TRUE(read("a: [1\n").starts_with("FILE:"));
  EXPECT_EQ(message_of([] { Params::from_yaml_file("/no/such.yaml"); }),
            "cannot read '/no/such.yaml': No such file or directory");
}

}  // namespace
}  // namespace syncopate

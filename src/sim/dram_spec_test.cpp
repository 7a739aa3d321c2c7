// Compiled alone: other files of the folder have names of their own that are the same.
#include "sim/dram_spec.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"

namespace syncopate::sim {
namespace {

std::string contents(const std::string& preset) {
  std::ifstream file(std::string(SYNCOPATE_SOURCE_DIR) + "/data/dram/" + preset + ".yaml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& yaml) {
  try {
    parse_dram(yaml, "x");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(DramSpec, PresetsAreThoseOfTheDataFolder) {
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(std::string(SYNCOPATE_SOURCE_DIR) + "/data/dram")) {
    ++files;
  }
  EXPECT_EQ(dram_presets().size(), files);
  EXPECT_NEAR(load_dram("ddr3-1600").peak_gbps(), 12.8, 0.01);
  EXPECT_NEAR(load_dram("ddr4-2400").peak_gbps(), 19.2, 0.01);
  EXPECT_NEAR(load_dram("lpddr4-3200").peak_gbps(), 25.6, 0.01);
  EXPECT_EQ(load_dram("ddr4-2400").bytes(), std::int64_t{8} << 30);
  EXPECT_EQ(load_dram("ddr4-2400-2rank").bytes(), std::int64_t{16} << 30);
  EXPECT_EQ(load_dram("lpddr4-3200").burst_bytes(), 128);
}

TEST(DramSpec, ErrorsNameTheKeyAndTheNearestOne) {
  const std::string good = contents("ddr4-2400");
  EXPECT_EQ(error_of(good), "no error");
  EXPECT_EQ(error_of(replaced(good, "tRCD:", "tRCDD:")),
            "x: unknown parameter 'tRCDD'; did you mean 'tRCD'?");
  EXPECT_EQ(error_of(replaced(good, "tRAS:", "#tRAS:")), "x: missing tRAS");
  EXPECT_EQ(error_of(replaced(good, "ranks: 1", "ranks: 3")),
            "x.ranks = 3: expected a power of two");
  EXPECT_EQ(error_of(replaced(good, "ranks: 1", "ranks: many")),
            "x.ranks = 'many': expected an integer from 1 to 4");
  EXPECT_NE(error_of(replaced(good, "rochrababgco", "rochrabagbco")).find("unknown field 'gb'"),
            std::string::npos);
  EXPECT_NE(error_of(replaced(good, "rochrababgco", "rochrabgco")).find("'ba' is missing"),
            std::string::npos);
  EXPECT_NE(error_of(replaced(good, "tREFI: 9360", "tREFI: 400")).find("x.tREFI = 400"),
            std::string::npos);
  EXPECT_EQ(error_of(good + "\ntCL: 3\n").find("x:"), 0U);
  EXPECT_NE(error_of("- 1\n- 2\n").find("expected a mapping"), std::string::npos);
  EXPECT_NE(error_of("a: [").find("not valid YAML"), std::string::npos);
  EXPECT_NE(error_of("a: {b: 1}").find("x:1: expected 'name: value'"), std::string::npos);
}

TEST(DramSpec, UnknownPresetsSuggestTheNearest) {
  try {
    load_dram("ddr4-2400-2ranks");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'ddr4-2400-2rank'?"), std::string::npos);
  }
  EXPECT_THROW(load_dram("no/such/file.yaml"), InputError);
}

TEST(DramAddressMap, FollowsTheText) {
  DramSpec spec = load_dram("ddr4-2400-2rank");  // rochrababgco
  const auto at = [&](std::uint64_t address) { return DramAddressMap(spec).place(address); };
  EXPECT_EQ(at(0).bank, 0);
  EXPECT_EQ(at(8192 - 64).bank, 0);
  EXPECT_EQ(at(8192).bank, 4);        // next bank group
  EXPECT_EQ(at(4 * 8192).bank, 1);    // next bank
  EXPECT_EQ(at(16 * 8192).bank, 16);  // next rank
  EXPECT_EQ(at(32 * 8192).row, 1);
  spec.mapping = "RoBaRaCoCh";  // the group is the low part of the bank
  EXPECT_EQ(at(8192).bank, 16);
  EXPECT_EQ(at(2 * 8192).bank, 4);
  EXPECT_EQ(at(8 * 8192).bank, 1);
  spec.mapping = "robaracobgch";
  EXPECT_EQ(at(64).bank, 4);
  spec.channels = 2;
  EXPECT_EQ(at(64).channel, 1);
  EXPECT_EQ(at(static_cast<std::uint64_t>(spec.bytes())).row, 0);  // wraps around
}

}  // namespace
}  // namespace syncopate::sim

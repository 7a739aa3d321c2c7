#include "cost/energy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace syncopate::cost {
namespace {

using arch::Action;
using arch::ActionKind;

constexpr const char* kTable = R"(
node_nm: 90
multiply_16: 2
multiply_exponent: 2
add_16: 0.1
add_exponent: 1
register_bit: 0.01
logic_bit: 0.03
sram:
  - {bytes: 1024, bits: 16, read: 1.6, write: 3.2}
  - {bytes: 4096, bits: 32, read: 6.4}
dram_pj_per_bit: 20
)";

TEST(EnergyTable, GivesTheMeasuredPointsBack) {
  const EnergyTable table = EnergyTable::load(65);
  EXPECT_NEAR(table.sram(1024, 16, false), 1.571, 1e-9);
  EXPECT_NEAR(table.sram(8192, 64, true), 14.69, 1e-9);
  EXPECT_NEAR(table.sram(32768, 64, false), 30.10, 1e-9);
  EXPECT_NEAR(table.sram(1048576, 128, false), 284.3, 1e-9);
  EXPECT_NEAR(EnergyTable::load(45).sram(131072, 64, false), 32.29, 1e-9);
}

TEST(EnergyTable, InterpolatesByPowerLawAndScalesWithWidth) {
  const EnergyTable table = EnergyTable::parse(kTable, "x");
  EXPECT_NEAR(table.sram(2048, 16, false), 1.6 * std::sqrt(2.0), 1e-9);  // 0.1 to 0.2 pJ/bit
  EXPECT_NEAR(table.sram(2048, 256, false), 16 * table.sram(2048, 16, false), 1e-9);
  EXPECT_NEAR(table.sram(16384, 1, false), 0.4, 1e-9);  // beyond the points, the same law
  EXPECT_NEAR(table.sram(256, 1, false), 0.05, 1e-9);
  EXPECT_NEAR(table.sram(4096, 1, true), 0.4, 1e-9);  // writes twice reads, as in the point below
  for (const int node : EnergyTable::nodes()) {
    const EnergyTable real = EnergyTable::load(node);
    for (std::int64_t bytes = 256; bytes < 1 << 22; bytes *= 2) {
      EXPECT_LT(real.sram(bytes, 16, false), real.sram(2 * bytes, 16, false)) << node;
    }
  }
}

TEST(EnergyTable, PricesEveryKindOfAction) {
  const EnergyTable table = EnergyTable::parse(kTable, "x");
  const auto price = [&](ActionKind kind, std::int64_t bits, std::int64_t bytes = 0) {
    return table.picojoules({"", "", kind, bits, bytes});
  };
  EXPECT_NEAR(price(ActionKind::multiply, 16), 2, 1e-9);
  EXPECT_NEAR(price(ActionKind::multiply, 8), 0.5, 1e-9);
  EXPECT_NEAR(price(ActionKind::add, 32), 0.2, 1e-9);
  EXPECT_NEAR(price(ActionKind::sram_read, 16, 1024), 1.6, 1e-9);
  EXPECT_NEAR(price(ActionKind::sram_write, 16, 1024), 3.2, 1e-9);
  EXPECT_NEAR(price(ActionKind::table_lookup, 16, 256), 0.8, 1e-9);
  EXPECT_NEAR(price(ActionKind::register_access, 16), 0.16, 1e-9);
  EXPECT_NEAR(price(ActionKind::logic, 16), 0.48, 1e-9);
  EXPECT_NEAR(price(ActionKind::dram_read, 8), 160, 1e-9);
  EXPECT_NEAR(price(ActionKind::dram_write, 1), 20, 1e-9);
}

// Relative costs of Eyeriss (ISCA 2016, table IV; 65 nm, 16 bits, a MAC is 1): buffer above 100 KB
// 6, DRAM 200. Other memories and multipliers: the order of magnitude must be the same.
TEST(EnergyTable, RelativeCostsAreThoseOfEyeriss) {
  const EnergyTable table = EnergyTable::load(65);
  const double mac = table.picojoules({"", "", ActionKind::multiply, 16, 0}) +
                     table.picojoules({"", "", ActionKind::add, 32, 0});
  EXPECT_NEAR(std::log2(table.sram(108 * 1024, 16, false) / mac / 6), 0, 1);
  EXPECT_NEAR(std::log2(table.picojoules({"", "", ActionKind::dram_read, 16, 0}) / mac / 200), 0,
              1);
}

TEST(EnergyTable, OverridesAndErrorsNameTheKey) {
  Params overrides;
  overrides.set("dram_pj_per_bit", "6");
  EXPECT_NEAR(EnergyTable::load(65, overrides).picojoules({"", "", ActionKind::dram_read, 1, 0}), 6,
              1e-9);
  const auto error_of = [](auto&& act) -> std::string {
    try {
      act();
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  overrides.set("dram_pj_per_bits", "6");
  EXPECT_NE(error_of([&] {
              EnergyTable::load(65, overrides);
            }).find("unknown parameter 'dram_pj_per_bits'; did you mean 'dram_pj_per_bit'?"),
            std::string::npos);
  EXPECT_EQ(error_of([] { EnergyTable::load(7); }),
            "no energy table for 7 nm (there are tables for 65, 45 nm)");
  std::string text = kTable;
  text.replace(text.find("add_16: 0.1"), 11, "           ");
  EXPECT_NE(error_of([&] { EnergyTable::parse(text, "x"); }).find("x.add_16"), std::string::npos);
  text = kTable;
  text.replace(text.find("bytes: 4096"), 11, "bytes: 1000");
  EXPECT_NE(error_of([&] { EnergyTable::parse(text, "x"); }).find("rising capacity"),
            std::string::npos);
  EXPECT_NE(error_of([] { EnergyTable::parse("a: [", "x"); }).find("not valid YAML"),
            std::string::npos);
  EXPECT_NE(error_of([] { EnergyTable::parse("[1]", "x"); }).find("expected a mapping"),
            std::string::npos);
}

TEST(EnergyOf, GroupsByComponentWithDramApart) {
  arch::Spec spec;
  spec.actions = {{"multiply", "multipliers", ActionKind::multiply, 16, 0},
                  {"read", "SB", ActionKind::sram_read, 16, 1024},
                  {"write", "SB", ActionKind::sram_write, 16, 1024},
                  {"dram", "DRAM", ActionKind::dram_read, 1, 0}};
  const EnergyTable table = EnergyTable::parse(kTable, "x");
  const std::vector<std::int64_t> counts{10, 2, 3, 100};
  const std::vector<Part> parts = energy_of(spec, counts, table);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[1].component, "SB");
  EXPECT_NEAR(parts[1].picojoules, 2 * 1.6 + 3 * 3.2, 1e-9);
  EXPECT_TRUE(parts[2].dram);
  EXPECT_FALSE(parts[1].dram);
  EXPECT_NEAR(total(parts, false), 20 + 12.8, 1e-9);
  EXPECT_NEAR(total(parts, true), 20 + 12.8 + 2000, 1e-9);
  EXPECT_THROW(energy_of(spec, std::vector<std::int64_t>{1}, table), InternalError);
}

}  // namespace
}  // namespace syncopate::cost

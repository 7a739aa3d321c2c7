#include "cost/area.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace syncopate::cost {
namespace {

using arch::Block;
using arch::BlockKind;

TEST(AreaTable, GivesTheValuesItWasMadeFrom) {
  const AreaTable table = AreaTable::load(65);
  const double scale = (65.0 / 45) * (65.0 / 45) * 1e-6;
  EXPECT_NEAR(table.mm2({"", BlockKind::multiplier, 8, 1}), 282 * scale, 1e-5);
  EXPECT_NEAR(table.mm2({"", BlockKind::multiplier, 32, 1}), 3495 * scale, 1e-4);
  EXPECT_NEAR(table.mm2({"", BlockKind::adder, 32, 2}), 2 * 137 * scale, 1e-5);
}

TEST(AreaTable, MemoriesGrowWithTheirBitsAndSmallOnesCostMore) {
  const AreaTable table = AreaTable::load(65);
  const double small = table.mm2({"", BlockKind::sram, 2048 * 8, 4});
  const double large = table.mm2({"", BlockKind::sram, 8192 * 8, 1});
  EXPECT_GT(small, large);
  EXPECT_NEAR(table.mm2({"", BlockKind::sram, 16384 * 8, 1}), 2 * large, 1e-12);
}

TEST(AreaOf, SumsComponentsAndAddsTheOverhead) {
  arch::Spec spec;
  spec.blocks = {{"PE", BlockKind::multiplier, 16, 256},
                 {"buffers", BlockKind::sram, 32768 * 8, 2},
                 {"PE", BlockKind::registers, 48, 256}};
  const AreaTable table = AreaTable::load(65);
  const std::vector<AreaPart> plain = area_of(spec, table);
  ASSERT_EQ(plain.size(), 2U);
  EXPECT_EQ(plain[0].component, "PE");
  EXPECT_NEAR(plain[0].mm2, table.mm2(spec.blocks[0]) + table.mm2(spec.blocks[2]), 1e-12);
  spec.area_overhead = 0.1;
  EXPECT_NEAR(total(area_of(spec, table)), 1.1 * total(plain), 1e-12);
}

TEST(AreaTable, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(AreaTable::load(3), InputError);
  EXPECT_THROW(AreaTable::parse("node_nm: 65", "x"), InputError);
  EXPECT_THROW(AreaTable::parse("node_nm: [", "x"), InputError);
}

}  // namespace
}  // namespace syncopate::cost

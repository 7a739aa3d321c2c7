#include "cost/fpga.h"

#include <gtest/gtest.h>

namespace syncopate::cost {
namespace {

using arch::BlockKind;

TEST(Fpga, BlocksBecomeResources) {
  const FpgaModel model;
  EXPECT_EQ(use_of({"PE", BlockKind::multiplier, 16, 1024}, model).dsp, 1024);
  EXPECT_EQ(use_of({"PE", BlockKind::multiplier, 32, 1}, model).dsp, 4);
  EXPECT_EQ(use_of({"PE", BlockKind::adder, 32, 2}, model).lut, 64);
  EXPECT_EQ(use_of({"PE", BlockKind::registers, 48, 2}, model).ff, 96);
  EXPECT_EQ(use_of({"PE", BlockKind::logic, 10, 3}, model).lut, 30);
}

TEST(Fpga, MemoriesAreLutsOrBlocks) {
  FpgaModel model;
  EXPECT_EQ(use_of({"RAM", BlockKind::sram, 2048, 1}, model).lut, 32);
  EXPECT_EQ(use_of({"RAM", BlockKind::sram, 2049, 1}, model).bram, 0.5);
  EXPECT_EQ(use_of({"RAM", BlockKind::sram, 36864, 3}, model).bram, 3);
  model.largest_lut_memory = 8192;
  const FpgaUse luts = use_of({"RAM", BlockKind::sram, 8192, 2}, model);
  EXPECT_EQ(luts.lut, 256);
  EXPECT_EQ(luts.bram, 0);
}

TEST(Fpga, PartsAreComponents) {
  arch::Spec spec;
  spec.blocks = {{"PE", BlockKind::multiplier, 16, 4},
                 {"buffer", BlockKind::sram, 18432, 1},
                 {"PE", BlockKind::adder, 32, 4}};
  const std::vector<FpgaPart> parts = fpga_of(spec);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].component, "PE");
  EXPECT_EQ(parts[0].use.dsp, 4);
  EXPECT_EQ(parts[0].use.lut, 128);
  EXPECT_EQ(parts[1].use.bram, 0.5);
  EXPECT_EQ(total(parts).lut, 128);
  EXPECT_TRUE(fpga_of(arch::Spec{}).empty());
}

TEST(Fpga, BoardsAreThoseOfTheParameter) {
  arch::Spec spec;
  EXPECT_EQ(board_of(spec), nullptr);
  spec.params.push_back({.name = "board", .value = "ZCU102"});
  ASSERT_NE(board_of(spec), nullptr);
  EXPECT_EQ(board_of(spec)->limits.dsp, 2520);
  spec.params.back().value = "none";
  EXPECT_EQ(board_of(spec), nullptr);
}

}  // namespace
}  // namespace syncopate::cost

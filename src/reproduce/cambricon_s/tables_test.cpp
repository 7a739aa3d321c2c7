#include <gtest/gtest.h>

#include "accel/registry.h"
#include "reproduce/cambricon_s/study.h"

namespace syncopate::reproduce::cambricon_s {
namespace {

/// Every figure the same, except for Cambricon-S itself.
Case made_up_case() {
  Case one;
  one.network = "net";
  one.table = "table";
  one.wanted = one.fine_reached = one.coarse_reached = {{"conv1", 0.5, 0.25}};
  const Cost base{2e-3, 1e6, 1e5}, better{1e-3, 2.5e5, 5e4};
  for (std::size_t s = 0; s < ladder().size(); ++s) {
    const bool full = ladder()[s].name.ends_with("= Cambricon-S");
    const std::vector<Cost> scopes(3, full ? better : base);
    one.steps.emplace_back(kMemories.size(), std::vector(kCompactions.size(), scopes));
  }
  one.diannao.assign(kMemories.size(), std::vector<Cost>(3, {1e-2, 4e6, 1e6}));
  return one;
}

TEST(HeadlineTable, DividesTheOthersByCambriconS) {
  const ResultTable table = headline_table({made_up_case(), made_up_case()});
  ASSERT_EQ(table.rows.size(), 12U);  // (two networks and their mean) x memories x compactions
  for (const std::vector<Cell>& row : table.rows) {
    ASSERT_EQ(row.size(), table.columns.size());
    EXPECT_NEAR(row[4].value, 2, 1e-9);                            // time
    EXPECT_NEAR(row[7].value, 4, 1e-9);                            // chip energy
    EXPECT_NEAR(row[8].value, (1e6 + 6e5) / (2.5e5 + 3e5), 1e-9);  // with 6 pJ/bit
    EXPECT_NEAR(row[9].value, 3e6 / 1.25e6, 1e-9);                 // with 20
    EXPECT_NEAR(row[10].value, 10, 1e-9);                          // time over DianNao
    EXPECT_NEAR(row[12].value, 24e6 / 1.25e6, 1e-9);
  }
}

TEST(AblationTable, HasEveryStepOverCambriconX) {
  const ResultTable table = ablation_table({made_up_case()});
  ASSERT_EQ(table.rows.size(), ladder().size());
  for (std::size_t s = 0; s < ladder().size(); ++s) {
    EXPECT_NEAR(table.rows[s][3].value, s == 5 ? 2 : 1, 1e-9) << ladder()[s].name;
  }
}

TEST(Ladder, NamesMachinesAndParametersThatExist) {
  for (const Step& step : ladder()) {
    for (const std::string& compaction : kCompactions) {
      std::vector<std::string> overrides = step.overrides;
      overrides.push_back("compaction=" + compaction);
      const Params params = Params::from_words(overrides);
      EXPECT_EQ(accel::find(step.machine).spec(params).machine, step.machine);
    }
  }
}

}  // namespace
}  // namespace syncopate::reproduce::cambricon_s

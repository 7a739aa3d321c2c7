#include <gtest/gtest.h>

#include "accel/registry.h"
#include "reproduce/flexflow_pro/study.h"

namespace syncopate::reproduce::flexflow_pro {
namespace {

Costs costs(double seconds, double chip_pj) {
  const Cost cost{seconds, chip_pj, 1e5};
  return {cost, cost};
}

/// Every rival takes three times as long and twice the energy on chip; slack makes it twice as
/// fast.
Case made_up_case() {
  Case one;
  one.network = "net";
  one.pro.assign(kMemories.size(), costs(1e-3, 1e6));
  one.rivals.assign(kMemories.size(), std::vector<Costs>(rivals().size(), costs(3e-3, 2e6)));
  one.skips.assign(skip_modes().size(), costs(1e-3, 1e6));
  one.balances.assign(balances().size(), costs(5e-4, 1e6));
  one.sizes.assign(sizes().size(), costs(1e-3, 1e6));
  one.slacks.assign(slacks().size(), costs(1e-3, 1e6));
  one.slacks.front() = costs(2e-3, 1e6);
  return one;
}

TEST(Tables, DivideTheRivalsByFlexFlowPro) {
  const std::vector<Case> cases{made_up_case(), made_up_case()};
  const ResultTable speed = speed_table(cases, 0, kConv);
  ASSERT_EQ(speed.rows.size(), 3U);  // two networks and their mean
  for (const std::vector<Cell>& row : speed.rows) {
    ASSERT_EQ(row.size(), speed.columns.size());
    for (std::size_t c = 1; c < row.size(); ++c) EXPECT_NEAR(row[c].value, 3, 1e-9);
  }
  EXPECT_NEAR(energy_table(cases, 1, false).rows[0][1].value, 2, 1e-9);
  EXPECT_NEAR(energy_table(cases, 1, true).rows[0][1].value, (2e6 + 2e6) / (1e6 + 2e6), 1e-9);
  const ResultTable verdict = verdict_table(cases);
  ASSERT_EQ(verdict.rows.size(), rivals().size());
  EXPECT_EQ(verdict.rows[0][4].text, "yes");  // 3x in time
  EXPECT_EQ(verdict.rows[0][6].text, "yes");  // 2x in energy on chip
  EXPECT_EQ(verdict.rows[0][8].text, "no");   // 1.33x with DRAM
}

TEST(Tables, CompareSettingsWithTheFirst) {
  const std::vector<Case> cases{made_up_case()};
  const ResultTable slack = slack_table(cases);
  EXPECT_NEAR(slack.rows[0][1].value, 1, 1e-9);
  EXPECT_NEAR(slack.rows[0][2].value, 2, 1e-9);
  EXPECT_NEAR(skip_table(cases).rows[0].back().value, 2, 1e-9);
  const Plot plot = slack_plot(cases);
  ASSERT_EQ(plot.series.size(), 1U);
  EXPECT_EQ(plot.series[0].values.size(), plot.categories.size());
  EXPECT_NEAR(plot.series[0].values[1], 2, 1e-9);
}

TEST(Study, NamesMachinesAndParametersThatExist) {
  for (const Rival& rival : rivals()) {
    const arch::Spec spec = accel::find(rival.machine).spec(Params::from_words(rival.overrides));
    EXPECT_NEAR(spec.multipliers(), 256, 4) << rival.label;
    EXPECT_EQ(spec.clock_mhz, 1000) << rival.label;
    EXPECT_EQ(spec.word_bits, 16) << rival.label;
  }
  for (const auto* settings : {&skip_modes(), &slacks(), &sizes(), &balances()}) {
    for (const Setting& setting : *settings) {
      std::vector<std::string> words{"preset=pro"};
      words.insert(words.end(), setting.overrides.begin(), setting.overrides.end());
      EXPECT_EQ(accel::find("flexflow").spec(Params::from_words(words)).machine, "flexflow");
    }
  }
}

}  // namespace
}  // namespace syncopate::reproduce::flexflow_pro

#include <gtest/gtest.h>

#include "accel/registry.h"
#include "reproduce/sense/study.h"

namespace syncopate::reproduce::sense {
namespace {

/// Costs of so many milliseconds and megabytes.
Costs costs(double ms, double megabytes) {
  Cost cost;
  cost.seconds = cost.compute_seconds = ms * 1e-3;
  cost.dram_bits = megabytes * 8e6;
  cost.weight_bits = 0.5 * 8e6;
  cost.macs = 4.096e8;
  cost.products = 1;
  cost.slots = ms;
  cost.causes[0] = 1;
  return {cost, cost, cost, cost};
}

/// Sense takes 2 ms and 2 MB, less balanced 4 ms; rivals 5 ms; fixed dataflows and Eyeriss 5 MB.
Case made_up_case(const std::string& network) {
  Case one;
  one.network = network;
  one.densities = "1/2";
  one.synthetic = one.published = one.first = true;
  for (Reading& reading : one.readings) {
    reading.ablation = {costs(8, 2), costs(4, 2), costs(4, 2), costs(2, 2)};
    reading.runtime = reading.grouped = costs(2, 2);
    reading.ifm_first = reading.weight_first = costs(2, 5);
    reading.first = costs(4, 2.5);
    reading.idle = costs(4, 2);
  }
  one.swallow = one.fesa = one.spots = one.systolic = one.eyeriss = costs(5, 5);
  one.swallow_small = one.fesa_fixed = one.spots_both = costs(5, 5);
  one.buffers = {{256, costs(2, 2), costs(2, 3), costs(2, 4), costs(2, 2.5)}};
  one.run = {{"balanced", 0.5, 0.25}};
  return one;
}

/// The row that begins so, at least that of its first cell.
const std::vector<Cell>& row_of(const ResultTable& table, const std::string& begin) {
  for (const std::vector<Cell>& row : table.rows) {
    if (row[0].text.starts_with(begin)) return row;
  }
  throw std::runtime_error("no row " + begin);
}

TEST(Tables, AreRectangular) {
  const std::vector<Case> cases{made_up_case("alexnet"), made_up_case("vgg16")};
  const std::vector<OneLayer> layers{{"4 of 9", {0.1, 0.2, 0.3, 0.4}}};
  for (const ResultTable& table :
       {peak_table(), rate_table(cases), energy_table(cases), speed_table(cases),
        first_version_table(cases), dataflow_table(cases), eyeriss_table(cases),
        buffer_table(cases), cause_table(cases), verdict_table(cases, layers),
        ablation_table(cases, layers), density_table(cases)}) {
    EXPECT_FALSE(table.rows.empty()) << table.title;
    for (const std::vector<Cell>& row : table.rows) {
      EXPECT_EQ(row.size(), table.columns.size()) << table.title << ": " << row[0].text;
    }
  }
  for (const Plot& plot : {rate_plot(cases), speed_plot(cases), ablation_plot(cases, layers)}) {
    for (const Series& series : plot.series) {
      EXPECT_EQ(series.values.size(), plot.categories.size()) << plot.title << ": " << series.name;
    }
  }
}

TEST(Tables, PeakComesFromTheMachine) {
  const ResultTable table = peak_table();
  EXPECT_EQ(table.rows[0][1].value, 409.6);
  EXPECT_EQ(table.rows[0][2].value, 409.6);
}

TEST(Tables, RatesAreImagesAndOperationsOverThePeak) {
  const ResultTable table = rate_table({made_up_case("alexnet")});
  EXPECT_NEAR(table.rows[0][2].value, 500, 1e-9);
  EXPECT_NEAR(table.rows[0][6].value, 250, 1e-9);  // Rows without a channel idle.
  EXPECT_NEAR(table.rows[0][7].value, 250, 1e-9);
  EXPECT_NEAR(table.rows[0][8].value, 471, 1e-9);
  EXPECT_NEAR(table.rows[0][9].value, 1, 1e-9);  // 0.4096 GMAC in 2 ms.
}

TEST(Tables, RivalsAreDividedBySense) {
  const ResultTable table = speed_table({made_up_case("alexnet"), made_up_case("vgg16")});
  for (std::size_t rival = 3; rival < 10; ++rival)
    EXPECT_NEAR(table.rows[0][rival].value, 2.5, 1e-9);
  EXPECT_EQ(row_of(table, "range")[3].text, "2.50-2.50x");
  EXPECT_EQ(row_of(table, "published, TVLSI")[3].text, "0.97-2.18x");
  EXPECT_NEAR(row_of(energy_table({made_up_case("vgg16")}), "vgg16")[3].value, 22.4, 1e-9);
}

TEST(Tables, TrafficIsOverTheAdaptiveDataflow) {
  const std::vector<Case> cases{made_up_case("alexnet")};
  const ResultTable flows = dataflow_table(cases);
  EXPECT_NEAR(flows.rows[0][1].value, 2, 1e-9);
  EXPECT_NEAR(flows.rows[0][3].value, 0.5, 1e-9);  // Weights.
  EXPECT_NEAR(flows.rows[0][5].value, 2.5, 1e-9);
  const ResultTable eyeriss = eyeriss_table(cases);
  ASSERT_EQ(eyeriss.rows.size(), 4U);
  EXPECT_NEAR(eyeriss.rows[0][5].value, 2, 1e-9);           // 5 MB over 2.5.
  EXPECT_NEAR(eyeriss.rows[1][5].value, 3.85 / 2.5, 1e-9);  // The chip's.
  EXPECT_NEAR(eyeriss.rows[2][2].value, 2.5 - 0.5 * 0.75, 1e-9);
}

TEST(Tables, VerdictsSayWhatHolds) {
  const ResultTable table = verdict_table({made_up_case("alexnet")}, {});
  EXPECT_EQ(row_of(table, "peak")[3].text, "yes");
  EXPECT_EQ(row_of(table, "images/s, alexnet")[3].text, "no, 1.06 times it");
  EXPECT_EQ(row_of(table, "... rows without a channel idle, alexnet")[1].text, "250");
  EXPECT_EQ(row_of(table, "images/s, vgg16")[3].text, "-");
  EXPECT_EQ(row_of(table, "speed over Swallow")[3].text, "no, 1.11 times it");
  EXPECT_EQ(row_of(table, "speed over FESA")[3].text, "yes");
  EXPECT_EQ(row_of(table, "DRAM, Swallow")[3].text, "no, 1.39 times it");
}

TEST(Tables, WhatWasNotRunIsLeftOut) {
  Case one = made_up_case("trained: net");
  one.synthetic = one.published = one.first = false;
  for (Reading& reading : one.readings) {
    reading = {};
    reading.ablation[kNone] = costs(8, 2);
  }
  one.fesa = std::nullopt;
  EXPECT_TRUE(rate_table({one}).rows.empty());
  EXPECT_TRUE(dataflow_table({one}).rows.empty());
  const ResultTable table = ablation_table({one}, {});
  EXPECT_NEAR(row_of(table, "trained: net")[2].value, 0.125, 1e-9);
  EXPECT_EQ(row_of(table, "trained: net")[3].text, "-");
}

TEST(Study, NamesMachinesThatAreEqual) {
  for (const char* name : {"sense", "swallow", "fesa", "spots", "systolic"}) {
    const arch::Spec spec = accel::find(name).spec({});
    EXPECT_EQ(spec.multipliers(), 1024) << name;
    EXPECT_EQ(spec.clock_mhz, 200) << name;
    EXPECT_EQ(spec.word_bits, 16) << name;
    EXPECT_EQ(spec.dram, kMemory) << name;
  }
}

}  // namespace
}  // namespace syncopate::reproduce::sense

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "report/causes.h"
#include "report/format.h"
#include "report/html.h"
#include "report/json.h"
#include "report/sample_run_for_tests.h"
#include "report/table.h"
#include "report/terminal.h"

namespace syncopate::report {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Format, KeepsThreeDigits) {
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-999), "-999");
  EXPECT_EQ(grouped(-1000), "-1,000");
  EXPECT_EQ(short_count(999), "999");
  EXPECT_EQ(short_count(999.6), "1.00 k");
  EXPECT_EQ(short_count(12345), "12.3 k");
  EXPECT_EQ(short_bytes(1023), "1023 B");
  EXPECT_EQ(short_bytes(1536), "1.50 KiB");
  EXPECT_EQ(short_time(0.00123), "1.23 ms");
  EXPECT_EQ(short_time(0.9999), "1.00 s");
  EXPECT_EQ(short_energy(4.56e9), "4.56 mJ");
  EXPECT_EQ(ratio(1.714), "1.71x");
  EXPECT_EQ(amount(1024), "1,024");
  EXPECT_EQ(amount(4.5, 912), "4.5 of 912");
  EXPECT_EQ(amount(1500.5, 274080), "1,501 of 274,080");
}

TEST(Format, PercentNeverHidesSomething) {
  EXPECT_EQ(percent(0), "0 %");
  EXPECT_EQ(percent(1e-6), "<0.1 %");
  EXPECT_EQ(percent(0.9999), ">99.9 %");
  EXPECT_EQ(percent(1), "100 %");
}

TEST(Table, AlignsByDisplayWidth) {
  Table table;
  table.add_column("name", Table::Align::left);
  table.add_column("value", Table::Align::right);
  table.add_row({{"\xe5\xb1\x82", Tone::plain, ""}, {"1", Tone::plain, ""}});  // one wide character
  table.add_row({{"ab", Tone::plain, ""}, {"22", Tone::plain, ""}});
  const auto lines = lines_of(table.render({}));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[2], "\xe5\xb1\x82        1");
  EXPECT_EQ(lines[3], "ab       22");
}

TEST(Table, DropsTheLeastImportantColumnsToFit) {
  Table table;
  table.add_column("keep", Table::Align::left);
  table.add_column("drop-first", Table::Align::left, 1);
  table.add_column("drop-later", Table::Align::left, 2);
  table.add_row({{"a", Tone::plain, ""}, {"b", Tone::plain, ""}, {"c", Tone::plain, ""}});
  EXPECT_NE(table.render({false, 0}).find("drop-first"), std::string::npos);
  const std::string narrow = table.render({false, 20});
  EXPECT_EQ(narrow.find("drop-first"), std::string::npos);
  EXPECT_NE(narrow.find("drop-later"), std::string::npos);
  for (const std::string& line : lines_of(narrow)) EXPECT_LE(display_width(line), 20);
}

TEST(Table, ShortensWithoutCuttingCharacters) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdef", 4), "abc\xe2\x80\xa6");
  EXPECT_EQ(shortened("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xe2\x80\xa6");
  EXPECT_EQ(shortened("a\x1b[31m", 20), "a\xef\xbf\xbd[31m") << "escapes from names must not act";
  EXPECT_EQ(shortened("\xff", 5), "\xef\xbf\xbd");
}

TEST(Causes, BarHasExactWidthAndKeepsOrder) {
  sim::Stats stats;
  stats[sim::Cause::work] = 1;
  stats[sim::Cause::bubble] = 1;
  stats[sim::Cause::memory] = 1;
  EXPECT_EQ(cause_bar(stats, 10, {}).text.size(), 10U);
  EXPECT_EQ(cause_bar(stats, 9, {}).text, "wwwbbbmmm");
  EXPECT_EQ(cause_bar(sim::Stats{}, 9, {}).text, "");
}

TEST(Terminal, SaysWhatRanAndCompares) {
  const std::string text = terminal_report(sample_run(), {});
  EXPECT_NE(text.find("fixed point cat (9.4), float cat (9.5)  same"), std::string::npos);
  EXPECT_NE(text.find("speed vs slow"), std::string::npos);
  EXPECT_NE(text.find("2.00x"), std::string::npos);
  EXPECT_NE(text.find("2 of 6"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "no colors unless asked";
}

TEST(Terminal, MergesLayersBeyondTheLimit) {
  RunResult run = sample_run();
  for (int i = 0; i < 10; ++i) {
    run.layers.push_back(run.layers[0]);
    for (MachineResult& machine : run.machines) machine.layers.push_back(machine.layers[0]);
  }
  TerminalOptions options;
  options.most_layers = 5;
  const std::string text = layer_table(run, run.machines[0], options);
  EXPECT_NE(text.find("8 more layers"), std::string::npos);
  EXPECT_NE(text.find("16,000"), std::string::npos) << "the merged row sums";
}

TEST(Result, AddsEnergyByComponent) {
  const RunResult run = sample_run();
  EXPECT_DOUBLE_EQ(run.machines[0].energy_pj(false), 200);
  EXPECT_DOUBLE_EQ(run.machines[0].energy_pj(true), 800);
  EXPECT_DOUBLE_EQ(speedup(run.machines[1], run.machines[0]), 2);
  EXPECT_DOUBLE_EQ(run.machines[0].utilization(), 8000.0 / 64000);
}

TEST(Json, HoldsTheResult) {
  const auto json = nlohmann::json::parse(to_json(sample_run()));
  EXPECT_EQ(json["version"], kJsonVersion);
  EXPECT_EQ(json["machines"][1]["total"]["cycles"], 2000);
  EXPECT_EQ(json["machines"][0]["layers"][0]["multiplier_cycles"]["work"], 4000);
  EXPECT_EQ(json["layers"][1]["name"], "fc </script><b>&\"x");
  EXPECT_EQ(json["answers"][0]["same_top1"], true);
}

TEST(Json, SurvivesNamesThatAreNotUtf8) {
  RunResult run = sample_run();
  run.layers[0].name = "\xff\xfe";
  EXPECT_NO_THROW(nlohmann::json::parse(to_json(run)));
}

TEST(Csv, QuotesNames) {
  const auto lines = lines_of(to_csv(sample_run()));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_NE(lines[2].find("\"fc </script><b>&\"\"x\""), std::string::npos);
  const auto commas = [](const std::string& line) {
    return std::count(line.begin(), line.end(), ',');
  };
  EXPECT_EQ(commas(lines[0]), commas(lines[1]));
}

TEST(Html, NamesCannotEndTheScript) {
  RunResult run = sample_run();
  run.model = "</title><script>alert(1)</script>{{data}}";
  const std::string html = to_html(run);
  EXPECT_NE(html.find("&lt;/title&gt;"), std::string::npos);
  EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
  const std::size_t data = html.find("id=\"data\">");
  ASSERT_NE(data, std::string::npos);
  const std::size_t end = html.find("</script>", data);
  const std::string json = html.substr(data + 10, end - data - 10);
  EXPECT_EQ(nlohmann::json::parse(json)["layers"][1]["name"], "fc </script><b>&\"x");
}

TEST(Html, LoadsNothingFromANetwork) {
  const std::string html = to_html(sample_run());
  EXPECT_EQ(html.find("src="), std::string::npos);
  EXPECT_EQ(html.find("href="), std::string::npos);
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(Area, IsShownOnlyForMachinesThatHaveIt) {
  RunResult run = sample_run();
  EXPECT_EQ(comparison(run, {}).find("area"), std::string::npos);
  run.machines[0].area = {{"PE", 1.25}, {"buffers", 0.5}};
  const std::string text = comparison(run, {});
  EXPECT_NE(text.find("1.75 mm2"), std::string::npos) << text;
  EXPECT_NE(to_json(run).find("\"area_mm2\": {"), std::string::npos);
}

TEST(Fpga, IsShownWithItsBasisAndTheLimitsOfItsBoard) {
  RunResult run = sample_run();
  EXPECT_EQ(comparison(run, {}).find("FPGA"), std::string::npos);
  EXPECT_EQ(to_json(run).find("\"fpga\""), std::string::npos);
  run.machines[0].fpga = {{"PE", {1500, 3000, 16, 0}}, {"buffers", {0, 0, 0, 4.5}}};
  EXPECT_EQ(comparison(run, {}).find("ZCU102"), std::string::npos);
  run.machines[0].spec.params.push_back({.name = "board", .value = "ZCU102"});
  const std::string text = comparison(run, {});
  EXPECT_NE(text.find("1,500 of 274,080"), std::string::npos) << text;
  EXPECT_NE(text.find("4.5 of 912"), std::string::npos) << text;
  EXPECT_NE(text.find("no synthesis"), std::string::npos) << text;
  const auto fpga = nlohmann::json::parse(to_json(run))["machines"][0]["fpga"];
  EXPECT_EQ(fpga["total"]["DSP"], 16);
  EXPECT_EQ(fpga["components"]["buffers"]["BRAM36"], 4.5);
  EXPECT_EQ(fpga["limits"]["FF"], 548160);
  EXPECT_FALSE(nlohmann::json::parse(to_json(run))["machines"][1].contains("fpga"));
}

}  // namespace
}  // namespace syncopate::report

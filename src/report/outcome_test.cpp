#include "report/outcome.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace syncopate::report {
namespace {

Outcome sample() {
  Outcome outcome{"some-paper", {"A note."}, {}, {}};
  outcome.tables.push_back(
      {"Ratios",
       {"what", "ratio"},
       {{words("time"), number(1.7149, 2, "x")}, {words("energy"), number(0.5, 2, "x")}},
       {"Measured."}});
  return outcome;
}

TEST(Outcome, ReadsAsText) {
  const std::string text = to_text(sample(), {});
  for (const char* part : {"A note.", "Ratios", "what", "1.71x", "0.50x", "Measured."}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Outcome, KeepsFullPrecisionAsJson) {
  const auto json = nlohmann::json::parse(to_json(sample()));
  EXPECT_EQ(json["title"], "some-paper");
  EXPECT_EQ(json["tables"][0]["rows"][0][0], "time");
  EXPECT_EQ(json["tables"][0]["rows"][0][1], 1.7149);
  EXPECT_EQ(json["tables"][0]["notes"][0], "Measured.");
}

TEST(Outcome, PlotsGoIntoAPageThatNoTextCanBreak) {
  Outcome outcome = sample();
  Plot plot;
  plot.title = "Sweep </script><b>";
  plot.categories = {"1", "2"};
  plot.series = {{"net", {1.5, std::numeric_limits<double>::quiet_NaN()}}};
  plot.targets = {{"paper", 2.5}};
  outcome.plots.push_back(plot);
  const auto json = nlohmann::json::parse(to_json(outcome));
  EXPECT_EQ(json["plots"][0]["series"][0]["values"][0], 1.5);
  EXPECT_TRUE(json["plots"][0]["series"][0]["values"][1].is_null());
  EXPECT_EQ(json["plots"][0]["targets"][0]["value"], 2.5);
  const std::string page = to_html(outcome);
  EXPECT_EQ(page.find("Sweep </script>"), std::string::npos);
  EXPECT_NE(page.find("Sweep \\u003c/script>"), std::string::npos);
  EXPECT_NE(page.find("draw_plot"), std::string::npos);
}

}  // namespace
}  // namespace syncopate::report

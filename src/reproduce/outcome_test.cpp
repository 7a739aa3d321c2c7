#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "reproduce/paper.h"

namespace syncopate::reproduce {
namespace {

Outcome sample() {
  Outcome outcome{"some-paper", {"A note."}, {}};
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
  EXPECT_EQ(json["paper"], "some-paper");
  EXPECT_EQ(json["tables"][0]["rows"][0][0], "time");
  EXPECT_EQ(json["tables"][0]["rows"][0][1], 1.7149);
  EXPECT_EQ(json["tables"][0]["notes"][0], "Measured.");
}

TEST(Papers, AreFoundByName) {
  EXPECT_THROW(find("no-such-paper"), InputError);
  for (const Paper* paper : all()) EXPECT_EQ(&find(paper->name), paper);
}

}  // namespace
}  // namespace syncopate::reproduce

#include "flow/tune.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "accel/registry.h"
#include "base/error.h"

namespace syncopate::flow {
namespace {

/// The first machine, whatever it is: all have a clock.
TuneOptions options() {
  TuneOptions tune;
  tune.run.model.model = "zoo:resnet20";
  tune.run.machines = {{std::string(accel::all().front()->name), {}}};
  tune.run.check = sim::CheckMode::off;
  tune.knobs = {{"clock_mhz", {"500", "2000"}}};
  return tune;
}

class Journal {
 public:
  Journal() : path_(std::filesystem::temp_directory_path() / "syncopate_tune_test.json") {
    std::filesystem::remove(path_);
  }
  ~Journal() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Tune, FindsTheFastestClockAndStartsAtTheMachinesOwn) {
  TuneOptions tune_options = options();
  tune_options.objective = Objective::time;
  const TuneResult found = tune(tune_options);
  ASSERT_EQ(found.points.size(), 3U);  // the machine's own clock is a choice too
  EXPECT_EQ(found.points[found.best].values, std::vector<std::string>{"2000"});
  EXPECT_GT(found.gain(), 0);
  EXPECT_LT(found.points[found.best].seconds, found.points.front().seconds);
}

TEST(Tune, GoesOnFromItsJournalWithoutRunningAgain) {
  const Journal journal;
  TuneOptions tune_options = options();
  tune_options.journal = journal.path();
  const TuneResult first = tune(tune_options);
  int steps = 0;
  const TuneResult second = tune(tune_options, [&](const Step&) { ++steps; });
  EXPECT_EQ(steps, 0);
  EXPECT_EQ(second.model, "resnet20");
  EXPECT_TRUE(second.synthetic);
  ASSERT_EQ(second.points.size(), first.points.size());
  for (std::size_t i = 0; i < first.points.size(); ++i) {
    EXPECT_EQ(second.points[i].seconds, first.points[i].seconds);
    EXPECT_EQ(second.points[i].picojoules, first.points[i].picojoules);
  }
  tune_options.run.model.seed = 2;
  EXPECT_THROW(tune(tune_options), InputError);
  std::ofstream(journal.path()) << "{\"search\": 3";
  EXPECT_THROW(tune(tune_options), InputError);
}

TEST(Tune, RefusesWhatTheMachineDoesNotTake) {
  TuneOptions unknown = options();
  unknown.knobs[0].name = "clock_mh";
  try {
    tune(unknown);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'clock_mhz'?"), std::string::npos);
  }
  TuneOptions impossible = options();
  impossible.knobs[0].choices = {"-5"};
  EXPECT_THROW(tune(impossible), InputError);
  TuneOptions twice = options();
  twice.knobs.push_back(twice.knobs[0]);
  EXPECT_THROW(tune(twice), InputError);
}

}  // namespace
}  // namespace syncopate::flow

#include "flow/strands.h"

#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <stdexcept>

namespace syncopate::flow {
namespace {

TEST(Strands, RunJobsOfAStrandInOrder) {
  constexpr int kJobs = 200;
  std::vector<std::vector<int>> seen(3);
  Strands strands(seen.size());
  for (int round = 0; round < 2; ++round) {
    for (int job = 0; job < kJobs; ++job) {
      for (std::size_t s = 0; s < seen.size(); ++s) {
        strands.post(s, [&seen, s, job] {
          std::atomic<int> sum{0};
          tbb::parallel_for(0, 8, [&](int i) { sum += i; });
          if (sum == 28) seen[s].push_back(job);
        });
      }
    }
    strands.wait();
  }
  for (const std::vector<int>& jobs : seen) {
    ASSERT_EQ(jobs.size(), 2U * kJobs);
    for (int i = 0; i < 2 * kJobs; ++i) EXPECT_EQ(jobs[static_cast<std::size_t>(i)], i % kJobs);
  }
}

TEST(Strands, AnErrorReachesWhoWaits) {
  std::atomic<int> later{0};
  Strands strands(1);
  strands.post(0, [] { throw std::runtime_error("no"); });
  strands.post(0, [&] { ++later; });
  EXPECT_THROW(strands.wait(), std::runtime_error);
  EXPECT_EQ(later, 0);
}

TEST(Strands, LeavingDropsWhatIsLeft) {
  std::atomic<int> ran{0};
  {
    Strands strands(1);
    for (int i = 0; i < 1000; ++i) strands.post(0, [&] { ++ran; });
  }
  EXPECT_LE(ran, 1000);
}

}  // namespace
}  // namespace syncopate::flow

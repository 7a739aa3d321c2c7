#include "flow/evaluate.h"

#include <gtest/gtest.h>
#include <tbb/task_arena.h>

#include "base/error.h"
#include "data/shapes.h"
#include "ref/one_thread.h"
#include "zoo/networks.h"

namespace syncopate::flow {
namespace {

TEST(Evaluate, PicturesBesideEachOtherScoreAsOneAfterAnother) {
  const ir::Graph graph = zoo::cifar10_quick();
  const data::DataSet set = data::shapes(data::Split::test, 16);
  EvaluateOptions options;
  options.normalization = data::normalization("signed", 3);
  std::int64_t told = 0;
  const auto beside = tbb::task_arena(2).execute([&] {
    return evaluate(graph, set, options, [&](std::int64_t done, std::int64_t) { told = done; });
  });
  Evaluation alone;
  ref::on_one_thread([&] { alone = evaluate(graph, set, options); });
  EXPECT_EQ(told, 16);
  EXPECT_EQ(beside.pictures, 16);
  EXPECT_EQ(beside.float_top1, alone.float_top1);
  EXPECT_EQ(beside.fixed_top5, alone.fixed_top5);
  EXPECT_EQ(beside.agree, alone.agree);
  EXPECT_EQ(beside.snr_db, alone.snr_db);
  EXPECT_GT(alone.snr_db, 20);
}

TEST(Evaluate, RefusesLabelsWithoutAnOutput) {
  const ir::Graph graph = zoo::cifar10_quick();
  const data::DataSet set = data::shapes(data::Split::test, 10);
  EvaluateOptions options;
  options.label_offset = 1;
  try {
    evaluate(graph, set, options);
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("label 10 has no output; the network gives 10 scores"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace syncopate::flow

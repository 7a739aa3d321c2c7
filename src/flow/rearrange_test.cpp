#include "flow/rearrange.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "flow/model.h"
#include "flow/prepare.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "ref/fixed_net.h"

namespace syncopate::flow {
namespace {

// Residual sums, and concatenations of what kernels of 1x1 and 3x3 make.
class Orders : public testing::TestWithParam<const char*> {};

TEST_P(Orders, ChangeNoBit) {
  const ir::Graph graph = load_model({GetParam(), {}, 1});
  const Inputs inputs(graph, {});
  const gconv::Chain floating = gconv::lower(graph);
  const gconv::Ranges ranges = calibrate(graph, floating, inputs).ranges;
  const gconv::Chain chain = gconv::optimize(gconv::quantize(floating, ranges, {}));
  const std::vector<Tensor> expected = ref::FixedNet(chain).run(inputs.load(0));
  const std::vector<std::vector<Tensor>> measured = inputs_to_order_by(inputs);
  const std::vector<Passes> passes(chain.gconvs.size(), {{8, 1, 16, 7}, {8, 3, 16, 14}});
  for (const gconv::Chain& other :
       {rearrange_channels(chain, measured), group_channels(chain, measured, passes)}) {
    EXPECT_NE(gconv::to_text(other), gconv::to_text(chain));
    EXPECT_EQ(ref::FixedNet(other).run(inputs.load(0)), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, Orders, testing::Values("zoo:resnet20", "zoo:squeezenet"));

}  // namespace
}  // namespace syncopate::flow

#include "ref/float_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace syncopate::ref {
namespace {

using dnnl::memory;

/// What oneDNN's reorder makes of weights that were scaled before, padding included.
std::vector<float> reordered(const dnnl::engine& engine, const memory::desc& from,
                             const memory::desc& to, std::vector<float> scaled) {
  std::vector<float> packed(to.get_size() / sizeof(float));
  memory source(from, engine, scaled.data());
  memory target(to, engine, packed.data());
  dnnl::stream stream(engine);
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
  return packed;
}

TEST(OutputBlocks, PackAsOneDnnReorders) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  Random random(3);
  using Tag = memory::format_tag;
  for (const Tag tag : {Tag::Acdb16a, Tag::Acdb32a, Tag::Acdb64a, Tag::Acdb48a}) {
    for (const memory::dims& dims :
         {memory::dims{64, 3, 7, 7}, {96, 33, 1, 1}, {100, 20, 3, 3}, {5, 16, 3, 1}}) {
      const memory::desc from(dims, memory::data_type::f32, Tag::abcd);
      const memory::desc to(dims, memory::data_type::f32, tag);
      const auto blocks = OutputBlocks::of(to, dims[0]);
      if (!blocks) GTEST_SKIP() << "no AVX-512";
      const auto outs = static_cast<std::size_t>(dims[0]);
      std::vector<float> weights(from.get_size() / sizeof(float)), scale(outs);
      for (float& w : weights) w = static_cast<float>(random.uniform() - 0.5);
      for (float& s : scale) s = static_cast<float>(random.uniform() + 0.5);
      std::vector<float> scaled = weights, packed(to.get_size() / sizeof(float), 7);
      double largest = 0;
      for (std::size_t o = 0, count = weights.size() / outs; o < outs; ++o) {
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) {
          scaled[o * count + i] *= scale[o];
          sum += std::abs(static_cast<double>(scaled[o * count + i]));
        }
        largest = std::max(largest, sum);
      }
      EXPECT_NEAR(blocks->pack(weights.data(), scale, packed.data()), largest, 1e-4 * largest);
      EXPECT_EQ(packed, reordered(engine, from, to, scaled));
      blocks->pack(weights.data(), {}, packed.data());
      EXPECT_EQ(packed, reordered(engine, from, to, weights));
      weights[weights.size() / 2] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(blocks->pack(weights.data(), scale, packed.data())));
    }
  }
}

TEST(OutputBlocks, LeaveOtherLayoutsAlone) {
  const auto of = [](memory::format_tag tag, const memory::dims& dims, std::int64_t outs) {
    return OutputBlocks::of({dims, memory::data_type::f32, tag}, outs).has_value();
  };
  using Tag = memory::format_tag;
  EXPECT_FALSE(of(Tag::abcd, {64, 64, 3, 3}, 64));
  EXPECT_FALSE(of(Tag::ABcd16b16a, {64, 64, 3, 3}, 64));
  EXPECT_FALSE(of(Tag::Acdb16a, {32, 64, 3, 3}, 64));  // Groups first.
}

}  // namespace
}  // namespace syncopate::ref

#include "prune/irregularity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "prune/prune.h"

namespace syncopate::prune {
namespace {

constexpr std::int64_t kHeader = 20;  // of every JBIG file

MaskImage random_image(std::int64_t rows, std::int64_t columns, double density,
                       std::uint64_t seed) {
  Random random(seed);
  return make_image(rows, columns,
                    [&](std::int64_t, std::int64_t) { return random.chance(density); });
}

/// Blocks drawn alike, at full resolution.
MaskImage random_blocks(std::int64_t rows, std::int64_t columns, std::int64_t block_rows,
                        std::int64_t block_columns, double density, std::uint64_t seed) {
  const std::int64_t across = (columns + block_columns - 1) / block_columns;
  const MaskImage blocks =
      random_image((rows + block_rows - 1) / block_rows, across, density, seed);
  return make_image(rows, columns, [&](std::int64_t r, std::int64_t c) {
    const std::int64_t block = r / block_rows * across + c / block_columns;
    return blocks.pixels[static_cast<std::size_t>(block)] != 0;
  });
}

double entropy_bytes(double size, double p) {
  return -size * (p * std::log2(p) + (1 - p) * std::log2(1 - p)) / 8;
}

TEST(Jbig, NeedsAlmostNothingForWhatItCanPredict) {
  const MaskImage zeros = make_image(1024, 512, [](auto, auto) { return false; });
  EXPECT_LT(jbig_bytes(zeros), kHeader + 60);
  const MaskImage ones = make_image(1024, 512, [](auto, auto) { return true; });
  EXPECT_LT(jbig_bytes(ones), kHeader + 60);
  const MaskImage checker = make_image(1024, 512, [](auto r, auto c) { return (r + c) % 2 == 0; });
  EXPECT_LT(jbig_bytes(checker), kHeader + 300);
  EXPECT_LT(jbig_bytes(zeros, true), kHeader + 30);
}

TEST(Jbig, NeedsTheEntropyOfNoise) {
  for (const double p : {0.05, 0.1, 0.35, 0.5}) {
    const MaskImage noise = random_image(1000, 1000, p, 7);
    const double bound = entropy_bytes(1e6, p);
    EXPECT_GT(static_cast<double>(jbig_bytes(noise)), bound * 0.99) << p;
    EXPECT_LT(static_cast<double>(jbig_bytes(noise)), bound * 1.08) << p;
  }
}

TEST(Jbig, TakesPicturesOfAnyExtent) {
  EXPECT_EQ(jbig_bytes({}), 0);
  for (const std::int64_t columns : {1, 7, 8, 9, 65}) {
    for (const std::int64_t rows : {1, 2, 3, 50}) {
      const MaskImage image = random_image(rows, columns, 0.5, 3);
      EXPECT_GT(jbig_bytes(image), kHeader) << rows << " by " << columns;
      EXPECT_LT(jbig_bytes(image), kHeader + 40 + rows * columns / 4);
    }
  }
}

// The experiment of the notes on Cambricon-S (3.5): independent random masks at the densities of
// Deep Compression, fine and in blocks at full resolution. There, an ideal coder; here JBIG's own,
// whose states adapt coarsely: within 15 % of the notes' ratios, and of their fine sizes.
TEST(Jbig, RandomMasksOfAlexNetGiveTheRatiosOfTheNotes) {
  struct Row {
    const char* name;
    std::int64_t rows, columns, block_rows, block_columns;
    double density, fine_kib, ratio;
  };
  for (const Row& row : {Row{"conv2", 1200, 256, 1, 16, 0.38, 36.7, 8.7},
                         Row{"conv3", 2304, 384, 1, 16, 0.35, 101.7, 8.7},
                         Row{"conv5", 1728, 256, 1, 16, 0.37, 52.1, 8.8},
                         Row{"fc7", 4096, 4096, 32, 32, 0.09, 893.7, 217},
                         Row{"fc8", 4096, 1000, 16, 16, 0.25, 406.6, 65}}) {
    const auto fine =
        static_cast<double>(jbig_bytes(random_image(row.rows, row.columns, row.density, 11)));
    const auto coarse = static_cast<double>(jbig_bytes(
        random_blocks(row.rows, row.columns, row.block_rows, row.block_columns, row.density, 12)));
    EXPECT_NEAR(fine / 1024, row.fine_kib, 0.15 * row.fine_kib) << row.name;
    EXPECT_NEAR(fine / coarse, row.ratio, 0.15 * row.ratio) << row.name;
  }
}

ir::Graph conv_network(Shape shape, std::int64_t groups, std::uint64_t seed) {
  Random random(seed);
  ir::Graph graph;
  graph.source = "test.onnx";
  graph.inputs = {graph.add_value({"x", DType::f32, {1, shape[1] * groups, 8, 8}, {}})};
  Tensor w(DType::f32, shape);
  for (float& value : w.mutable_data<float>()) value = static_cast<float>(random.normal());
  ir::Conv conv;
  conv.group = groups;
  conv.window = {{shape[2], shape[3]}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const ir::ValueId id = graph.add_constant("w", std::move(w));
  graph.outputs = {graph.add_node("conv", conv, {graph.inputs[0], id}, "y")};
  return graph;
}

TEST(MaskImage, HasALinePerInputAndPositionAndAColumnPerOutput) {
  const Weights w = prunable_layers(conv_network({4, 3, 2, 2}, 2, 1)).at(0).weights;
  Mask mask(48, 0);
  mask[static_cast<std::size_t>(w.address(1, 0, 2, 1, 0))] = 1;
  const MaskImage image = mask_image(w, mask);
  ASSERT_EQ(image.rows, 12);
  ASSERT_EQ(image.columns, 4);
  for (std::int64_t r = 0; r < 12; ++r) {
    for (std::int64_t c = 0; c < 4; ++c) {
      EXPECT_EQ(image.pixels[static_cast<std::size_t>(r * 4 + c)], r == 10 && c == 2 ? 1 : 0);
    }
  }
}

TEST(Irregularity, FindsTheWindowsOfAMask) {
  for (const Block& window : {Block{1, 16, 1, 1}, Block{4, 8, 1, 1}, Block{2, 4, 3, 3}}) {
    for (const std::int64_t groups : {1, 2}) {
      ir::Graph graph = conv_network({64 * groups, 30, 3, 3}, groups, 5);
      prune(graph, {.density = 0.3, .conv = window});
      const auto layers = irregularity(graph);
      EXPECT_EQ(layers.at(0).index.window, window) << window.outputs;
      const std::int64_t bits = groups * (64 / window.outputs) *
                                ((30 + window.inputs - 1) / window.inputs) *
                                (window.height == 3 ? 1 : 9);
      EXPECT_EQ(layers.at(0).index.bytes, (bits + 7) / 8);
    }
  }
  ir::Graph fine = conv_network({64, 30, 3, 3}, 1, 5);
  prune(fine, {.method = Method::magnitude, .density = 0.3});
  EXPECT_EQ(irregularity(fine).at(0).index.window, (Block{1, 1, 1, 1}));
}

TEST(Irregularity, CoarseMasksAreMoreRegularThanFineOnes) {
  ir::Graph fine = conv_network({64, 64, 3, 3}, 1, 6), coarse = fine;
  prune(fine, {.method = Method::magnitude, .density = 0.3});
  prune(coarse, {.density = 0.3});
  const LayerIrregularity a = irregularity(fine).at(0), b = irregularity(coarse).at(0);
  EXPECT_GT(a.jbig, 6 * b.jbig);
  EXPECT_LE(a.index.bytes, 64 * 64 * 9 / 8);  // a bitmap is always to be had
  EXPECT_EQ(b.index.bytes, 64 * 64 * 9 / 16 / 8);
  EXPECT_NEAR(static_cast<double>(a.kept), static_cast<double>(b.kept), 16);
}

TEST(Irregularity, AZeroAmongTheWeightsOfAWindowCostsAWord) {
  ir::Graph graph = conv_network({64, 30, 3, 3}, 1, 5);
  prune(graph, {.density = 0.3});
  const std::int64_t before = irregularity(graph).at(0).index.bytes;
  for (float& value : graph.value(graph.find("w")).constant->mutable_data<float>()) {
    if (value == 0) continue;
    value = 0;
    break;
  }
  EXPECT_EQ(irregularity(graph).at(0).index.bytes, before + 2);
}

TEST(Irregularity, LongWaysBetweenWeightsTakeWiderFields) {
  for (const auto& [density, format] :
       {std::pair{0.01, "step of 9 bits"}, {0.05, "step of 6 bits"}, {0.5, "bitmap"}}) {
    ir::Graph graph = conv_network({64, 64, 3, 3}, 1, 8);
    prune(graph, {.method = Method::magnitude, .density = density});
    const StoredIndex index = irregularity(graph).at(0).index;
    EXPECT_EQ(index.format, format);
    EXPECT_LE(index.bytes, 64 * 64 * 9 / 8);
  }
}

TEST(Irregularity, DenseLayersNeedNoIndex) {
  const auto layers = irregularity(conv_network({8, 8, 3, 3}, 1, 6));
  EXPECT_EQ(layers.at(0).index.bytes, 0);
  EXPECT_EQ(layers.at(0).index.format, "none");
}

}  // namespace
}  // namespace syncopate::prune

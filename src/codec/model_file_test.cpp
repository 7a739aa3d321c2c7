#include "codec/model_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "onnx/export.h"

namespace syncopate::codec {
namespace {

/// Two convolutions and a matrix, an eighth of their weights left.
ir::Graph small_network() {
  Random random(1);
  const auto constant = [&](Shape shape, double density) {
    Tensor tensor(DType::f32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) {
      if (random.chance(density)) value = static_cast<float>(random.normal());
    }
    return tensor;
  };
  ir::Graph graph;
  graph.name = "small";
  const ir::ValueId x = graph.add_value({"x", DType::f32, {1, 3, 8, 8}, {}});
  graph.inputs = {x};
  const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const ir::ValueId a = graph.add_node("conv1", ir::Conv{window, 1},
                                       {x, graph.add_constant("w1", constant({16, 3, 3, 3}, 0.125)),
                                        graph.add_constant("b1", constant({16}, 1))},
                                       "a");
  const ir::ValueId b =
      graph.add_node("conv2", ir::Conv{window, 1},
                     {a, graph.add_constant("w2", constant({16, 16, 3, 3}, 0.125))}, "b");
  const ir::ValueId f = graph.add_node("flatten", ir::Flatten{1}, {b}, "f");
  graph.outputs = {graph.add_node("fc", ir::Gemm{},
                                  {f, graph.add_constant("w3", constant({1024, 10}, 0.125))}, "y")};
  ir::infer_shapes(graph);
  return graph;
}

struct Compressed {
  Bytes bytes;
  CompressReport report;
};

Compressed compressed(const ir::Graph& graph, const CompressOptions& options) {
  Compressed result;
  SyncWriter writer([&](std::span<const std::byte> b) {
    result.bytes.insert(result.bytes.end(), b.begin(), b.end());
  });
  result.report = write_model(graph, options, writer);
  writer.finish();
  return result;
}

TEST(ModelFile, WithoutQuantizationTheNetworkIsTheSame) {
  const ir::Graph graph = small_network();
  for (const Mode mode : {Mode::huffman, Mode::fast, Mode::max}) {
    const Compressed file = compressed(graph, {.mode = mode});
    const ir::Graph back = read_model(SyncReader(file.bytes, "small.sync"));
    EXPECT_EQ(onnx::export_bytes(back), onnx::export_bytes(graph));
    for (const StageSizes& tensor : file.report.tensors)
      EXPECT_EQ(tensor.error, 0) << tensor.tensor;
  }
}

TEST(ModelFile, StagesShrink) {
  const ir::Graph graph = small_network();
  for (const Quantizer quantizer : {Quantizer::uniform, Quantizer::codebook}) {
    const Compressed file = compressed(
        graph, {.quantizer = quantizer, .bits = 4, .layer_bits = {{"conv1", 6}}, .other_bits = 16});
    const ir::Graph back = read_model(SyncReader(file.bytes, "small.sync"));
    EXPECT_EQ(file.report.small_elements, 16) << "the bias";
    const auto bias = back.value(back.find("b1")).constant->data<float>();
    for (std::size_t i = 0; i < bias.size(); ++i) {
      EXPECT_NEAR(bias[i], graph.value(graph.find("b1")).constant->data<float>()[i], 0.01);
    }
    std::int64_t stored = file.report.structure;
    for (const StageSizes& tensor : file.report.tensors) {
      stored += tensor.coded;
      const Tensor& before = *graph.value(graph.find(tensor.tensor)).constant;
      const Tensor& after = *back.value(back.find(tensor.tensor)).constant;
      EXPECT_NEAR(relative_error(before.data<float>(), after.data<float>()), tensor.error, 1e-9);
      EXPECT_LT(tensor.error, tensor.weights ? 0.1 : 1e-4);
      if (!tensor.weights) continue;
      EXPECT_LT(tensor.pruned, tensor.dense);
      if (tensor.elements > 1000) {  // small ones do not repay their codebook
        EXPECT_LT(tensor.quantized, tensor.pruned);
        EXPECT_LT(tensor.coded, tensor.quantized);
      }
      EXPECT_NE(tensor.form.find(tensor.node == "conv1" ? "6 bits" : "4 bits"), std::string::npos);
    }
    EXPECT_LT(std::abs(stored - static_cast<std::int64_t>(file.bytes.size())), 40)
        << "header and end";
  }
}

TEST(ModelFile, GivenCodebooksAreTakenAsTheyAre) {
  const ir::Graph graph = small_network();
  CompressOptions options{.quantizer = Quantizer::codebook, .bits = 6, .other_bits = 16};
  Codebooks books = cluster(*graph.value(graph.find("w2")).constant, {.bits = 2});
  for (float& entry : books.books[0]) entry *= 3;  // as if retrained
  options.books["w2"] = books;
  const Compressed file = compressed(graph, options);
  const ir::Graph back = read_model(SyncReader(file.bytes, "small.sync"));
  EXPECT_EQ(*back.value(back.find("w2")).constant, expand(books));
}

TEST(ModelFile, MistakesAreNamed) {
  const ir::Graph graph = small_network();
  EXPECT_THROW(static_cast<void>(compressed(graph, {.quantizer = Quantizer::uniform, .bits = 1})),
               InputError);
  EXPECT_THROW(static_cast<void>(compressed(graph, {.layer_bits = {{"none", 4}}})), InputError);
  Bytes bytes;
  SyncWriter writer(
      [&](std::span<const std::byte> b) { bytes.insert(bytes.end(), b.begin(), b.end()); });
  writer.finish();
  EXPECT_THROW(static_cast<void>(read_model(SyncReader(bytes, "empty.sync"))), InputError);
}

}  // namespace
}  // namespace syncopate::codec

// Compiled alone: Tensor is this project's here, libtorch's in other files of the folder.
#include "train/random_operators.h"

#include <algorithm>
#include <limits>

namespace syncopate::train {
namespace {

using ir::Graph;
using ir::Ints;

/// Builds a graph around one node: activations first, then constants, in the node's input order.
class Maker {
 public:
  explicit Maker(Random& random) : random_(random) { graph_.name = graph_.source = "random"; }

  ir::ValueId input(Shape shape) {
    const std::string name = "x" + std::to_string(graph_.inputs.size());
    graph_.inputs.push_back(graph_.add_value({name, DType::f32, std::move(shape), {}}));
    return graph_.inputs.back();
  }
  ir::ValueId constant(const std::string& name, const Shape& shape) {
    return graph_.add_constant(name, spread_values(random_, shape));
  }
  /// Positive, as variances are.
  ir::ValueId positive(const std::string& name, const Shape& shape) {
    Tensor tensor(DType::f32, shape);
    for (float& x : tensor.mutable_data<float>()) {
      x = static_cast<float>(0.5 + random_.uniform());
    }
    return graph_.add_constant(name, std::move(tensor));
  }
  ir::ValueId integers(const std::string& name, const std::vector<std::int64_t>& values) {
    return graph_.add_constant(
        name, Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
  }
  ir::ValueId node(ir::Op op, std::vector<ir::ValueId> inputs) {
    const std::string name = "node" + std::to_string(graph_.nodes.size());
    return graph_.add_node(name, std::move(op), std::move(inputs), "y_" + name);
  }
  Graph finish(ir::ValueId output) {
    graph_.outputs = {output};
    ir::infer_shapes(graph_);
    return std::move(graph_);
  }
  Graph& graph() { return graph_; }
  std::int64_t pick(std::int64_t low, std::int64_t high) { return random_.integer(low, high); }
  bool chance(double p) { return random_.chance(p); }
  Ints picks(std::size_t count, std::int64_t low, std::int64_t high) {
    Ints result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(pick(low, high));
    return result;
  }

 private:
  Random& random_;
  Graph graph_;
};

constexpr std::size_t kPlane = 2;

/// A window and an input extent that it fits into, per dimension.
struct Fit {
  ir::Window window;
  Ints extents;
};

Fit fit(Maker& make, std::size_t spatial, bool dilated) {
  Fit result;
  ir::Window& w = result.window;
  const std::int64_t most = spatial == 3 ? 2 : 3;
  w.kernel = make.picks(spatial, 1, most);
  w.strides = make.picks(spatial, 1, 2);
  w.dilations = dilated ? make.picks(spatial, 1, 2) : Ints(spatial, 1);
  for (std::size_t d = 0; d < spatial; ++d) {
    w.pads_begin.push_back(make.pick(0, w.kernel[d] - 1));
    w.pads_end.push_back(make.pick(0, w.kernel[d] - 1));
    const std::int64_t span = (w.kernel[d] - 1) * w.dilations[d] + 1;
    result.extents.push_back(span + make.pick(0, most));
  }
  return result;
}

Shape joined(Shape head, const Ints& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

template <std::size_t kSpatial>
Graph conv(Random& random) {
  Maker make(random);
  const Fit f = fit(make, kSpatial, true);
  const std::int64_t group = make.pick(1, 2), in = group * make.pick(1, 2);
  const std::int64_t out = group * make.pick(1, 2);
  std::vector<ir::ValueId> inputs{make.input(joined({2, in}, f.extents)),
                                  make.constant("w", joined({out, in / group}, f.window.kernel))};
  if (make.chance(0.7)) inputs.push_back(make.constant("b", {out}));
  return make.finish(make.node(ir::Conv{f.window, group}, inputs));
}

template <std::size_t kSpatial>
Graph conv_transpose(Random& random) {
  Maker make(random);
  Fit f = fit(make, kSpatial, true);
  const std::int64_t group = make.pick(1, 2), in = group * make.pick(1, 2);
  const std::int64_t out = make.pick(1, 2);
  ir::ConvTranspose op{f.window, group, {}};
  for (std::size_t d = 0; d < kSpatial; ++d) {
    f.extents[d] = make.pick(2, 3);
    op.window.pads_begin[d] = make.pick(0, 1);
    op.window.pads_end[d] = 0;
    op.output_padding.push_back(make.pick(0, op.window.strides[d] - 1));
  }
  std::vector<ir::ValueId> inputs{make.input(joined({2, in}, f.extents)),
                                  make.constant("w", joined({in, out}, f.window.kernel))};
  if (make.chance(0.7)) inputs.push_back(make.constant("b", {out * group}));
  return make.finish(make.node(op, inputs));
}

Graph gemm(Random& random) {
  Maker make(random);
  const std::int64_t m = make.pick(1, 3), k = make.pick(1, 4), n = make.pick(1, 4);
  ir::Gemm op;
  op.trans_a = make.chance(0.5);
  op.trans_b = make.chance(0.5);
  if (make.chance(0.5)) op.alpha = 0.5F;
  if (make.chance(0.5)) op.beta = 1.5F;
  std::vector<ir::ValueId> inputs{make.input(op.trans_a ? Shape{k, m} : Shape{m, k}),
                                  make.constant("b", op.trans_b ? Shape{n, k} : Shape{k, n})};
  if (make.chance(0.7)) inputs.push_back(make.constant("c", {n}));
  return make.finish(make.node(op, inputs));
}

Graph matmul(Random& random) {
  Maker make(random);
  const std::int64_t m = make.pick(1, 3), k = make.pick(1, 4), n = make.pick(1, 4);
  const bool deep = make.chance(0.5);
  const ir::ValueId a = make.input(deep ? Shape{2, 2, m, k} : Shape{m, k});
  return make.finish(make.node(ir::MatMul{}, {a, make.constant("b", {k, n})}));
}

Graph matmul_of_activations(Random& random) {
  Maker make(random);
  const std::int64_t m = make.pick(1, 3), k = make.pick(1, 4), n = make.pick(1, 4);
  const ir::ValueId a = make.input({2, m, k});
  return make.finish(make.node(ir::MatMul{}, {a, make.input({2, k, n})}));
}

Graph batch_norm(Random& random) {
  Maker make(random);
  const std::int64_t channels = make.pick(1, 3);
  const Ints extents = make.picks(static_cast<std::size_t>(make.pick(0, 2)), 1, 3);
  const ir::ValueId x = make.input(joined({3, channels}, extents));
  return make.finish(
      make.node(ir::BatchNormalization{1e-3F},
                {x, make.constant("scale", {channels}), make.constant("bias", {channels}),
                 make.constant("mean", {channels}), make.positive("variance", {channels})}));
}

template <ir::UnaryKind kKind>
Graph unary(Random& random) {
  Maker make(random);
  const ir::ValueId x = make.input({2, make.pick(1, 4), make.pick(1, 4)});
  ir::Unary op{kKind, 0, 0};
  if (kKind == ir::UnaryKind::leaky_relu) op.alpha = 0.1F;
  if (kKind == ir::UnaryKind::hard_sigmoid) {
    op.alpha = 0.4F;
    op.beta = 0.5F;
  }
  if (kKind == ir::UnaryKind::clip) {
    op.alpha = make.chance(0.3) ? -std::numeric_limits<float>::infinity() : -0.7F;
    op.beta = make.chance(0.3) ? std::numeric_limits<float>::infinity() : 0.9F;
  }
  return make.finish(make.node(op, {x}));
}

Graph prelu(Random& random) {
  Maker make(random);
  const std::int64_t channels = make.pick(2, 4);
  const ir::ValueId x = make.input({2, channels, make.pick(1, 3), 2});
  const Shape slope = make.chance(0.5) ? Shape{channels, 1, 1} : Shape{1};
  return make.finish(make.node(ir::PRelu{}, {x, make.constant("slope", slope)}));
}

template <ir::BinaryKind kKind>
Graph binary(Random& random) {
  Maker make(random);
  const std::int64_t channels = make.pick(2, 4);
  const ir::ValueId a = make.input({2, channels, 3});
  const ir::ValueId b = make.input(make.chance(0.5) ? Shape{2, channels, 3} : Shape{2, 1, 3});
  return make.finish(make.node(ir::Binary{kKind}, {a, b}));
}

/// A constant that a Binary adds or multiplies behind a layer is trained.
template <ir::BinaryKind kKind>
Graph binary_constant(Random& random) {
  Maker make(random);
  const std::int64_t outputs = make.pick(2, 4);
  const ir::ValueId y =
      make.node(ir::MatMul{}, {make.input({2, 3}), make.constant("w", {3, outputs})});
  const ir::ValueId c = make.constant("c", {outputs});
  const bool first = make.chance(0.3);
  return make.finish(make.node(ir::Binary{kKind}, first ? std::vector{c, y} : std::vector{y, c}));
}

template <ir::PoolKind kKind, std::size_t kSpatial>
Graph pool(Random& random) {
  Maker make(random);
  const Fit f = fit(make, kSpatial, make.chance(0.3));
  ir::Pool op;
  op.kind = kKind;
  op.window = f.window;
  op.ceil_mode = make.chance(0.5);
  op.count_include_pad = kKind == ir::PoolKind::average && make.chance(0.5);
  return make.finish(make.node(op, {make.input(joined({2, make.pick(1, 2)}, f.extents))}));
}

template <ir::PoolKind kKind>
Graph global_pool(Random& random) {
  Maker make(random);
  const Ints extents = make.picks(static_cast<std::size_t>(make.pick(1, 3)), 1, 3);
  const ir::ValueId x = make.input(joined({2, make.pick(1, 3)}, extents));
  return make.finish(make.node(ir::GlobalPool{kKind}, {x}));
}

Graph lrn(Random& random) {
  Maker make(random);
  const ir::ValueId x = make.input({2, make.pick(1, 7), 2, 2});
  return make.finish(make.node(ir::Lrn{make.pick(1, 6), 0.3F, 0.75F, 1.5F}, {x}));
}

Graph softmax(Random& random) {
  Maker make(random);
  const ir::ValueId x = make.input({2, make.pick(1, 3), make.pick(1, 3)});
  const bool flatten = make.chance(0.4);
  return make.finish(make.node(ir::Softmax{flatten ? 1 : make.pick(-2, 2), flatten}, {x}));
}

Graph concat(Random& random) {
  Maker make(random);
  const ir::ValueId a = make.input({2, make.pick(1, 3), 2}),
                    b = make.input({2, make.pick(1, 3), 2});
  return make.finish(make.node(ir::Concat{make.chance(0.5) ? 1 : -2}, {a, b, a}));
}

Graph flatten(Random& random) {
  Maker make(random);
  return make.finish(make.node(ir::Flatten{make.pick(0, 3)}, {make.input({2, 3, 2})}));
}

Graph reshape(Random& random) {
  Maker make(random);
  const Ints shape = make.chance(0.5) ? Ints{0, -1} : Ints{2, 2, 1, 3};
  return make.finish(make.node(ir::Reshape{shape, false}, {make.input({2, 3, 2})}));
}

Graph transpose(Random& random) {
  Maker make(random);
  const Ints perm = make.chance(0.5) ? Ints{2, 0, 1} : Ints{0, 2, 1};
  return make.finish(make.node(ir::Transpose{perm}, {make.input({2, 3, 4})}));
}

template <ir::PadMode kMode>
Graph pad(Random& random) {
  Maker make(random);
  ir::Pad op;
  op.mode = kMode;
  op.value = kMode == ir::PadMode::constant ? 0.5F : 0.0F;
  op.before = {0, make.pick(-1, 2), make.pick(-1, 2), make.pick(-1, 2)};
  op.after = {0, make.pick(-1, 2), make.pick(-1, 2), make.pick(-1, 2)};
  return make.finish(make.node(op, {make.input({2, 3, 4, 3})}));
}

Graph slice(Random& random) {
  Maker make(random);
  ir::Slice op{
      {make.pick(-4, 3), 3}, {make.pick(4, 9), -9}, {1, 2}, {make.pick(1, 2), -make.pick(1, 2)}};
  return make.finish(make.node(op, {make.input({2, 5, 4})}));
}

Graph split(Random& random) {
  Maker make(random);
  const ir::ValueId x = make.input({2, 5, 2});
  const std::int64_t first = make.pick(1, 4);
  Graph& graph = make.graph();
  const ir::ValueId a = graph.add_value({"a", DType::f32, {}, {}});
  const ir::ValueId b = graph.add_value({"b", DType::f32, {}, {}});
  graph.nodes.push_back({"split", ir::Split{1, {first, 5 - first}}, {x}, {a, b}});
  return make.finish(make.node(ir::Concat{1}, {b, a}));
}

Graph resize(Random& random) {
  Maker make(random);
  ir::Resize op;
  op.sizes = {2, 2, make.pick(1, 6), make.pick(1, 6)};
  op.scales = {1, 1, static_cast<float>(op.sizes[2]) / 3, static_cast<float>(op.sizes[3]) / 4};
  op.coordinates = static_cast<ir::CoordinateMode>(make.pick(0, 5));
  op.nearest = static_cast<ir::NearestMode>(make.pick(0, 3));
  if (op.coordinates == ir::CoordinateMode::tf_crop_and_resize) {
    op.roi = {0, 0, 0.1F, -0.2F, 1, 1, 0.8F, 1.3F};
    op.extrapolation_value = 0.5F;
  }
  return make.finish(make.node(op, {make.input({2, 2, 3, 4})}));
}

Graph reduce_mean(Random& random) {
  Maker make(random);
  ir::ReduceMean op{make.chance(0.5) ? Ints{2, 3} : Ints{-2}, make.chance(0.5)};
  return make.finish(make.node(op, {make.input({2, 3, 2, 2})}));
}

Graph gather(Random& random) {
  Maker make(random);
  const ir::ValueId x = make.input({2, 4, 2});
  const ir::ValueId picks = make.integers("picks", make.picks(5, -4, 3));
  return make.finish(make.node(ir::Gather{1}, {x, picks}));
}

Graph depth_to_space(Random& random) {
  Maker make(random);
  return make.finish(
      make.node(ir::DepthToSpace{kPlane, make.chance(0.5)}, {make.input({2, 8, 2, 3})}));
}

Graph cast(Random& random) {
  Maker make(random);
  return make.finish(make.node(ir::Cast{}, {make.input({2, 3})}));
}

}  // namespace

Tensor spread_values(Random& random, const Shape& shape) {
  Tensor tensor(DType::f32, shape);
  const std::span<float> values = tensor.mutable_data<float>();
  // Distinct grid points, jittered by less than half their distance, none near zero.
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<double> grid;
  for (std::int64_t i = 0; i < count; ++i) {
    grid.push_back(-2 + 4 * (static_cast<double>(i) + 0.5) / static_cast<double>(count) +
                   (random.uniform() - 0.5) / static_cast<double>(count));
  }
  for (std::size_t i = grid.size(); i > 1; --i) {
    std::swap(grid[i - 1],
              grid[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1))]);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double shift = grid[i] < 0 ? -0.01 : 0.01;
    values[i] = static_cast<float>(grid[i] + shift);
  }
  return tensor;
}

const std::vector<OperatorCase>& operator_cases() {
  using enum ir::UnaryKind;
  using enum ir::BinaryKind;
  using ir::PadMode;
  using ir::PoolKind;
  static const std::vector<OperatorCase> cases{
      {"Conv1d", conv<1>},
      {"Conv2d", conv<2>},
      {"Conv3d", conv<3>},
      {"ConvTranspose1d", conv_transpose<1>},
      {"ConvTranspose2d", conv_transpose<2>},
      {"ConvTranspose3d", conv_transpose<3>},
      {"Gemm", gemm},
      {"MatMul", matmul},
      {"MatMulOfActivations", matmul_of_activations},
      {"BatchNormalization", batch_norm},
      {"Relu", unary<relu>},
      {"LeakyRelu", unary<leaky_relu>},
      {"Clip", unary<clip>},
      {"Sigmoid", unary<sigmoid>},
      {"Tanh", unary<tanh>},
      {"HardSigmoid", unary<hard_sigmoid>},
      {"HardSwish", unary<hard_swish>},
      {"Identity", unary<identity>},
      {"PRelu", prelu},
      {"Add", binary<add>},
      {"Sub", binary<sub>},
      {"Mul", binary<mul>},
      {"Div", binary<div>},
      {"AddConstant", binary_constant<add>},
      {"SubConstant", binary_constant<sub>},
      {"MulConstant", binary_constant<mul>},
      {"MaxPool1d", pool<PoolKind::max, 1>},
      {"MaxPool2d", pool<PoolKind::max, 2>},
      {"MaxPool3d", pool<PoolKind::max, 3>},
      {"AveragePool1d", pool<PoolKind::average, 1>},
      {"AveragePool2d", pool<PoolKind::average, 2>},
      {"AveragePool3d", pool<PoolKind::average, 3>},
      {"GlobalMaxPool", global_pool<PoolKind::max>},
      {"GlobalAveragePool", global_pool<PoolKind::average>},
      {"Lrn", lrn},
      {"Softmax", softmax},
      {"Concat", concat},
      {"Flatten", flatten},
      {"Reshape", reshape},
      {"Transpose", transpose},
      {"PadConstant", pad<PadMode::constant>},
      {"PadReflect", pad<PadMode::reflect>},
      {"PadEdge", pad<PadMode::edge>},
      {"Slice", slice},
      {"Split", split},
      {"Resize", resize},
      {"ReduceMean", reduce_mean},
      {"Gather", gather},
      {"DepthToSpace", depth_to_space},
      {"Cast", cast}};
  return cases;
}

}  // namespace syncopate::train

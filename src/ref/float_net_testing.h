#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "ref/float_kernels.h"
#include "ref/float_net.h"

// What tests of float networks share: graphs under construction, and plain loops to compare with.

namespace syncopate::ref {

using ir::Ints;
using ir::ValueId;

inline Tensor random_tensor(Random& random, const Shape& shape, double scale = 1) {
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  for (float& value : tensor.mutable_data<float>()) {
    value = static_cast<float>(scale * random.normal());
  }
  return tensor;
}

/// A graph of one node under construction.
struct Net {
  ir::Graph graph;
  std::vector<Tensor> inputs;

  ValueId input(const std::string& name, Tensor tensor) {
    const ValueId id = graph.add_value({name, tensor.dtype(), tensor.shape(), {}});
    graph.inputs.push_back(id);
    inputs.push_back(std::move(tensor));
    return id;
  }
  ValueId constant(const std::string& name, Tensor tensor) {
    return graph.add_constant(name, std::move(tensor));
  }
  ValueId node(const std::string& name, ir::Op op, std::vector<ValueId> from) {
    return graph.add_node(name, std::move(op), std::move(from), name);
  }
  void finish(std::vector<ValueId> outputs) {
    graph.outputs = std::move(outputs);
    ir::infer_shapes(graph);
    ir::verify(graph);
  }
  std::vector<Tensor> run() const { return FloatNet(graph).run(inputs); }
};

/// Every value of a graph by plain loops, node by node: the oracle of layouts and fusion.
inline std::map<std::string, Tensor> plain_values(const Net& net) {
  std::vector<Tensor> values(net.graph.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ir::Value& value = net.graph.values[i];
    values[i] = value.constant ? *value.constant : Tensor(value.dtype, value.shape);
  }
  const auto view = [&](ValueId id) {
    if (id == ir::kNoValue) return View{};
    Tensor& tensor = values[static_cast<std::size_t>(id)];
    return View{tensor.dtype(), tensor.shape(), tensor.mutable_raw().data()};
  };
  for (std::size_t i = 0; i < net.inputs.size(); ++i) {
    values[static_cast<std::size_t>(net.graph.inputs[i])] = net.inputs[i];
  }
  for (const ir::Node& node : net.graph.nodes) {
    std::vector<View> in, out;
    for (ValueId id : node.inputs) in.push_back(view(id));
    for (ValueId id : node.outputs) out.push_back(view(id));
    run_plain({node, in, out});
  }
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < values.size(); ++i) named[net.graph.values[i].name] = values[i];
  return named;
}

/// Equal up to rounding of sums of about `size`; NaN equals NaN.
inline void expect_near(const Tensor& actual, const Tensor& expected, double tolerance = 1e-4) {
  ASSERT_EQ(actual.shape(), expected.shape());
  ASSERT_EQ(actual.dtype(), expected.dtype());
  if (actual.dtype() != DType::f32) {
    EXPECT_EQ(actual, expected);
    return;
  }
  const auto a = actual.data<float>(), e = expected.data<float>();
  double scale = 1;
  for (float value : e) {
    if (std::isfinite(value)) scale = std::max(scale, std::abs(static_cast<double>(value)));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(e[i])) {
      ASSERT_NEAR(a[i], e[i], tolerance * scale) << "element " << i;
    } else if (std::isnan(e[i])) {
      ASSERT_TRUE(std::isnan(a[i])) << "element " << i << " is " << a[i];
    } else {
      ASSERT_EQ(a[i], e[i]) << "element " << i;
    }
  }
}

/// FloatNet, with all values observed and with none, against plain loops.
inline void expect_like_plain(const Net& net) {
  const std::map<std::string, Tensor> expected = plain_values(net);
  const std::vector<Tensor> outputs = net.run();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    expect_near(outputs[i], expected.at(net.graph.value(net.graph.outputs[i]).name));
  }
  std::set<std::string> all;
  for (const ir::Value& value : net.graph.values) all.insert(value.name);
  const FloatNet observed(net.graph, all);
  std::set<std::string> seen;
  observed.run(net.inputs, [&](const std::string& name, const Tensor& value) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(seen.insert(name).second) << "reported twice";
    expect_near(value, expected.at(name));
  });
  EXPECT_EQ(seen, all);
  std::set<std::string> ranged;
  observed.run_ranges(net.inputs, [&](const std::string& name, float largest) {
    EXPECT_TRUE(ranged.insert(name).second);
    if (expected.at(name).dtype() != DType::f32) return;
    float truth = 0;
    for (float x : expected.at(name).data<float>()) {
      if (!(std::abs(x) <= truth) && !std::isnan(truth)) truth = std::abs(x);
    }
    SCOPED_TRACE(name);
    expect_near(Tensor::from<float>({}, std::vector<float>{largest}),
                Tensor::from<float>({}, std::vector<float>{truth}));
  });
  EXPECT_EQ(ranged, all);
}

/// out[n,m,...] straight from the definition, any number of spatial dimensions.
inline Tensor naive_conv(const Tensor& x, const Tensor& w, const Tensor& bias, const ir::Conv& op,
                         const Shape& y_shape) {
  Tensor y(DType::f32, y_shape);
  const Shape xs = row_major_strides(x.shape()), ws = row_major_strides(w.shape());
  const Shape ys = row_major_strides(y_shape);
  const std::size_t spatial = op.window.kernel.size();
  const std::int64_t ins = w.shape()[1], per_group = w.shape()[0] / op.group;
  const auto out = y.mutable_data<float>();
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t n = i / ys[0], m = i / ys[1] % y_shape[1];
    double sum = static_cast<double>(bias.data<float>()[static_cast<std::size_t>(m)]);
    for (std::int64_t k = 0; k < ws[0]; ++k) {
      const std::int64_t c = k / ws[1] + m / per_group * ins;
      std::int64_t at = n * xs[0] + c * xs[1];
      bool inside = true;
      for (std::size_t d = 0; d < spatial; ++d) {
        const std::int64_t o = i / ys[d + 2] % y_shape[d + 2], t = k / ws[d + 2] % w.shape()[d + 2];
        const std::int64_t p =
            o * op.window.strides[d] + t * op.window.dilations[d] - op.window.pads_begin[d];
        inside = inside && p >= 0 && p < x.shape()[d + 2];
        at += p * xs[d + 2];
      }
      if (!inside) continue;
      sum += static_cast<double>(x.data<float>()[static_cast<std::size_t>(at)]) *
             static_cast<double>(w.data<float>()[static_cast<std::size_t>(m * ws[0] + k)]);
    }
    out[static_cast<std::size_t>(i)] = static_cast<float>(sum);
  }
  return y;
}

}  // namespace syncopate::ref

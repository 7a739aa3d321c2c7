#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "train/parameters.h"
#include "train/trainer.h"
#include "zoo/builder.h"

// A data set and a network that train in a blink, for the tests of sessions.

namespace syncopate::train {

/// Four classes of 8x8 pictures: a bright bar, horizontal or vertical, in one half or the other, in
/// noise.
inline data::DataSet bars(std::int64_t count, std::uint64_t seed) {
  data::DataSet set;
  set.name = "bars";
  set.channels = 1;
  set.height = set.width = 8;
  set.classes = 4;
  Random random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int32_t>(random.integer(0, 3));
    const std::int64_t at = random.integer(1, 2) + (label % 2) * 4;
    for (std::int64_t y = 0; y < 8; ++y) {
      for (std::int64_t x = 0; x < 8; ++x) {
        const bool bar = (label < 2 ? y : x) == at;
        set.pixels.push_back(static_cast<std::uint8_t>(random.integer(0, 120) + (bar ? 100 : 0)));
      }
    }
    set.labels.push_back(label);
  }
  return set;
}

/// Convolution, batch normalization, pooling and two dense layers.
inline ir::Graph small_network(std::uint64_t seed = 1, std::int64_t classes = 4) {
  zoo::Builder net("small", seed, {1, 1, 8, 8});
  ir::ValueId x = net.conv("conv", net.input(), 8, {3, 1, 1}, 1, false);
  x = net.relu("relu", net.batch_norm("bn", x));
  x = net.pool("pool", x, ir::PoolKind::max, {2, 2, 0});
  x = net.relu("relu1", net.dense("ip1", net.flatten("flatten", x, 8 * 4 * 4), 16));
  ir::Graph graph = std::move(net).finish(net.dense("ip2", x, classes));
  initialize(graph, seed);
  return graph;
}

inline Options quick() {
  Options options;
  options.epochs = 4;
  options.batch = 32;
  options.rate = 0.05;
  options.warmup_epochs = 0.5;
  options.nesterov = true;
  options.augmentation = {false, 1, 2};
  options.report_every = 2;
  return options;
}

struct Sets {
  data::DataSet train = bars(512, 1), test = bars(200, 2);
  data::Normalization normalization{1.0 / 255, {0.4}, {0.25}, false};
};

inline Session session(const Sets& sets, const ir::Graph& graph,
                       Precision precision = Precision::f32, Device device = Device::cpu) {
  return Session(graph, sets.train, sets.test, sets.normalization, {device, precision, 1});
}

/// All floats of the constants.
inline std::vector<float> weights_of(const ir::Graph& graph) {
  std::vector<float> all;
  for (const ir::Value& value : graph.values) {
    if (!value.constant || value.dtype != DType::f32) continue;
    const auto values = value.constant->data<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

inline std::string temporary(const std::string& name) {
  const std::string path = testing::TempDir() + "train_" + name;
  std::filesystem::remove(path);
  return path;
}

inline std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace syncopate::train

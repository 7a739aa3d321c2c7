#include "zoo/networks.h"

#include <fmt/ranges.h>

#include <array>

#include "zoo/builder.h"

namespace syncopate::zoo {
namespace {

using ir::PoolKind;
using ir::ValueId;

ValueId conv_relu(Builder& net, const std::string& name, ValueId x, std::int64_t channels,
                  Square window, std::int64_t group = 1) {
  return net.relu(name + ".relu", net.conv(name, x, channels, window, group));
}

ValueId conv_norm(Builder& net, const std::string& name, ValueId x, std::int64_t channels,
                  Square window) {
  return net.batch_norm(name + ".bn", net.conv(name, x, channels, window, 1, false));
}

ValueId conv_norm_relu(Builder& net, const std::string& name, ValueId x, std::int64_t channels,
                       Square window) {
  return net.relu(name + ".relu", conv_norm(net, name, x, channels, window));
}

ValueId dense_relu(Builder& net, const std::string& name, ValueId x, std::int64_t features) {
  return net.relu(name + ".relu", net.dense(name, x, features));
}

/// 1x1, 3x3, 1x1, added to the shortcut.
ValueId bottleneck(Builder& net, const std::string& name, ValueId x, std::int64_t width,
                   std::int64_t stride) {
  const std::int64_t out = 4 * width;
  ValueId y = conv_norm_relu(net, name + ".conv1", x, width, {1, 1, 0});
  y = conv_norm_relu(net, name + ".conv2", y, width, {3, stride, 1});
  y = conv_norm(net, name + ".conv3", y, out, {1, 1, 0});
  const bool project = stride != 1 || net.channels(x) != out;
  const ValueId shortcut = project ? conv_norm(net, name + ".shortcut", x, out, {1, stride, 0}) : x;
  return net.relu(name + ".relu", net.add(name + ".add", y, shortcut));
}

/// Two 3x3, added to the shortcut.
ValueId basic_block(Builder& net, const std::string& name, ValueId x, std::int64_t width,
                    std::int64_t stride) {
  ValueId y = conv_norm_relu(net, name + ".conv1", x, width, {3, stride, 1});
  y = conv_norm(net, name + ".conv2", y, width, {3, 1, 1});
  const ValueId shortcut =
      stride != 1 ? conv_norm(net, name + ".shortcut", x, width, {1, stride, 0}) : x;
  return net.relu(name + ".relu", net.add(name + ".add", y, shortcut));
}

ValueId fire(Builder& net, const std::string& name, ValueId x, std::int64_t squeeze,
             std::int64_t expand) {
  const ValueId s = conv_relu(net, name + ".squeeze", x, squeeze, {1, 1, 0});
  const ValueId a = conv_relu(net, name + ".expand1x1", s, expand, {1, 1, 0});
  const ValueId b = conv_relu(net, name + ".expand3x3", s, expand, {3, 1, 1});
  return net.concat(name + ".concat", {a, b});
}

/// VGG's convolutions between two poolings.
struct VggStage {
  int convolutions;
  std::int64_t channels;
};
/// Configuration D.
constexpr std::array<VggStage, 5> kVggStages{{{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}};

/// Channels of an inception module: 1x1; 1x1 and 3x3; 1x1 and 5x5; pooling and 1x1.
struct Inception {
  std::string_view name;
  std::int64_t one, reduce3, three, reduce5, five, pooled;
};

ValueId inception(Builder& net, const Inception& module, ValueId x) {
  const auto name = [&](std::string_view part) {
    return fmt::format("inception_{}.{}", module.name, part);
  };
  const ValueId one = conv_relu(net, name("1x1"), x, module.one, {1, 1, 0});
  const ValueId reduce3 = conv_relu(net, name("3x3_reduce"), x, module.reduce3, {1, 1, 0});
  const ValueId three = conv_relu(net, name("3x3"), reduce3, module.three, {3, 1, 1});
  const ValueId reduce5 = conv_relu(net, name("5x5_reduce"), x, module.reduce5, {1, 1, 0});
  const ValueId five = conv_relu(net, name("5x5"), reduce5, module.five, {5, 1, 2});
  const ValueId pool = net.pool(name("pool"), x, PoolKind::max, {3, 1, 1});
  const ValueId pooled = conv_relu(net, name("pool_proj"), pool, module.pooled, {1, 1, 0});
  return net.concat(name("concat"), {one, three, five, pooled});
}

/// A residual network for 32x32 pictures, three stages of `blocks` basic blocks.
ir::Graph small_resnet(const std::string& name, int blocks, std::uint64_t seed,
                       std::int64_t batch) {
  Builder net(name, seed, {batch, 3, 32, 32});
  ValueId x = conv_norm_relu(net, "conv1", net.input(), 16, {3, 1, 1});
  for (int stage = 0; stage < 3; ++stage) {
    for (int block = 0; block < blocks; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      x = basic_block(net, fmt::format("layer{}.{}", stage + 1, block), x, 16 << stage, stride);
    }
  }
  x = net.flatten("flatten", net.global_average("avgpool", x), 64);
  return std::move(net).finish(net.dense("fc", x, 10));
}

}  // namespace

ir::Graph alexnet(std::uint64_t seed, std::int64_t batch) {
  Builder net("alexnet", seed, {batch, 3, 227, 227});
  const Square pool{3, 2, 0};
  ValueId x = conv_relu(net, "conv1", net.input(), 96, {11, 4, 0});
  x = net.pool("pool1", net.lrn("norm1", x), PoolKind::max, pool);
  x = conv_relu(net, "conv2", x, 256, {5, 1, 2}, 2);
  x = net.pool("pool2", net.lrn("norm2", x), PoolKind::max, pool);
  x = conv_relu(net, "conv3", x, 384, {3, 1, 1});
  x = conv_relu(net, "conv4", x, 384, {3, 1, 1}, 2);
  x = conv_relu(net, "conv5", x, 256, {3, 1, 1}, 2);
  x = net.flatten("flatten", net.pool("pool5", x, PoolKind::max, pool), 256 * 6 * 6);
  x = dense_relu(net, "fc6", x, 4096);
  x = dense_relu(net, "fc7", x, 4096);
  return std::move(net).finish(net.dense("fc8", x, 1000));
}

ir::Graph vgg16(std::uint64_t seed, std::int64_t batch) {
  Builder net("vgg16", seed, {batch, 3, 224, 224});
  ValueId x = net.input();
  for (std::size_t stage = 0; stage < kVggStages.size(); ++stage) {
    for (int i = 1; i <= kVggStages[stage].convolutions; ++i) {
      const std::string name = fmt::format("conv{}_{}", stage + 1, i);
      x = conv_relu(net, name, x, kVggStages[stage].channels, {3, 1, 1});
    }
    x = net.pool(fmt::format("pool{}", stage + 1), x, PoolKind::max, {2, 2, 0});
  }
  x = net.flatten("flatten", x, 512 * 7 * 7);
  x = dense_relu(net, "fc6", x, 4096);
  x = dense_relu(net, "fc7", x, 4096);
  return std::move(net).finish(net.dense("fc8", x, 1000));
}

ir::Graph resnet50(std::uint64_t seed, std::int64_t batch) {
  Builder net("resnet50", seed, {batch, 3, 224, 224});
  ValueId x = conv_norm_relu(net, "conv1", net.input(), 64, {7, 2, 3});
  x = net.pool("maxpool", x, PoolKind::max, {3, 2, 1});
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage) {
    for (int block = 0; block < blocks[stage]; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      x = bottleneck(net, fmt::format("layer{}.{}", stage + 1, block), x, 64 << stage, stride);
    }
  }
  x = net.flatten("flatten", net.global_average("avgpool", x), 2048);
  return std::move(net).finish(net.dense("fc", x, 1000));
}

ir::Graph squeezenet(std::uint64_t seed, std::int64_t batch) {
  Builder net("squeezenet", seed, {batch, 3, 224, 224});
  const Square pool{3, 2, 0};
  ValueId x = conv_relu(net, "conv1", net.input(), 64, {3, 2, 0});
  x = net.pool("pool1", x, PoolKind::max, pool, true);
  x = fire(net, "fire3", fire(net, "fire2", x, 16, 64), 16, 64);
  x = net.pool("pool3", x, PoolKind::max, pool, true);
  x = fire(net, "fire5", fire(net, "fire4", x, 32, 128), 32, 128);
  x = net.pool("pool5", x, PoolKind::max, pool, true);
  x = fire(net, "fire7", fire(net, "fire6", x, 48, 192), 48, 192);
  x = fire(net, "fire9", fire(net, "fire8", x, 64, 256), 64, 256);
  x = net.global_average("avgpool", conv_relu(net, "conv10", x, 1000, {1, 1, 0}));
  return std::move(net).finish(net.flatten("flatten", x, 1000));
}

ir::Graph googlenet(std::uint64_t seed, std::int64_t batch) {
  Builder net("googlenet", seed, {batch, 3, 224, 224});
  const Square pool{3, 2, 0};
  ValueId x = conv_relu(net, "conv1", net.input(), 64, {7, 2, 3});
  x = net.lrn("norm1", net.pool("pool1", x, PoolKind::max, pool, true));
  x = conv_relu(net, "conv2_reduce", x, 64, {1, 1, 0});
  x = net.lrn("norm2", conv_relu(net, "conv2", x, 192, {3, 1, 1}));
  x = net.pool("pool2", x, PoolKind::max, pool, true);
  x = inception(net, {"3a", 64, 96, 128, 16, 32, 32}, x);
  x = inception(net, {"3b", 128, 128, 192, 32, 96, 64}, x);
  x = net.pool("pool3", x, PoolKind::max, pool, true);
  x = inception(net, {"4a", 192, 96, 208, 16, 48, 64}, x);
  x = inception(net, {"4b", 160, 112, 224, 24, 64, 64}, x);
  x = inception(net, {"4c", 128, 128, 256, 24, 64, 64}, x);
  x = inception(net, {"4d", 112, 144, 288, 32, 64, 64}, x);
  x = inception(net, {"4e", 256, 160, 320, 32, 128, 128}, x);
  x = net.pool("pool4", x, PoolKind::max, pool, true);
  x = inception(net, {"5a", 256, 160, 320, 32, 128, 128}, x);
  x = inception(net, {"5b", 384, 192, 384, 48, 128, 128}, x);
  x = net.flatten("flatten", net.global_average("avgpool", x), 1024);
  return std::move(net).finish(net.dense("fc", x, 1000));
}

ir::Graph resnet20(std::uint64_t seed, std::int64_t batch) {
  return small_resnet("resnet20", 3, seed, batch);
}

ir::Graph resnet56(std::uint64_t seed, std::int64_t batch) {
  return small_resnet("resnet56", 9, seed, batch);
}

ir::Graph vgg16_cifar(std::uint64_t seed, std::int64_t batch) {
  Builder net("vgg16-cifar", seed, {batch, 3, 32, 32});
  ValueId x = net.input();
  for (std::size_t stage = 0; stage < kVggStages.size(); ++stage) {
    for (int i = 1; i <= kVggStages[stage].convolutions; ++i) {
      const std::string name = fmt::format("conv{}_{}", stage + 1, i);
      x = conv_norm_relu(net, name, x, kVggStages[stage].channels, {3, 1, 1});
    }
    x = net.pool(fmt::format("pool{}", stage + 1), x, PoolKind::max, {2, 2, 0});
  }
  return std::move(net).finish(net.dense("fc", net.flatten("flatten", x, 512), 10));
}

ir::Graph cifar10_quick(std::uint64_t seed, std::int64_t batch) {
  Builder net("cifar10-quick", seed, {batch, 3, 32, 32});
  const Square pool{3, 2, 0};
  ValueId x = net.conv("conv1", net.input(), 32, {5, 1, 2});
  x = net.relu("relu1", net.pool("pool1", x, PoolKind::max, pool, true));
  x = conv_relu(net, "conv2", x, 32, {5, 1, 2});
  x = net.pool("pool2", x, PoolKind::average, pool, true);
  x = conv_relu(net, "conv3", x, 64, {5, 1, 2});
  x = net.pool("pool3", x, PoolKind::average, pool, true);
  x = net.dense("ip1", net.flatten("flatten", x, 64 * 4 * 4), 64);
  return std::move(net).finish(net.dense("ip2", x, 10));
}

ir::Graph lenet5(std::uint64_t seed, std::int64_t batch) {
  Builder net("lenet5", seed, {batch, 1, 28, 28});
  const Square pool{2, 2, 0};
  ValueId x = net.conv("conv1", net.input(), 20, {5, 1, 0});
  x = net.conv("conv2", net.pool("pool1", x, PoolKind::max, pool), 50, {5, 1, 0});
  x = net.flatten("flatten", net.pool("pool2", x, PoolKind::max, pool), 50 * 4 * 4);
  return std::move(net).finish(net.dense("ip2", dense_relu(net, "ip1", x, 500), 10));
}

ir::Graph lenet_300_100(std::uint64_t seed, std::int64_t batch) {
  Builder net("lenet-300-100", seed, {batch, 1, 28, 28});
  ValueId x = dense_relu(net, "ip1", net.flatten("flatten", net.input(), 28 * 28), 300);
  x = dense_relu(net, "ip2", x, 100);
  return std::move(net).finish(net.dense("ip3", x, 10));
}

ir::Graph shapes_net(std::uint64_t seed, std::int64_t batch) {
  Builder net("shapes-net", seed, {batch, 3, 32, 32});
  const Square pool{2, 2, 0};
  ValueId x = conv_norm_relu(net, "stem", net.input(), 32, {3, 1, 1});
  x = net.pool("pool1", basic_block(net, "block1", x, 32, 1), PoolKind::max, pool);
  x = basic_block(net, "block2", conv_norm_relu(net, "widen1", x, 64, {3, 1, 1}), 64, 1);
  x = net.pool("pool2", x, PoolKind::max, pool);
  x = conv_norm_relu(net, "widen2", x, 96, {3, 1, 1});
  x = net.flatten("flatten", net.global_average("avgpool", x), 96);
  return std::move(net).finish(net.dense("classify", x, 10));
}

std::vector<Entry> networks() {
  return {{"alexnet", alexnet},
          {"vgg16", vgg16},
          {"resnet50", resnet50},
          {"googlenet", googlenet},
          {"squeezenet", squeezenet},
          {"resnet20", resnet20},
          {"resnet56", resnet56},
          {"vgg16-cifar", vgg16_cifar},
          {"cifar10-quick", cifar10_quick},
          {"lenet5", lenet5},
          {"lenet-300-100", lenet_300_100},
          {"shapes-net", shapes_net}};
}

ir::Graph network(std::string_view name, std::uint64_t seed, std::int64_t batch) {
  std::vector<std::string_view> known;
  for (const Entry& entry : networks()) {
    if (entry.name == name) return entry.build(seed, batch);
    known.push_back(entry.name);
  }
  fail("unknown network '{}'; the zoo has {}", name, fmt::join(known, ", "));
}

}  // namespace syncopate::zoo

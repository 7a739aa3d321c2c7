#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace syncopate::zoo {

// Well-known networks with made-up weights: He-scaled and bell-shaped, so that activations keep a
// plausible size from layer to layer. Same seed, same network, on every platform. Shapes are
// inferred; every graph has one input "input", one output "logits" (no softmax), and is marked
// synthetic. For shapes and speed only: they classify nothing.

/// Krizhevsky's AlexNet as Caffe has it: 227x227, LRN, two groups in conv2, conv4 and conv5.
ir::Graph alexnet(std::uint64_t seed = 1, std::int64_t batch = 1);
/// VGG-16 (configuration D), 224x224.
ir::Graph vgg16(std::uint64_t seed = 1, std::int64_t batch = 1);
/// ResNet-50 with batch normalization, stride in the 3x3 convolutions, 224x224.
ir::Graph resnet50(std::uint64_t seed = 1, std::int64_t batch = 1);
/// SqueezeNet 1.1, 224x224.
ir::Graph squeezenet(std::uint64_t seed = 1, std::int64_t batch = 1);
/// GoogLeNet (Inception v1) as Caffe has it, without the auxiliary classifiers, 224x224.
ir::Graph googlenet(std::uint64_t seed = 1, std::int64_t batch = 1);
/// ResNet-20 for 32x32 pictures, with 1x1 convolutions as shortcuts.
ir::Graph resnet20(std::uint64_t seed = 1, std::int64_t batch = 1);
/// ResNet-56, likewise.
ir::Graph resnet56(std::uint64_t seed = 1, std::int64_t batch = 1);
/// VGG-16's convolutions with batch normalization and one fully connected layer, for 32x32
/// pictures.
ir::Graph vgg16_cifar(std::uint64_t seed = 1, std::int64_t batch = 1);
/// Caffe's CIFAR-10 quick, 32x32.
ir::Graph cifar10_quick(std::uint64_t seed = 1, std::int64_t batch = 1);
/// LeNet-5 as Caffe has it (20 and 50 maps, 500 hidden neurons), 28x28.
ir::Graph lenet5(std::uint64_t seed = 1, std::int64_t batch = 1);
/// Fully connected, 784-300-100-10, for 28x28 pictures.
ir::Graph lenet_300_100(std::uint64_t seed = 1, std::int64_t batch = 1);
/// The small residual network that is bundled, for the procedural pictures of data/shapes.h.
ir::Graph shapes_net(std::uint64_t seed = 1, std::int64_t batch = 1);

/// A named network of the zoo.
struct Entry {
  std::string_view name;
  ir::Graph (*build)(std::uint64_t seed, std::int64_t batch);
};
/// All of the above, by name.
std::vector<Entry> networks();
/// The network of that name; InputError lists the known names.
ir::Graph network(std::string_view name, std::uint64_t seed = 1, std::int64_t batch = 1);

}  // namespace syncopate::zoo

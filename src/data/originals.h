#pragma once

#include <string>

#include "data/dataset.h"

namespace syncopate::data {

/// CIFAR-10's binary version: records of a label byte and 3 x 32 x 32 samples, in data_batch_1.bin
/// to data_batch_5.bin and test_batch.bin. Here and below `limit` takes the first pictures, 0 all.
DataSet load_cifar10(const std::string& folder, Split split, std::int64_t limit);

/// MNIST and data sets like it: idx files of pictures and labels, train-* and t10k-*.
DataSet load_mnist(const std::string& name, const std::string& folder, Split split,
                   std::int64_t limit);

}  // namespace syncopate::data

#pragma once

#include <string>

#include "cli/options.h"
#include "train/trainer.h"

namespace syncopate::cli {

/// A network's own way to be trained.
struct Recipe {
  std::string data = "cifar10";
  train::Options options;
};

/// The recipe of a network that the zoo knows, with what the user said in its place; for others, of
/// fine-tuning. Augmentation follows from the data set, named or a folder.
Recipe recipe_for(const TrainArguments& arguments, bool from_scratch);

/// One line: "60 epochs of 128 pictures, rate 0.1 ...".
std::string to_text(const train::Options& options);

}  // namespace syncopate::cli

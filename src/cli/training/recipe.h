#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "ir/graph.h"
#include "train/parameters.h"
#include "train/trainer.h"

namespace syncopate::cli {

/// A network's own way to be trained.
struct Recipe {
  std::string data = "cifar10";
  train::Start start = train::Start::he;
  train::Options options;
};

/// The recipe of a network that the zoo knows, with what the user said in its place; for others, of
/// fine-tuning. Augmentation follows from the data set, named or a folder.
Recipe recipe_for(const TrainArguments& arguments, bool from_scratch);

/// What suits a data set by name, or a folder of pictures.
train::Augmentation augmentation_for(const std::string& data);

/// `device`: auto, cpu or cuda. `precision`: f32, bf16, or auto, which is bf16 where it is fast.
train::Platform to_platform(const std::string& device, const std::string& precision, int threads);

/// The networks that distillation imitates. InputError for one that cannot be read.
std::vector<ir::Graph> load_teachers(const std::vector<std::string>& models);

/// One line: "60 epochs of 128 pictures, rate 0.1 ...".
std::string to_text(const Recipe& recipe);

}  // namespace syncopate::cli

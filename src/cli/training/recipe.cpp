#include "cli/training/recipe.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/arguments.h"
#include "flow/model.h"

namespace syncopate::cli {
namespace {

/// What is usual for each network [assumed: chosen here; results in docs/rationale/training.md].
void set_network(Recipe& recipe, const std::string& network) {
  train::Options& options = recipe.options;
  if (network == "lenet5" || network == "lenet-300-100") {
    recipe.data = "mnist";
    options.epochs = 40;
    options.rate = 0.05;
    options.warmup_epochs = 1;
  } else if (network == "cifar10-quick") {
    options.epochs = 60;
    options.rate = 0.02;  // without batch normalization
    options.weight_decay = 2e-3;
    options.warmup_epochs = 2;
  } else if (network == "shapes-net") {
    recipe.data = "shapes";
    options.epochs = 12;
    options.rate = 0.05;
    options.warmup_epochs = 1;
  } else if (network == "vgg16-cifar") {
    options.epochs = 120;
    options.rate = 0.05;
    options.warmup_epochs = 2;
  } else {  // residual networks
    options.epochs = 120;
    options.rate = 0.1;
    options.warmup_epochs = 1;
  }
}

bool multiplies_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

train::Schedule schedule_from(const std::string& word) {
  if (word == "steps") return train::Schedule::steps;
  return word == "constant" ? train::Schedule::constant : train::Schedule::cosine;
}

template <class T, class U>
void replace(T& target, const std::optional<U>& wanted) {
  if (wanted) target = *wanted;
}

}  // namespace

train::Augmentation augmentation_for(const std::string& data) {
  if (data == "mnist") return {false, 2, 0};  // digits have no mirror image
  if (data == "fashion-mnist") return {true, 2, 0};
  return {true, 4, 0};
}

train::Platform to_platform(const std::string& device, const std::string& precision, int threads) {
  train::Platform platform;
  platform.threads = threads;
  platform.device = device == "cpu"    ? train::Device::cpu
                    : device == "cuda" ? train::Device::cuda
                                       : train::Device::automatic;
  const bool cuda = platform.device != train::Device::cpu && train::cuda_available();
  const bool narrow = precision == "bf16" || (precision == "auto" && (cuda || multiplies_bf16()));
  platform.precision = narrow ? train::Precision::bf16 : train::Precision::f32;
  return platform;
}

Recipe recipe_for(const TrainArguments& arguments, bool from_scratch) {
  Recipe recipe;
  train::Options& options = recipe.options;
  options.nesterov = true;
  if (from_scratch) {
    set_network(recipe, arguments.network);
  } else {
    options.epochs = 30;
    options.rate = 0.01;
  }
  if (arguments.start) {
    recipe.start = *arguments.start == "he" ? train::Start::he : train::Start::identity;
  }
  if (!arguments.data.empty()) recipe.data = arguments.data;
  options.augmentation = augmentation_for(recipe.data);
  replace(options.epochs, arguments.epochs);
  replace(options.batch, arguments.batch);
  replace(options.rate, arguments.rate);
  replace(options.momentum, arguments.momentum);
  replace(options.weight_decay, arguments.weight_decay);
  // A short run has a short warm-up.
  options.warmup_epochs =
      std::min(options.warmup_epochs, 0.1 * static_cast<double>(options.epochs));
  replace(options.warmup_epochs, arguments.warmup);
  replace(options.label_smoothing, arguments.label_smoothing);
  replace(options.augmentation.flip, arguments.flip);
  replace(options.augmentation.crop_pad, arguments.shift);
  replace(options.augmentation.cutout, arguments.cutout);
  if (arguments.schedule) options.schedule = schedule_from(*arguments.schedule);
  options.nesterov = options.momentum > 0;
  options.average = arguments.average;
  options.seed = arguments.seed;
  options.test_every = arguments.test_every;
  options.distillation.weight = arguments.teacher_weight;
  options.distillation.temperature = arguments.temperature;
  return recipe;
}

std::vector<ir::Graph> load_teachers(const std::vector<std::string>& models) {
  std::vector<ir::Graph> teachers;
  for (const std::string& model : models) {
    teachers.push_back(flow::load_model(to_model({.model = model})));
  }
  return teachers;
}

std::string to_text(const Recipe& recipe) {
  const train::Options& options = recipe.options;
  const train::Augmentation& augmentation = options.augmentation;
  const char* schedule = options.schedule == train::Schedule::cosine  ? "cosine"
                         : options.schedule == train::Schedule::steps ? "steps"
                                                                      : "constant";
  std::string text = fmt::format(
      "{} epochs of {} pictures a step, rate {:g} ({}, warm-up {:g}), momentum {:g}, "
      "weight decay {:g}",
      options.epochs, options.batch, options.rate, schedule, options.warmup_epochs,
      options.momentum, options.weight_decay);
  if (recipe.start == train::Start::identity) text += ", begun as identity";
  if (options.label_smoothing > 0) {
    text += fmt::format(", label smoothing {:g}", options.label_smoothing);
  }
  if (options.average > 0) text += fmt::format(", the last {:g} of it averaged", options.average);
  if (augmentation.flip) text += ", flip";
  if (augmentation.crop_pad > 0) text += fmt::format(", shift {}", augmentation.crop_pad);
  if (augmentation.cutout > 0) text += fmt::format(", cutout {}", augmentation.cutout);
  return text;
}

}  // namespace syncopate::cli

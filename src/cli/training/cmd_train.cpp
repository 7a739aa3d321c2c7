#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "cli/training/commands.h"
#include "cli/training/normalizations.h"
#include "cli/training/progress.h"
#include "cli/training/recipe.h"
#include "data/dataset.h"
#include "flow/evaluate.h"
#include "flow/inputs.h"
#include "flow/model.h"
#include "onnx/export.h"
#include "train/parameters.h"
#include "zoo/networks.h"

namespace syncopate::cli {
namespace {

using train::EpochLog;

/// A name of the zoo, with or without its prefix.
bool is_zoo_name(const std::string& network) {
  for (const zoo::Entry& entry : zoo::networks()) {
    if (entry.name == network) return true;
  }
  return false;
}

ir::Graph load_network(const TrainArguments& arguments, bool from_zoo, train::Start start) {
  ModelArguments model;
  model.model = from_zoo ? "zoo:" + arguments.network : arguments.network;
  model.dims = arguments.dims;
  model.seed = arguments.seed;
  ir::Graph graph = flow::load_model(to_model(model));
  if (graph.synthetic || arguments.initialize) {
    train::initialize(graph, arguments.seed, start);
  } else if (arguments.start) {
    fail("--start {}: '{}' has weights, which training goes on from (forget them: --initialize)",
         *arguments.start, arguments.network);
  }
  return graph;
}

/// Masks that keep the zeros of all weights there are.
train::Constraints keep_zeros(const ir::Graph& graph) {
  train::Constraints constraints;
  for (const train::Parameter& parameter : train::trainable(graph).parameters) {
    if (parameter.role != train::Role::weight) continue;
    const ir::Value& value = graph.value(parameter.value);
    std::vector<std::uint8_t> mask;
    for (const float weight : value.constant->data<float>()) mask.push_back(weight != 0 ? 1 : 0);
    constraints.masks[value.name] = std::move(mask);
  }
  return constraints;
}

nlohmann::ordered_json to_json(const train::Outcome& outcome) {
  nlohmann::ordered_json epochs = nlohmann::ordered_json::array();
  for (const EpochLog& log : outcome.log) {
    nlohmann::ordered_json entry{{"epoch", log.epoch},
                                 {"loss", log.loss},
                                 {"train_accuracy", log.train_accuracy},
                                 {"rate", log.rate},
                                 {"seconds", log.seconds}};
    if (log.test_accuracy >= 0) entry["test_accuracy"] = log.test_accuracy;
    epochs.push_back(std::move(entry));
  }
  return epochs;
}

/// Shows progress, and asks to stop after a signal.
class Watcher {
 public:
  Watcher(Console& console, bool quiet_stdout)
      : console_(console), quiet_(quiet_stdout), bar_(console.progress_visible()) {}

  bool operator()(const train::Progress& progress) {
    if (progress.finished != nullptr) {
      bar_.clear();
      say(epoch_line(*progress.finished, progress.epochs) + "\n");
    } else {
      draw(bar_, "", progress);
    }
    return !interrupt_requested();
  }
  void clear() { bar_.clear(); }
  /// Lines for people: standard output, unless a file goes there.
  void say(std::string_view lines) {
    if (quiet_) {
      console_.message(lines.substr(0, lines.size() - 1));
    } else {
      console_.print(lines);
    }
  }

 private:
  Console& console_;
  bool quiet_;
  ProgressBar bar_;
};

std::string describe(const data::Normalization& how) {
  const auto list = [](const std::vector<double>& values) {
    std::string text;
    for (const double value : values)
      text += fmt::format("{}{:.4g}", text.empty() ? "" : ",", value);
    return text;
  };
  return fmt::format("x * {:.6g} - {} over {}{}", how.scale, list(how.mean), list(how.deviation),
                     how.bgr ? ", BGR" : "");
}

}  // namespace

void train_command(const TrainArguments& arguments, int threads, Console& console) {
  const Output output("--output", arguments.output);
  const Output json("--json", arguments.json);
  const bool from_zoo = is_zoo_name(arguments.network);
  Recipe recipe = recipe_for(arguments, from_zoo);
  train::Options& options = recipe.options;
  options.checkpoints.every_minutes = arguments.checkpoint_minutes;
  options.checkpoints.path = !arguments.checkpoint.empty() ? arguments.checkpoint
                             : output.is_special()         ? ""
                                                           : arguments.output + ".checkpoint";
  const Output checkpoint("--checkpoint", options.checkpoints.path);
  ir::Graph graph = load_network(arguments, from_zoo, recipe.start);
  const data::PictureShape shape = flow::picture_shape(graph);
  const data::DataSet train_set = data::load_data(recipe.data, arguments.root, data::Split::train,
                                                  shape, arguments.normalization.limit);
  const data::DataSet test_set =
      data::load_data(recipe.data, arguments.root, data::Split::test, shape, 0);
  const data::Normalization normalization =
      flow::normalization(to_input(arguments.normalization), train_set.channels);
  const std::vector<ir::Graph> teachers = load_teachers(arguments.teachers);
  for (const ir::Graph& teacher : teachers) options.distillation.teachers.push_back(&teacher);
  options.distillation.once = arguments.teacher_sees == "once";
  const train::Platform platform = to_platform(arguments.device, arguments.precision, threads);
  restore_batch_norms(graph, train_set, normalization, platform, console);
  const train::Constraints constraints =
      arguments.keep_zeros ? keep_zeros(graph) : train::Constraints{};
  if (arguments.restart) std::filesystem::remove(options.checkpoints.path);

  train::Session session(graph, train_set, test_set, normalization, platform);
  const std::string header = fmt::format(
      "{} on {}: {} pictures to train on, {} to test on; {}\n{}\npixels: {} (--normalize {})\n",
      graph.name, recipe.data, train_set.count(), test_set.count(), session.platform(),
      to_text(recipe), describe(normalization), arguments.normalization.normalize);
  Watcher watcher(console, json.is_stdout() || output.is_stdout());
  watcher.say(header);
  const train::Outcome outcome =
      session.train(options, constraints, [&](const train::Progress& progress) {
        if (progress.resumed) {
          watcher.say(fmt::format("continuing from {} in epoch {}\n", options.checkpoints.path,
                                  std::min(progress.epoch, progress.epochs)));
        }
        return watcher(progress);
      });
  watcher.clear();
  if (!outcome.complete) {
    std::error_code error;
    throw Interrupted(!std::filesystem::exists(options.checkpoints.path, error)
                          ? "interrupted; nothing was written"
                          : fmt::format("interrupted; the same command continues from {}",
                                        options.checkpoints.path));
  }
  const train::Score score = session.score(train::Pictures::test, 0, train::Precision::f32);
  output.write(onnx::export_bytes(session.graph()), console);
  if (json.wanted()) {
    const nlohmann::ordered_json text{{"format", "syncopate-train"},
                                      {"version", 1},
                                      {"network", graph.name},
                                      {"data", recipe.data},
                                      {"recipe", to_text(recipe)},
                                      {"pixels", describe(normalization)},
                                      {"platform", session.platform()},
                                      {"seed", arguments.seed},
                                      {"test_accuracy", score.accuracy},
                                      {"test_loss", score.loss},
                                      {"best_accuracy", outcome.best_accuracy},
                                      {"best_epoch", outcome.best_epoch},
                                      {"epochs", to_json(outcome)}};
    json.write(text.dump(1) + "\n", console);
  }
  if (!options.checkpoints.path.empty()) std::filesystem::remove(options.checkpoints.path);
  watcher.say(fmt::format("test accuracy {:.2f} % (f32); highest on the way {:.2f} % in epoch {}\n",
                          100 * score.accuracy, 100 * outcome.best_accuracy, outcome.best_epoch));
}

}  // namespace syncopate::cli

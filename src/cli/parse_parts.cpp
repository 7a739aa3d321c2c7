#include "cli/parse_parts.h"

#include <fmt/format.h>

#include "accel/registry.h"

namespace syncopate::cli {

using CLI::App;

namespace {

/// Names for examples in help: the first accelerators there are.
std::string example_machines(std::size_t most) {
  std::string names;
  for (const sim::Accelerator* accelerator : accel::all()) {
    if (most-- == 0) break;
    names += names.empty() ? "" : ",";
    names += accelerator->name;
  }
  return names;
}

}  // namespace

std::string examples(std::string_view text) {
  return fmt::format(fmt::runtime(text), fmt::arg("one", example_machines(1)),
                     fmt::arg("all", example_machines(3)));
}
void add_model(App& app, ModelArguments& model) {
  app.add_option("MODEL", model.model, "ONNX or .sync file, or zoo:NAME for a made-up network")
      ->required()
      ->type_name("");
  app.add_option("--dim", model.dims, "Extent of a symbolic dimension, e.g. batch=1")
      ->type_name("NAME=N")
      ->group("Model");
  app.add_option("--seed", model.seed, "Seed of made-up weights and of sampling [1]")
      ->type_name("N")
      ->group("Model");
}

void add_normalization(App& app, InputArguments& input) {
  const auto option = [&](auto* made, const char* type) {
    return made->type_name(type)->group("Input");
  };
  option(app.add_option("--limit", input.limit, "Use at most N inputs"), "N")
      ->check(CLI::Range(std::int64_t{0}, INT64_MAX).description(""));
  option(app.add_option("--normalize", input.normalize,
                        "auto, imagenet, caffe, signed, unit or raw [auto]"),
         "HOW");
  option(app.add_option("--mean", input.mean, "Subtracted per channel, after --scale"), "A,B,C")
      ->delimiter(',');
  option(app.add_option("--std", input.deviation, "Divided by per channel"), "A,B,C")
      ->delimiter(',');
  option(app.add_option("--scale", input.scale, "Factor on 0..255 samples, before --mean"), "X");
  app.add_flag("--bgr", input.bgr, "Channels in blue, green, red order")->group("Input");
}

void add_input(App& app, InputArguments& input) {
  app.add_option("-i,--input", input.paths,
                 ".npy, PNG or JPEG, or a folder of these; NAME=FILE.npy where a network "
                 "has several inputs. Default: a procedural picture")
      ->type_name("FILE")
      ->group("Input");
  add_normalization(app, input);
}

void add_precision(App& app, Precision& precision, const char* text) {
  app.add_option("--bits", precision.bits, text)
      ->type_name("8|16")
      ->check(CLI::IsMember({8, 16}).description(""))
      ->group("Network");
  app.add_option("--threshold-weights", precision.weight_threshold,
                 "Weights below this share of the largest of their output become zero [0]")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->group("Network");
  app.add_option(
         "--threshold-activations", precision.activation_threshold,
         "Activations below this share of their integer range become zero before layers with "
         "weights [0]")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->group("Network");
}

void add_machines(App& app, MachineArguments& machines) {
  app.add_option("--on", machines.names, "Accelerators, separated by commas (see `syncopate list`)")
      ->required()
      ->delimiter(',')
      ->type_name("A[,B...]");
  app.add_option("--set", machines.set,
                 "Change a parameter of one machine, or of all (see `syncopate list --params A`)")
      ->type_name("[A.]KEY=VALUE")
      ->group("Machine");
  app.add_option("--config", machines.config, "YAML file of such parameters")
      ->type_name("FILE")
      ->group("Machine");
  app.add_option("--dram", machines.dram,
                 "Memory preset for all machines (see `syncopate list "
                 "--dram`)")
      ->type_name("PRESET")
      ->group("Machine");
}

CLI::Option* add_average(CLI::App& app, double& average) {
  return app
      .add_option("--average", average,
                  "Share of a training, at its end, that weights are averaged over (stochastic "
                  "weight averaging); the learning rate falls no further meanwhile [0]")
      ->type_name("X")
      ->check(CLI::Range(0.0, 0.99).description(""));
}

CLI::Option* add_teacher_sees(CLI::App& app, std::string& sees) {
  return app
      .add_option("--teacher-sees", sees,
                  "each picture as it is shown, or every picture and its mirror image once, "
                  "unchanged: no slower than no teacher [each]")
      ->type_name("each|once")
      ->check(CLI::IsMember({"each", "once"}).description(""));
}

}  // namespace syncopate::cli

#include "cli/parse_parts.h"

namespace syncopate::cli {

using CLI::App;

namespace {

/// How weights are changed.
void add_recipe(App& app, TrainArguments& train) {
  const auto option = [&](const char* name, auto& into, const char* text, const char* type) {
    return app.add_option(name, into, text)->type_name(type)->group("Recipe");
  };
  const auto at_least = [](double low) { return CLI::Range(low, 1e9).description(""); };
  option("--start", train.start,
         "Random weights to begin with: he, or identity (filters that hand on an input each) [he]",
         "HOW")
      ->check(CLI::IsMember({"he", "identity"}).description(""));
  option("--epochs", train.epochs, "Times every picture is seen", "N")->check(at_least(0));
  option("--batch", train.batch, "Pictures of one step [128]", "N")->check(at_least(1));
  option("--rate", train.rate, "Learning rate at its highest", "X");
  option("--momentum", train.momentum, "Momentum (Nesterov's) [0.9]", "X");
  option("--weight-decay", train.weight_decay, "Decay of weights, not of biases and scales [5e-4]",
         "X");
  option("--warmup", train.warmup, "Epochs in which the rate grows from zero", "N");
  option("--schedule", train.schedule, "cosine, steps or constant [cosine]", "HOW")
      ->check(CLI::IsMember({"cosine", "steps", "constant"}).description(""));
  add_average(app, train.average)->group("Recipe");
  option("--label-smoothing", train.label_smoothing, "Share of the target spread over all classes",
         "X");
  option("--flip", train.flip, "Show pictures in the mirror, too", "yes|no");
  option("--shift", train.shift, "Shift pictures by up to N pixels", "N")->check(at_least(0));
  option("--cutout", train.cutout, "Paint over a square of N pixels", "N")->check(at_least(0));
  app.add_option("--teacher", train.teachers,
                 "Network whose answers are imitated (distillation); of several the mean")
      ->type_name("MODEL")
      ->group("Recipe");
  add_teacher_sees(app, train.teacher_sees)->group("Recipe");
  option("--teacher-weight", train.teacher_weight, "Its share of the loss [0.5]", "X")
      ->check(CLI::Range(0.0, 1.0).description(""));
  option("--temperature", train.temperature, "How soft its answers are made [4]", "X");
}

}  // namespace

void add_train(App& root, TrainArguments& train) {
  App& app = *root.add_subcommand("train", "Train a network on labeled pictures");
  app.add_option("NETWORK", train.network,
                 "lenet5, lenet-300-100, cifar10-quick, resnet20, resnet56, vgg16-cifar (from "
                 "scratch), or an ONNX or .sync file (goes on from its weights)")
      ->required()
      ->type_name("");
  app.add_option("-d,--data", train.data,
                 "Data set (see `syncopate list`), or a folder of pictures by class [the network's "
                 "own]")
      ->type_name("DATA");
  app.add_option("--data-root", train.root, "Folder of data sets [$SYNCOPATE_DATA]")
      ->type_name("DIR");
  app.add_option("-o,--output", train.output, "Trained network")
      ->required()
      ->type_name("FILE.onnx");
  app.add_flag("--initialize", train.initialize, "Forget a file's weights, start from random ones");
  app.add_flag("--keep-zeros", train.keep_zeros, "Weights that are zero stay zero");
  app.add_option("--dim", train.dims, "Extent of a symbolic dimension, e.g. batch=1")
      ->type_name("NAME=N");
  app.add_option("--seed", train.seed, "Seed of weights, order and augmentation [1]")
      ->type_name("N");
  add_recipe(app, train);
  add_normalization(app, train.normalization);
  app.get_option("--limit")->description("Train on the first N pictures only");
  app.add_option("--device", train.device, "auto, cpu or cuda [auto]")
      ->type_name("WHERE")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}).description(""))
      ->group("Run");
  app.add_option("--precision", train.precision,
                 "f32 or bf16; auto: bf16 where the processor multiplies it [auto]")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}).description(""))
      ->group("Run");
  app.add_option("--checkpoint", train.checkpoint,
                 "File the run is kept in until it is done [OUTPUT.checkpoint]")
      ->type_name("FILE")
      ->group("Run");
  app.add_option("--checkpoint-minutes", train.checkpoint_minutes,
                 "Minutes between checkpoints within an epoch [2]")
      ->type_name("N")
      ->group("Run");
  app.add_flag("--restart", train.restart, "Start anew although there is a checkpoint")
      ->group("Run");
  app.add_option("--test-every", train.test_every, "Epochs between tests [1]")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30).description(""))
      ->group("Run");
  app.add_option("--json", train.json, "Write settings and log as JSON ('-': standard output)")
      ->type_name("FILE");
  app.footer(
      "What is not said is the network's recipe, which is printed. The same command again "
      "continues "
      "a run that was\ninterrupted, to the result it would have had.\n"
      "On a machine that others use too, --threads 1 is faster than all threads.\n"
      "Examples:\n  syncopate train lenet5 --data mnist -o lenet5.onnx\n"
      "  syncopate train resnet20 --data cifar10 --epochs 60 -o resnet20.onnx --json log.json\n"
      "  syncopate prune resnet20.onnx -o sparse.onnx --density 0.3\n"
      "  syncopate train sparse.onnx --data cifar10 --keep-zeros --epochs 20 --rate 0.02 --teacher "
      "resnet20.onnx -o tuned.onnx");
}

}  // namespace syncopate::cli

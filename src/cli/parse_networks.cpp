#include "cli/parse_parts.h"

namespace syncopate::cli {

using CLI::App;

namespace {

/// What is removed together.
void add_structure(App& app, PruneArguments& prune) {
  const auto words = [&](const char* name, std::string& into, const char* text,
                         std::vector<std::string> allowed) {
    return app.add_option(name, into, text)
        ->type_name("HOW")
        ->check(CLI::IsMember(std::move(allowed)).description(""));
  };
  app.add_option("--method", prune.method,
                 "coarse (windows), magnitude (single weights), balanced (as many in every kernel) "
                 "or N:M (N of every M inputs, e.g. 2:4) [coarse]")
      ->type_name("HOW");
  app.add_option("--keep", prune.keep, "Leave a layer dense")->type_name("NODE");
  words("--criterion", prune.criterion,
        "How a window is judged: average, max or geometric [average]",
        {"average", "max", "geometric"})
      ->group("Structure");
  const auto extents = [&](const char* name, std::string& into, const char* text,
                           const char* type) {
    app.add_option(name, into, text)->type_name(type)->group("Structure");
  };
  extents("--block", prune.block, "Window of convolutions: inputs,outputs,height,width [1,16,1,1]",
          "A,B,C,D");
  extents("--stride", prune.stride,
          "How far it slides; less than the window: they overlap [window]", "A,B,C,D");
  extents("--fc-block", prune.fc_block,
          "Window of fully connected layers: inputs,outputs [32,32 where both are at least 4096, "
          "else 16,16]",
          "A,B");
  extents("--fc-stride", prune.fc_stride, "How far it slides [window]", "A,B");
  words("--q-rounding", prune.q_rounding,
        "balanced, where a kernel would keep 4.5: alternate (5, 4, 5, 4) or down (4) [alternate]",
        {"alternate", "down"})
      ->group("Structure");
  app.add_option("--group", prune.group, "balanced: inputs that make a kernel of 1x1 layers [32]")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30).description(""))
      ->group("Structure");
}

/// Training of `compress --data`.
void add_shrink(App& app, ShrinkArguments& shrink) {
  auto* data = app.add_option("--data", shrink.data,
                              "Prune and quantize with training on this data set, under --budget")
                   ->type_name("NAME|FOLDER")
                   ->group("Training");
  const auto option = [&](const char* name, auto& into, const char* text, const char* type,
                          const char* group = "Training") {
    return app.add_option(name, into, text)->type_name(type)->group(group)->needs(data);
  };
  option("--data-root", shrink.root, "Folder of data sets [$SYNCOPATE_DATA]", "DIR");
  option("--budget", shrink.budget, "Points of top-1 that may be lost in all [0.5]", "P")
      ->check(CLI::Range(0.0, 100.0).description(""));
  CLI::Option* density =
      option("--density", shrink.goal,
             "Prune to this density, whatever it costs [as the budget allows]", "D")
          ->check(CLI::Range(0.0, 1.0).description(""));
  option("--dynamic-epochs", shrink.dynamic_epochs,
         "Prune to --density in one training of N epochs, in the first half of which weights that "
         "went may come back, instead of by steps [0]",
         "N")
      ->needs(density);
  option("--divide", shrink.divide,
         "What layers share a density by: the loss when one alone is pruned (scan), or their "
         "weights (lamp: layer-adaptive magnitude) [scan]",
         "HOW")
      ->check(CLI::IsMember({"scan", "lamp"}).description(""));
  option("--step", shrink.step, "Density after a step over that before it [0.7]", "X")
      ->check(CLI::Range(0.01, 0.99).description(""));
  option("--step-epochs", shrink.step_epochs, "Tuning after a step [2]", "N");
  option("--more-epochs", shrink.more_epochs, "Tuning again where that was too little [6]", "N");
  option("--settle-epochs", shrink.settle_epochs, "Tuning after the last step [10]", "N");
  option("--zero-rates", shrink.zero_rates,
         "After the last step: the weights that codebooks of these rates make zero go, in turn, "
         "before finer codebooks are made [none]",
         "X,Y...")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber.description(""));
  option("--zero-epochs", shrink.zero_epochs, "Tuning after each of --zero-rates [10]", "N");
  option("--cluster-epochs", shrink.cluster_epochs,
         "Tuning of weights that are clustered again and again, before --book-epochs [0]", "N");
  option("--book-epochs", shrink.book_epochs, "Retraining of codebooks [3]", "N");
  option("--conv-bits", shrink.conv_bits, "Most bits of an index in convolutions [8]", "N")
      ->check(CLI::Range(1, 12).description(""));
  option("--fc-bits", shrink.fc_bits, "Most bits of an index in matrices [4]", "N")
      ->check(CLI::Range(1, 12).description(""));
  option("--rates", shrink.rates, "Rates of codebooks, tried in turn [0.2,0.1,0.05,0.025,0.0125]",
         "X,Y...")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber.description(""));
  option("--scan-pictures", shrink.scan_pictures,
         "Training pictures that scans look at; 0: all [2000]", "N");
  option("--batch", shrink.batch, "Pictures of a training step [128]", "N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20).description(""));
  option("--learning-rate", shrink.rate, "First learning rate of tuning [0.02]", "X")
      ->check(CLI::PositiveNumber.description(""));
  option("--weight-decay", shrink.weight_decay, "Weight decay [0.0001]", "X")
      ->check(CLI::NonNegativeNumber.description(""));
  add_average(app, shrink.average)->group("Training")->needs(data);
  app.add_flag("--no-distillation", shrink.no_distillation,
               "Learn from labels alone, not from the dense network's answers too")
      ->group("Training")
      ->needs(data);
  option(
      "--original", shrink.original,
      "Network that MODEL was pruned from: the budget is counted from it, and it teaches [MODEL]",
      "MODEL");
  option("--teacher", shrink.teachers,
         "Network whose answers are learned from; of several the mean [the original]", "MODEL");
  add_teacher_sees(app, shrink.teacher_sees)->group("Training")->needs(data);
  option("--flip", shrink.flip, "Show pictures in the mirror, too [as suits the data]", "yes|no");
  option("--shift", shrink.shift, "Shift pictures by up to N pixels [as suits the data]", "N")
      ->check(CLI::Range(0, 64).description(""));
  option("--cutout", shrink.cutout, "Paint over a square of N pixels [0]", "N")
      ->check(CLI::Range(0, 4096).description(""));
  option("--device", shrink.device, "auto, cpu or cuda [auto]", "D")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}).description(""));
  option("--precision", shrink.precision,
         "f32 or bf16; auto: bf16 where the processor multiplies it [auto]", "P")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}).description(""));
  option("--work", shrink.work, "Folder that keeps what is done, to go on from [OUTPUT.work]",
         "DIR");
  option("--report", shrink.html, "Write a page with tables and plots", "FILE.html");
  const std::size_t before = app.get_options().size();
  add_structure(app, shrink.pruning);
  add_normalization(app, shrink.normalization);
  const std::vector<CLI::Option*> all = app.get_options();
  for (std::size_t i = before; i < all.size(); ++i) all[i]->needs(data);
}

}  // namespace

void add_prune(App& root, PruneArguments& prune) {
  App& app = *root.add_subcommand("prune", "Remove weights in one shot, without training");
  add_model(app, prune.model);
  const auto words = [&](const char* name, std::string& into, const char* text,
                         std::vector<std::string> allowed) {
    return app.add_option(name, into, text)
        ->type_name("HOW")
        ->check(CLI::IsMember(std::move(allowed)).description(""));
  };
  app.add_option("-o,--output", prune.output, "Pruned network")->required()->type_name("FILE.onnx");
  app.add_option("-d,--density", prune.density, "Fraction of weights kept in each layer [0.2]")
      ->type_name("D");
  app.add_option("--layer", prune.layer_density, "Another density for one layer")
      ->type_name("NODE=D");
  app.add_flag("--global", prune.global,
               "One threshold over all layers: --density is that of the whole network")
      ->group("Whole network");
  words(
      "--scale", prune.scale,
      "What that threshold compares: scores as they are (none), over the root mean square of the "
      "layer's weights (layer), or squared over the sum of those in the layer that are not smaller "
      "(lamp) [none]",
      {"none", "layer", "lamp"})
      ->group("Whole network");
  app.add_option("--least-density", prune.least_density, "What every layer keeps at least [0]")
      ->type_name("D")
      ->group("Whole network");
  add_structure(app, prune);
  app.footer(
      "Examples:\n  syncopate prune net.onnx -o sparse.onnx --density 0.3\n"
      "  syncopate prune net.onnx -o sparse.onnx -d 0.1 --method magnitude --global --keep conv1\n"
      "  syncopate prune net.onnx -o sparse.onnx --method 2:4 --layer fc=0.25\n"
      "  syncopate prune net.onnx -o sparse.onnx --method balanced -d 0.5 --q-rounding down");
}

void add_quantize(App& root, QuantizeArguments& quantize) {
  App& app = *root.add_subcommand("quantize",
                                  "Write a network with quantized weights and "
                                  "activations (QDQ)");
  add_model(app, quantize.model);
  add_input(app, quantize.input);
  app.add_option("-o,--output", quantize.output, "Quantized network")
      ->required()
      ->type_name("FILE.onnx");
  app.footer("Example:\n  syncopate quantize net.onnx --input pictures/ -o net_int8.onnx");
}

void add_compress(App& root, CompressArguments& compress) {
  App& app = *root.add_subcommand("compress",
                                  "Store a network in a .sync file, quantized and entropy-coded; "
                                  "show its size after every stage");
  add_model(app, compress.model);
  app.add_option("-o,--output", compress.output,
                 "File to write [none: sizes alone]; with --data, .onnx: no codebooks")
      ->type_name("FILE.sync");
  app.add_option("--mode", compress.mode,
                 "Entropy coder: max (smallest), fast (rANS) or huffman (the paper's) [max]")
      ->type_name("MODE")
      ->check(CLI::IsMember({"max", "fast", "huffman"}).description(""));
  auto* bits = app.add_option("--bits", compress.bits,
                              "Quantize weights to integers of N bits and a scale (2 to 16)")
                   ->type_name("N")
                   ->check(CLI::Range(2, 16).description(""));
  auto* codebook = app.add_option("--codebook", compress.codebook,
                                  "Cluster weights into codebooks of 2^N entries (1 to 12)")
                       ->type_name("N")
                       ->check(CLI::Range(1, 12).description(""));
  bits->excludes(codebook);
  app.add_option("--rate", compress.rate,
                 "With --codebook: trade error for code length; 0.01 to 0.1 is usual [0]")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber.description(""))
      ->needs(codebook);
  app.add_option("--tolerance", compress.tolerance,
                 "With --codebook: the fewest bits up to N within this relative squared error")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->needs(codebook);
  app.add_option("--rows", compress.rows,
                 "With --codebook: outputs that share a codebook [all of a layer]")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30).description(""))
      ->needs(codebook);
  app.add_option("--layer", compress.layer_bits, "Other bits for one layer")->type_name("NODE=N");
  app.add_option("--other-bits", compress.other_bits,
                 "Bits kept of other floats, biases and the like (10 to 32) [16 when weights are "
                 "quantized, else 32]")
      ->type_name("N")
      ->check(CLI::Range(10, 32).description(""));
  app.add_option("--json", compress.json, "Write the sizes as JSON")->type_name("FILE");
  add_shrink(app, compress.shrink);
  app.footer(
      "Without --bits and --codebook nothing is lost: integers and few distinct values, as pruning "
      "and\nquantization leave them, are found by themselves. Wherever a command takes a network, "
      "it takes a .sync file.\n"
      "Examples:\n  syncopate compress net.onnx -o net.sync --codebook 4\n"
      "  syncopate compress net.onnx --bits 8 --mode fast\n"
      "  syncopate compress net.onnx -o net.sync --codebook 8 --tolerance 0.001 --layer fc6=4\n"
      "  syncopate compress net.onnx -o net.sync --data cifar10 --budget 0.5 --report net.html\n"
      "With --data the network is pruned step by step with training in between, its codebooks are "
      "retrained, and\nwhat holds the budget is written; interrupted, the same command goes on. "
      "With -o FILE.onnx it is pruned and "
      "trained, no more:\n"
      "  syncopate compress net.onnx -o even.onnx --data cifar10 --method balanced --q-rounding "
      "down");
}

void add_decompress(App& root, DecompressArguments& decompress) {
  App& app =
      *root.add_subcommand("decompress", "Turn a .sync file into ONNX, or list its contents");
  app.add_option("FILE", decompress.path, "The .sync file")->required()->type_name("");
  app.add_option("-o,--output", decompress.output,
                 "Network to write [none: the contents as a table]")
      ->type_name("FILE.onnx");
  app.footer(
      "Examples:\n  syncopate decompress net.sync -o net.onnx\n  syncopate decompress net.sync");
}

}  // namespace syncopate::cli

#include "cli/parse.h"

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/params.h"
#include "cli/commands.h"
#include "cli/parse_parts.h"

namespace syncopate::cli {
namespace {

using CLI::App;

constexpr const char* kVersion = "syncopate 0.1.0";

/// Everything commands are told; lives as long as the parser.
struct Arguments {
  GlobalOptions global;
  RunArguments run;
  InspectArguments inspect;
  ListArguments list;
  LowerArguments lower;
  CompileArguments compile;
  DisasmArguments disasm;
  PruneArguments prune;
  QuantizeArguments quantize;
  CompressArguments compress;
  DecompressArguments decompress;
  TuneArguments tune;
  ReproduceArguments reproduce;
  DramArguments dram;
  EvalArguments eval;
  TrainArguments train;
};

void add_run(App& root, RunArguments& run) {
  App& app = *root.add_subcommand("run",
                                  "Execute a network on accelerators and say where the time "
                                  "goes");
  add_model(app, run.model);
  add_machines(app, run.machines);
  add_input(app, run.input);
  add_precision(app, run.precision, "Width of weights and activations [16]");
  app.add_option("--check", run.check,
                 "Replay tiles in the clocked engine: full, sample or off [sample]")
      ->type_name("HOW")
      ->check(CLI::IsMember({"full", "sample", "off"}).description(""));
  app.add_option("--rearrange", run.rearrange,
                 "Order of channels, folded into the weights, by their non-zeros on the first "
                 "inputs: off, static (sorted by density) or grouped (for the passes of the first "
                 "machine) [off]")
      ->type_name("HOW")
      ->check(CLI::IsMember({"off", "static", "grouped"}).description(""));
  app.add_option("--labels", run.labels, "Class names, one per line")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--json", run.json, "Write everything as JSON ('-': standard output)")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--csv", run.csv, "Write a row per machine and layer")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--report", run.html, "Write a page with plots")
      ->type_name("FILE.html")
      ->group("Output");
  app.add_flag("--all-layers", run.all_layers, "Print every layer, however many there are")
      ->group("Output");
  app.footer(examples(
      "Examples:\n"
      "  syncopate run net.onnx --on {one}\n"
      "  syncopate run net.onnx --on {all} --input cat.png --report out.html\n"
      "  syncopate run zoo:vgg16 --on {one} --dram ddr4-2400 --check off --json - | jq\n"
      "  syncopate run net.onnx --on {one} --set {one}.KEY=VALUE --input pictures/ --limit 10"));
}

void add_inspect(App& root, InspectArguments& inspect) {
  App& app = *root.add_subcommand("inspect", "Show a network's layers, work, parameters, sparsity");
  add_model(app, inspect.model);
  app.add_flag("--json", inspect.json, "As JSON");
  app.add_flag("--text", inspect.text, "The graph in text form, one line per operator");
  const auto sparsity = [](CLI::Option* option) { return option->group("Sparsity"); };
  auto* wanted = sparsity(app.add_flag(
      "--sparsity", inspect.sparsity,
      "How regular the zeros are: JBIG and index bytes, imbalance, local convergence"));
  sparsity(app.add_option("--against", inspect.against,
                          "The same network pruned otherwise: ratios of its sizes over this one's"))
      ->type_name("MODEL")
      ->needs(wanted);
  sparsity(app.add_option("--initial", inspect.initial, "The same network before training"))
      ->type_name("MODEL")
      ->needs(wanted);
  sparsity(app.add_option("--larger", inspect.larger,
                          "Share of weights that count as larger in local convergence [0.1]"))
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->needs(wanted);
  sparsity(app.add_flag("--typical-prediction", inspect.typical_prediction,
                        "JBIG with lines like the one before in a bit"))
      ->needs(wanted);
  sparsity(app.add_option("--report", inspect.html, "Write a page with plots"))
      ->type_name("FILE.html")
      ->needs(wanted);
  app.footer(
      "Examples:\n  syncopate inspect net.onnx\n  syncopate inspect zoo:resnet50 --json\n"
      "  syncopate inspect coarse.onnx --sparsity --against fine.onnx --report sparsity.html");
}

void add_list(App& root, ListArguments& list) {
  App& app = *root.add_subcommand("list", "Show accelerators, networks, memories and data sets");
  app.add_flag("--names", list.names, "Accelerator names alone, one per line");
  app.add_option("--params", list.params, "The parameters of one accelerator")->type_name("A");
  app.add_flag("--networks", list.networks, "Networks with made-up weights, for zoo:NAME");
  app.add_flag("--dram", list.dram, "Memory presets, for --dram");
  app.add_flag("--datasets", list.data_sets, "Data sets by name, and where they lie");
  app.footer(examples("Examples:\n  syncopate list\n  syncopate list --params {one}"));
}

void add_lower(App& root, LowerArguments& lower) {
  App& app = *root.add_subcommand("lower", "Show a network as a chain of general convolutions");
  add_model(app, lower.model);
  add_input(app, lower.input);
  app.add_option("-o,--output", lower.output, "File instead of standard output")->type_name("FILE");
  app.add_flag("--quantized", lower.quantized, "In fixed point, calibrated on the input")
      ->group("Network");
  app.add_flag("--no-optimize", lower.no_optimize, "As lowered, without fusion")->group("Network");
  add_precision(app, lower.precision, "Width with --quantized [16]");
  app.footer(
      "Examples:\n  syncopate lower net.onnx\n  syncopate lower net.onnx --quantized -o "
      "net.chain");
}

void add_compile(App& root, CompileArguments& compile) {
  App& app = *root.add_subcommand("compile", "Compile a network for one accelerator");
  add_model(app, compile.model);
  add_machines(app, compile.machines);
  add_input(app, compile.input);
  add_precision(app, compile.precision, "Width of weights and activations [16]");
  app.add_option("-o,--output", compile.output, "Program file")->required()->type_name("FILE.syp");
  app.footer(examples("Example:\n  syncopate compile net.onnx --on {one} -o net.syp"));
}

void add_disasm(App& root, DisasmArguments& disasm) {
  App& app = *root.add_subcommand("disasm", "Show a program's instructions");
  add_model(app, disasm.model);
  add_machines(app, disasm.machines);
  app.get_option("MODEL")->description("Program file (.syp), or a network to compile first");
  app.get_option("--on")->required(false);
  add_input(app, disasm.input);
  add_precision(app, disasm.precision, "Width of weights and activations [16]");
  app.add_flag("--tiles", disasm.tiles, "Also what each tile loads, computes and stores");
  app.footer(examples(
      "Examples:\n  syncopate disasm net.syp\n  syncopate disasm net.onnx --on {one} --tiles"));
}

void add_eval(App& root, EvalArguments& eval) {
  App& app = *root.add_subcommand("eval",
                                  "Score a network on labeled pictures, in float and in fixed "
                                  "point");
  add_model(app, eval.model);
  app.add_option("-d,--data", eval.data,
                 "cifar10, mnist, fashion-mnist, shapes (made here), or a folder of pictures:\n"
                 "test/CLASS/*.png|jpg, CLASS/*, or LABEL_*")
      ->required()
      ->type_name("DATA");
  app.add_option("--data-root", eval.root, "Folder of data sets [$SYNCOPATE_DATA]")
      ->type_name("DIR");
  app.add_option("--label-offset", eval.label_offset,
                 "Output of label 0; 1 where a network has a background class [0]")
      ->type_name("N")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--json", eval.json, "Write the counts as JSON")->type_name("FILE");
  add_normalization(app, eval.normalization);
  add_precision(app, eval.precision, "Width of weights and activations [16]");
  app.footer(
      "Examples:\n  syncopate eval resnet20.onnx --data cifar10 --limit 1000\n"
      "  syncopate eval net.onnx --data pictures/ --normalize caffe --bits 8");
}

void add_tune(App& root, TuneArguments& tune) {
  App& app = *root.add_subcommand("tune", "Search an accelerator's parameters for the least cost");
  add_model(app, tune.model);
  add_machines(app, tune.machines);
  app.add_option("--vary", tune.vary, "A parameter and the values to try; repeat for more")
      ->required()
      ->type_name("KEY=V,V...");
  app.add_option("--objective", tune.objective, "time, energy or edp (energy times time) [edp]")
      ->type_name("WHAT");
  app.add_flag("--any-area", tune.any_area, "Allow settings that need more area than the start");
  app.add_option("--budget", tune.budget, "Most settings to run [100]")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}).description(""));
  app.add_option("--journal", tune.journal, "Keep what was run here, and go on from it")
      ->type_name("FILE");
  add_input(app, tune.input);
  add_precision(app, tune.precision, "Width of weights and activations [16]");
  app.footer(examples(
      "All combinations are run when the budget allows; else one parameter changes at a time.\n"
      "Examples:\n"
      "  syncopate tune net.onnx --on {one} --vary clock_mhz=500,1000 --objective energy\n"
      "  syncopate tune zoo:resnet20 --on {one} --vary clock_mhz=500,1000 --journal search.json"));
}

void add_reproduce(App& root, ReproduceArguments& reproduce) {
  App& app = *root.add_subcommand("reproduce", "Set a paper's figures beside what comes out here");
  app.add_option("PAPER", reproduce.paper, "Which one; without it, those known are listed")
      ->type_name("");
  app.add_option("--json", reproduce.json, "Write the tables as JSON ('-': standard output)")
      ->type_name("FILE");
  app.add_option("--report", reproduce.html, "Write a page with plots")->type_name("FILE.html");
  app.add_option("--data", reproduce.data, "Folder of real networks [$SYNCOPATE_DATA]")
      ->type_name("DIR");
  app.add_option(
         "--networks", reproduce.networks,
         "Folder of networks trained under masks, NAME.magnitude.sync and NAME.balanced.sync")
      ->type_name("DIR");
  app.footer(
      "Examples:\n  syncopate reproduce\n  syncopate reproduce cambricon-s --json tables.json "
      "--report tables.html");
}

void add_dram(App& root, DramArguments& dram) {
  App& app = *root.add_subcommand("dram",
                                  "Measure memory presets: latency and bandwidth by access "
                                  "pattern");
  app.add_option("PRESET", dram.presets, "Presets; without one, all")->type_name("");
  app.footer("Example:\n  syncopate dram ddr4-2400 lpddr4-3200");
}

void add_global(App& app, GlobalOptions& global) {
  app.add_flag("-v,--verbose", global.verbose, "Say more (twice: even more)")->group("General");
  app.add_option("--color", global.color, "auto, always or never [auto]")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""))
      ->group("General");
  app.add_option("--threads", global.threads, "Threads to use [all]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""))
      ->group("General");
}

/// A list option takes one word each time it is given, or it would take what follows it, too.
void take_one_word_each(App& root) {
  for (App* app : root.get_subcommands([](const App*) { return true; })) {
    for (CLI::Option* option : app->get_options()) {
      if (!option->get_positional() && option->get_items_expected_max() > 1) {
        option->allow_extra_args(false);
      }
    }
  }
}

/// Names a user could have meant: long options of the command, or the commands.
std::vector<std::string> known_words(const App& app, bool options) {
  std::vector<std::string> words;
  if (options) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    }
  } else {
    for (const App* command : app.get_subcommands([](const App*) { return true; })) {
      words.push_back(command->get_name());
    }
  }
  return words;
}

/// The command in effect, or the root.
const App& chosen(const App& root) {
  const auto used = root.get_subcommands();
  return used.empty() ? root : *used.front();
}

[[noreturn]] void refuse_word(const App& root, const std::string& word) {
  const App& app = chosen(root);
  const bool option = word.starts_with('-') && word.size() > 1;
  const std::string help =
      &app == &root ? "syncopate --help" : fmt::format("syncopate {} --help", app.get_name());
  const std::string stem = word.substr(0, word.find('='));
  const std::string guess = nearest(stem, known_words(app, option));
  const char* what = option ? "option" : &app == &root ? "command" : "argument";
  if (!guess.empty() && (option || &app == &root)) {
    fail("unknown {} '{}'; did you mean '{}'? (see `{}`)", what, word, guess, help);
  }
  fail("{} {} '{}' (see `{}`)", option || &app == &root ? "unknown" : "unexpected", what, word,
       help);
}

[[noreturn]] void refuse(const App& root, const CLI::ParseError& error) {
  // An unknown word explains a missing one, so it is named first.
  for (const std::string& word : root.remaining(true)) {
    if (word != "--") refuse_word(root, word);
  }
  const App& app = chosen(root);
  const std::string help =
      &app == &root ? "syncopate --help" : fmt::format("syncopate {} --help", app.get_name());
  std::string text = error.what();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  fail("{} (see `{}`)", text, help);
}

std::string joined(int argc, const char* const* argv) {
  std::string line = "syncopate";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool plain =
        !word.empty() && word.find_first_of(" '\"\\$`<>|&;()*?!#~") == std::string::npos;
    line += ' ';
    if (plain) {
      line += word;
    } else {
      line += '\'';
      for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
      line += '\'';
    }
  }
  return line;
}

}  // namespace

Invocation parse(int argc, const char* const* argv, const Training* training) {
  auto arguments = std::make_shared<Arguments>();
  App root(
      "Skip the zeros, keep the beat: runs sparse networks on accelerators, cycle by cycle, and "
      "says where time and energy go.",
      "syncopate");
  root.set_version_flag("--version", kVersion);
  root.get_formatter()->column_width(34);
  root.require_subcommand(1);
  root.fallthrough();
  add_global(root, arguments->global);
  add_run(root, arguments->run);
  add_inspect(root, arguments->inspect);
  add_list(root, arguments->list);
  add_lower(root, arguments->lower);
  add_compile(root, arguments->compile);
  add_disasm(root, arguments->disasm);
  add_prune(root, arguments->prune);
  add_quantize(root, arguments->quantize);
  add_compress(root, arguments->compress);
  add_decompress(root, arguments->decompress);
  add_eval(root, arguments->eval);
  add_train(root, arguments->train);
  add_tune(root, arguments->tune);
  add_reproduce(root, arguments->reproduce);
  add_dram(root, arguments->dram);
  take_one_word_each(root);
  root.footer(examples(
      "Examples:\n  syncopate run net.onnx --on {one} --report out.html\n  syncopate list\n"
      "`syncopate COMMAND --help` says more."));

  Invocation result;
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    result.text = root.help();
    return result;
  } catch (const CLI::CallForAllHelp&) {
    result.text = root.help("", CLI::AppFormatMode::All);
    return result;
  } catch (const CLI::CallForVersion&) {
    result.text = std::string(kVersion) + "\n";
    return result;
  } catch (const CLI::ParseError& error) {
    refuse(root, error);
  }

  result.global = arguments->global;
  const std::string name = chosen(root).get_name();
  const std::string line = joined(argc, argv);
  const bool trains =
      name == "train" || (name == "compress" && !arguments->compress.shrink.data.empty());
  if (trains && training == nullptr) hand_over(argc, argv);
  result.execute = [arguments, name, line, training, trains](Console& console) {
    if (name == "run") run_command(arguments->run, line, console);
    if (name == "inspect") inspect_command(arguments->inspect, console);
    if (name == "list") list_command(arguments->list, console);
    if (name == "lower") lower_command(arguments->lower, console);
    if (name == "compile") compile_command(arguments->compile, console);
    if (name == "disasm") disasm_command(arguments->disasm, console);
    if (name == "prune") prune_command(arguments->prune, console);
    if (name == "quantize") quantize_command(arguments->quantize, console);
    if (name == "compress" && trains) {
      training->compress(arguments->compress, arguments->global.threads, console);
    } else if (name == "compress") {
      compress_command(arguments->compress, console);
    }
    if (name == "decompress") decompress_command(arguments->decompress, console);
    if (name == "eval") eval_command(arguments->eval, console);
    if (name == "train") {
      training->train(arguments->train, arguments->global.threads, console);
    }
    if (name == "tune") tune_command(arguments->tune, console);
    if (name == "reproduce") reproduce_command(arguments->reproduce, console);
    if (name == "dram") dram_command(arguments->dram, console);
  };
  return result;
}

}  // namespace syncopate::cli

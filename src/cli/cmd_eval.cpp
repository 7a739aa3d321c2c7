#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "flow/evaluate.h"

namespace syncopate::cli {
namespace {

std::string as_json(const flow::Evaluation& result, const std::string& data, int bits) {
  const nlohmann::ordered_json json{{"format", "syncopate-eval"},
                                    {"version", 1},
                                    {"data", data},
                                    {"bits", bits},
                                    {"pictures", result.pictures},
                                    {"float_top1", result.float_top1},
                                    {"fixed_top1", result.fixed_top1},
                                    {"float_top5", result.float_top5},
                                    {"fixed_top5", result.fixed_top5},
                                    {"agree", result.agree},
                                    {"snr_db", result.snr_db}};
  return json.dump(1) + "\n";
}

std::string as_text(const flow::Evaluation& result, const std::string& data, int bits) {
  const auto percent = [&](std::int64_t count) {
    return 100.0 * static_cast<double>(count) / static_cast<double>(result.pictures);
  };
  return fmt::format(
      "{}, {} pictures\n"
      "           top-1     top-5\n"
      "float    {:6.2f} %  {:6.2f} %\n"
      "{:2}-bit   {:6.2f} %  {:6.2f} %\n"
      "same answer on {:.2f} %, logits {:.1f} dB above their error\n",
      data, result.pictures, percent(result.float_top1), percent(result.float_top5), bits,
      percent(result.fixed_top1), percent(result.fixed_top5), percent(result.agree), result.snr_db);
}

}  // namespace

void eval_command(const EvalArguments& arguments, Console& console) {
  const Output json("--json", arguments.json);
  const ir::Graph graph = flow::load_model(to_model(arguments.model));
  const data::DataSet set =
      data::load_data(arguments.data, arguments.root, data::Split::test, flow::picture_shape(graph),
                      arguments.normalization.limit);
  flow::EvaluateOptions options;
  options.normalization = flow::normalization(to_input(arguments.normalization), set.channels);
  options.quantize = to_quantize(arguments.precision);
  options.label_offset = arguments.label_offset;

  ProgressBar bar(console.progress_visible());
  const flow::Evaluation result =
      flow::evaluate(graph, set, options, [&](std::int64_t done, std::int64_t total) {
        check_interrupt();
        bar.update("eval", set.name, done, total);
      });
  bar.clear();
  if (json.wanted()) json.write(as_json(result, set.name, arguments.precision.bits), console);
  if (!json.is_stdout()) console.print(as_text(result, set.name, arguments.precision.bits));
}

}  // namespace syncopate::cli

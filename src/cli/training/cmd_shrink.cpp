#include <fmt/format.h>

#include <filesystem>

#include "base/checksum.h"
#include "cli/arguments.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "cli/training/coach.h"
#include "cli/training/commands.h"
#include "cli/training/normalizations.h"
#include "cli/training/progress.h"
#include "cli/training/recipe.h"
#include "flow/evaluate.h"
#include "onnx/export.h"
#include "shrink/outcome.h"
#include "shrink/pipeline.h"

namespace syncopate::cli {
namespace {

CoachOptions to_coach(const ShrinkArguments& arguments, const data::DataSet& set, int threads) {
  CoachOptions options;
  options.platform = to_platform(arguments.device, arguments.precision, threads);
  options.tuning.batch = std::min(arguments.batch, set.count());
  options.tuning.rate = arguments.rate;
  options.tuning.weight_decay = arguments.weight_decay;
  options.tuning.average = arguments.average;
  options.tuning.seed = 1;
  train::Augmentation& augmentation = options.tuning.augmentation;
  augmentation = augmentation_for(arguments.data);
  augmentation.flip = arguments.flip.value_or(augmentation.flip);
  augmentation.crop_pad = arguments.shift.value_or(augmentation.crop_pad);
  augmentation.cutout = arguments.cutout;
  options.scan_pictures = arguments.scan_pictures;
  options.distill = !arguments.no_distillation;
  options.tuning.distillation.once = arguments.teacher_sees == "once";
  if (!arguments.teachers.empty() && arguments.no_distillation) {
    fail("--teacher: there is none with --no-distillation");
  }
  options.teachers = load_teachers(arguments.teachers);
  return options;
}

/// Whose answers are learned from, in words.
std::string taught_by(const ShrinkArguments& from, const CoachOptions& coaching) {
  if (from.no_distillation) return "labels";
  std::string who = "distilled";
  for (const ir::Graph& teacher : coaching.teachers) {
    who += fmt::format(" from {:016x}", base::checksum(onnx::export_bytes(teacher)));
  }
  return from.teacher_sees == "once" ? who + " once" : who;
}

shrink::Options to_options(const CompressArguments& arguments, const CoachOptions& coaching,
                           std::optional<ir::Graph> original) {
  const ShrinkArguments& from = arguments.shrink;
  const train::Augmentation& augmentation = coaching.tuning.augmentation;
  shrink::Options options;
  options.budget = from.budget;
  options.original = std::move(original);
  options.pruning = to_pruning(from.pruning);
  if (from.divide == "lamp") {
    options.pruning.global = true;
    options.pruning.scale = prune::Scale::lamp;
  }
  options.density = from.goal;
  options.step = from.step;
  options.dynamic_epochs = from.dynamic_epochs;
  options.step_epochs = from.step_epochs;
  options.more_epochs = from.more_epochs;
  options.settle_epochs = from.settle_epochs;
  options.zero_rates = from.zero_rates;
  options.zero_epochs = from.zero_epochs;
  options.cluster_epochs = from.cluster_epochs;
  options.book_epochs = from.book_epochs;
  options.conv_bits = from.conv_bits;
  options.fc_bits = from.fc_bits;
  options.rows_per_book = arguments.rows;
  if (!from.rates.empty()) options.rates = from.rates;
  if (arguments.other_bits > 0) options.other_bits = arguments.other_bits;
  options.codebooks = !arguments.output.ends_with(".onnx");
  options.folder = !from.work.empty()         ? from.work
                   : arguments.output.empty() ? arguments.model.model + ".work"
                                              : arguments.output + ".work";
  options.identity = fmt::format(
      "data {}, window {} {}, {}, keep {}, learning rate {}, decay {}, batch {}, flip {} shift {}, "
      "{}, {}, scan {}, limit {}",
      from.data, from.pruning.block, from.pruning.fc_block, from.pruning.criterion,
      fmt::join(from.pruning.keep, " "), from.rate, from.weight_decay, from.batch,
      augmentation.flip, augmentation.crop_pad, from.precision, taught_by(from, coaching),
      from.scan_pictures, from.normalization.limit);
  if (from.average > 0) options.identity += fmt::format(", averaged {}", from.average);
  if (from.cutout > 0) options.identity += fmt::format(", cutout {}", from.cutout);
  return options;
}

std::string line_of(const shrink::Point& point, double dense) {
  return fmt::format("{:<28} {:6.2f} % of weights {:>10} bytes   top-1 {:6.2f} % ({:+.2f}){}",
                     point.name, 100 * point.density, point.bytes, point.accuracy,
                     point.accuracy - dense, point.within ? "" : "   over the budget");
}

}  // namespace

void shrink_command(const CompressArguments& arguments, int threads, Console& console) {
  const ShrinkArguments& from = arguments.shrink;
  const Output output("--output", arguments.output);
  const Output json("--json", arguments.json);
  const Output html("--report", from.html);
  ir::Graph graph = flow::load_model(to_model(arguments.model));
  const auto load = [&](data::Split split) {
    const std::int64_t limit = split == data::Split::train ? from.normalization.limit : 0;
    return data::load_data(from.data, from.root, split, flow::picture_shape(graph), limit);
  };
  const data::DataSet train = load(data::Split::train), test = load(data::Split::test);
  const data::Normalization normalization =
      flow::normalization(to_input(from.normalization), test.channels);

  CoachOptions coaching = to_coach(from, train, threads);
  restore_batch_norms(graph, train, normalization, coaching.platform, console);
  std::optional<ir::Graph> original;
  if (!from.original.empty()) {
    original = flow::load_model(to_model({.model = from.original}));
    if (flow::picture_shape(*original) != flow::picture_shape(graph)) {
      fail("--original {}: looks at other pictures than {}", from.original, arguments.model.model);
    }
    restore_batch_norms(*original, train, normalization, coaching.platform, console);
    if (coaching.distill && coaching.teachers.empty()) coaching.teachers = {*original};
  }
  const shrink::Options options = to_options(arguments, coaching, std::move(original));
  ProgressBar bar(console.progress_visible());
  std::string phase = "tune";
  TrainingCoach coach(
      graph, train, test, normalization, coaching, [&](const train::Progress& progress) {
        if (progress.finished != nullptr) {
          bar.clear();
          console.message(
              fmt::format("{}: {}", phase, epoch_line(*progress.finished, progress.epochs)));
        } else {
          draw(bar, phase, progress);
        }
        return !interrupt_requested();
      });
  double dense = -1;
  shrink::Watch watch;
  watch.progress = [&](const std::string& now, const std::string& detail, std::int64_t done,
                       std::int64_t all) {
    phase = now;
    bar.update(now, detail, done, all);
  };
  watch.measured = [&](const shrink::Point& point) {
    if (dense < 0) dense = point.accuracy;
    bar.clear();
    console.message(line_of(point, dense));
  };
  const shrink::Result result = [&] {
    try {
      return shrink::compress(graph, options, coach, watch);
    } catch (const Interrupted&) {
      throw Interrupted(
          fmt::format("interrupted; the same command goes on from {}", options.folder));
    }
  }();
  bar.clear();
  const report::Outcome outcome = shrink::to_outcome(result, options);
  if (output.wanted() && options.codebooks) {
    output.write({reinterpret_cast<const char*>(result.file.data()), result.file.size()}, console);
  } else if (output.wanted()) {
    output.write(onnx::export_bytes(result.pruned), console);
  }
  if (json.wanted()) json.write(report::to_json(outcome), console);
  if (html.wanted()) html.write(report::to_html(outcome), console);
  if (!output.is_stdout() && !json.is_stdout() && !html.is_stdout()) {
    console.print(report::to_text(outcome, console.style()));
  }
}

}  // namespace syncopate::cli

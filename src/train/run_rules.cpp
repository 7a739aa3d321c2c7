#include "train/run_rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "base/checksum.h"
#include "base/error.h"

namespace syncopate::train {
namespace {

std::string hash_of(std::span<const std::byte> bytes) {
  return fmt::format("{:016x}", base::checksum(bytes));
}

std::string identity_of(const ir::Graph& graph) {
  const std::string text = ir::to_text(graph);
  return hash_of(std::as_bytes(std::span(text)));
}

std::string identity_of(const Constraints& constraints) {
  std::uint64_t all = 0;
  const auto add = [&](std::span<const std::byte> bytes) {
    const std::uint64_t both[] = {all, base::checksum(bytes)};
    all = base::checksum(std::as_bytes(std::span(both)));
  };
  for (const auto& [name, bytes] : constraints.masks) {
    add(std::as_bytes(std::span(name)));
    add(std::as_bytes(std::span(bytes)));
  }
  for (const auto& [name, books] : constraints.codebooks) {
    add(std::as_bytes(std::span(name)));
    add(std::as_bytes(std::span(books.assignment)));
    for (const std::vector<float>& book : books.books) add(std::as_bytes(std::span(book)));
  }
  std::string text = fmt::format("{} masks, {} codebooks, {:016x}", constraints.masks.size(),
                                 constraints.codebooks.size(), all);
  for (const auto& [name, how] : constraints.clusters) {
    text += fmt::format(", {} clustered to {} bits, rows {}, rate {}", name, how.bits,
                        how.rows_per_book, how.rate);
  }
  for (const auto& [name, how] : constraints.dynamic) text += ", dynamic: " + how.text();
  return text;
}

}  // namespace

std::string identity_of(const data::DataSet& set) {
  return fmt::format("{}, {} pictures, {} {}", set.name, set.count(),
                     hash_of(std::as_bytes(std::span(set.pixels))),
                     hash_of(std::as_bytes(std::span(set.labels))));
}

std::map<std::string, std::string> identity_of(const Run& run, const Options& options,
                                               const Constraints& constraints) {
  const auto number = [](auto value) { return fmt::format("{}", value); };
  const Augmentation& a = options.augmentation;
  std::map<std::string, std::string> all{
      {"network and its initial weights", identity_of(run.network)},
      {"pictures to train on", identity_of(run.train)},
      {"pictures to test on", run.test},
      {"constraints", identity_of(constraints)},
      {"precision", run.precision == Precision::bf16 ? "bf16" : "f32"},
      {"epochs", number(options.epochs)},
      {"batch", number(options.batch)},
      {"rate", number(options.rate)},
      {"momentum", fmt::format("{}{}", options.momentum, options.nesterov ? " nesterov" : "")},
      {"weight decay",
       fmt::format("{}{}", options.weight_decay, options.decay_all ? " of all" : "")},
      {"warm-up", number(options.warmup_epochs)},
      {"schedule", number(static_cast<int>(options.schedule))},
      {"label smoothing", number(options.label_smoothing)},
      {"momentum of statistics", number(options.statistics_momentum)},
      {"clipping", number(options.clip_gradient)},
      {"averaged share", number(options.average)},
      {"rate of codebooks", number(options.codebook_rate)},
      {"steps between clusterings", number(options.cluster_every)},
      {"choice of masks",
       fmt::format("every {} steps of {}", options.choose_every, options.choose_share)},
      {"augmentation", fmt::format("flip {}, shift {}, cutout {}", a.flip, a.crop_pad, a.cutout)},
      {"seed", number(options.seed)}};
  std::string how = fmt::format("scale {}, bgr {}", run.normalization.scale, run.normalization.bgr);
  for (const double mean : run.normalization.mean) how += fmt::format(", mean {}", mean);
  for (const double deviation : run.normalization.deviation)
    how += fmt::format(", std {}", deviation);
  all["normalization"] = how;
  const Distillation& d = options.distillation;
  std::string teachers;
  for (const ir::Graph* teacher : d.teachers) teachers += identity_of(*teacher) + ", ";
  all["teacher"] = teachers.empty() ? "none"
                                    : fmt::format("{}weight {}, temperature {}{}", teachers,
                                                  d.weight, d.temperature, d.once ? ", once" : "");
  return all;
}

void check_options(const Options& options, std::int64_t pictures) {
  const auto require = [](bool holds, std::string_view what) {
    if (!holds) fail("training: {}", what);
  };
  require(pictures > 0, "there are no pictures to train on");
  require(options.epochs >= 0, "epochs must be at least 0");
  require(options.batch >= 1, "the batch must hold at least 1 picture");
  require(options.rate > 0 && std::isfinite(options.rate), "the rate must be above 0");
  require(options.momentum >= 0 && options.momentum < 1, "momentum must be in [0, 1)");
  require(options.weight_decay >= 0, "weight decay must be at least 0");
  require(options.warmup_epochs >= 0, "warm-up must be at least 0 epochs");
  require(options.label_smoothing >= 0 && options.label_smoothing < 1,
          "label smoothing must be in [0, 1)");
  require(options.augmentation.crop_pad >= 0 && options.augmentation.cutout >= 0,
          "shifts and cutout must be at least 0 pixels");
  require(options.average >= 0 && options.average < 1, "the averaged share must be in [0, 1)");
  require(options.distillation.temperature > 0, "the temperature must be above 0");
  require(options.distillation.weight >= 0 && options.distillation.weight <= 1,
          "the weight of distillation must be in [0, 1]");
  require(options.cluster_every >= 1, "there must be at least 1 step between clusterings");
  require(options.choose_every >= 1, "there must be at least 1 step between choices of masks");
  require(options.choose_share >= 0 && options.choose_share <= 1,
          "the share of steps that masks are chosen in must be in [0, 1]");
  require(options.report_every >= 1 && options.test_every >= 1,
          "reports and tests come every 1 batch or epoch at the most");
}

std::int64_t averaged_steps(const Options& options, std::int64_t steps) {
  return static_cast<std::int64_t>(std::ceil(options.average * static_cast<double>(steps)));
}

std::int64_t choosing_steps(const Options& options, std::int64_t steps) {
  return std::min(static_cast<std::int64_t>(options.choose_share * static_cast<double>(steps)),
                  steps - averaged_steps(options, steps));
}

double rate_at(const Options& options, std::int64_t step, std::int64_t steps_per_epoch) {
  const double total = static_cast<double>(options.epochs * steps_per_epoch);
  const double warmup =
      std::min(options.warmup_epochs * static_cast<double>(steps_per_epoch), total);
  const auto at = static_cast<double>(step);
  if (at < warmup) return options.rate * (at + 1) / (warmup + 1);
  const double share =
      std::min(total > warmup ? (at - warmup) / (total - warmup) : 1, 1 - options.average);
  switch (options.schedule) {
    case Schedule::cosine:
      return options.rate * 0.5 * (1 + std::cos(std::numbers::pi * share));
    case Schedule::steps:
      return options.rate * (share < 0.5 ? 1 : share < 0.75 ? 0.1 : 0.01);
    case Schedule::constant:
      break;
  }
  return options.rate;
}

}  // namespace syncopate::train

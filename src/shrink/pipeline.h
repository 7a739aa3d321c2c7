#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/model_file.h"
#include "prune/options.h"
#include "shrink/coach.h"

// The software half of Cambricon-S as one pipeline (notes, section 3): prune step by step with
// tuning in between, quantize locally and retrain the codebooks, code what is left; all under a
// budget of accuracy. Its first half alone, with balanced kernels, is the training of Sense (notes,
// section 5.1).

namespace syncopate::shrink {

/// What to do, and at what cost.
struct Options {
  double budget = 0.5;  ///< Points of top-1 on the test pictures that may be lost in all.
  /// What the given network was pruned from, when it was: the budget is counted from here.
  std::optional<ir::Graph> original;
  /// Method and windows. Densities are found here: by scans, or with `global` by one threshold.
  prune::Options pruning;
  double density = 0;  ///< Of all weights after the last step; 0: as low as the budget allows.
  /// Pruning in one training of so many epochs instead of by steps: see
  /// train::Constraints::dynamic. Needs a density.
  int dynamic_epochs = 0;
  double step = 0.7;       ///< A step's density over that before it.
  int step_epochs = 2;     ///< Tuning after a step.
  int more_epochs = 6;     ///< Tuning again where that was too little.
  int settle_epochs = 10;  ///< Tuning when the last step is done.
  /// Then, in turn: weights that codebooks of a rate would make zero go, and the others are tuned.
  /// Rates above those of the codebooks leave fewer weights that may be stored more finely.
  std::vector<double> zero_rates;
  int zero_epochs = 10;    ///< Tuning after each of these.
  int cluster_epochs = 0;  ///< Tuning of weights that are clustered again and again.
  int book_epochs = 3;     ///< Tuning of codebooks; assignments stay.
  /// A step scans every layer at these shares of its density.
  std::vector<double> factors{0.85, 0.7, 0.55, 0.4, 0.25, 0.12};
  int conv_bits = 8;               ///< Most bits of an index [public: summaries of Cambricon-S].
  int fc_bits = 4;                 ///< Likewise.
  std::int64_t rows_per_book = 0;  ///< See codec::CodebookOptions.
  /// Tried in turn until the budget holds; see codec::CodebookOptions::rate.
  std::vector<double> rates{0.2, 0.1, 0.05, 0.025, 0.0125};
  int other_bits = 16;    ///< See codec::CompressOptions.
  bool codebooks = true;  ///< False: pruned and tuned only; Result::file stays empty.
  std::string folder;     ///< Where work is kept, so that it can go on.
  std::string identity;   ///< What the work depends on besides these options and the network.
};

/// A network that was measured on the way.
struct Point {
  std::string name;        ///< E.g. "pruned to 35.0 %".
  double density = 1;      ///< Of the weights of prunable layers.
  std::int64_t bytes = 0;  ///< Float32 with the best index; with codebooks, of the coded file.
  double accuracy = 0;     ///< Top-1, percent.
  int epochs = 0;          ///< Tuned for, since the point before.
  bool within = true;      ///< The budget holds.
};

/// Size and accuracy after a stage of the paper's pipeline.
struct Stage {
  std::string name;
  std::int64_t bytes = 0;
  double accuracy = 0;
};

/// What came out.
struct Result {
  std::string network;
  double dense_accuracy = 0;
  bool within_budget = true;
  std::vector<Stage> stages;  ///< Dense, pruned with index; quantized, Huffman, context mixing.
  std::vector<Point> points;  ///< In the order they were measured.
  codec::CompressReport sizes;
  codec::Bytes file;  ///< The container.
  ir::Graph pruned;   ///< What the second stage is about: pruned and tuned, values in float32.
  /// Density of each layer in the end, in the network's order.
  std::vector<std::pair<std::string, double>> densities;
};

/// How a run tells what it does.
struct Watch {
  std::function<void(const std::string& phase, const std::string& detail, std::int64_t done,
                     std::int64_t all)>
      progress;
  std::function<void(const Point& point)> measured;
};

/// Runs the pipeline. What is zero in `network` stays so. InputError for impossible options, a
/// network without weights, or a folder that keeps another run.
Result compress(const ir::Graph& network, const Options& options, Coach& coach, const Watch& watch);

}  // namespace syncopate::shrink

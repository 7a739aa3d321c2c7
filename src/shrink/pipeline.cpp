#include "shrink/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/checksum.h"
#include "base/error.h"
#include "codec/tensor_coder.h"
#include "onnx/export.h"
#include "prune/prune.h"
#include "shrink/allocate.h"
#include "shrink/journal.h"

namespace syncopate::shrink {
namespace {

void check(const Options& options) {
  const auto expect = [](bool holds, std::string_view what) {
    if (!holds) fail("compress: {}", what);
  };
  expect(options.budget >= 0 && options.budget <= 100, "the budget is in points, 0 to 100");
  expect(options.density >= 0 && options.density < 1, "the density goal is 0 to below 1");
  expect(options.step > 0 && options.step < 1, "a step is a factor between 0 and 1");
  expect(!options.rates.empty(), "at least one rate is needed");
  expect(options.dynamic_epochs == 0 || options.density > 0,
         "masks that are chosen again and again need a density to end at");
  expect(std::min({options.dynamic_epochs, options.step_epochs, options.more_epochs,
                   options.settle_epochs, options.zero_epochs, options.cluster_epochs,
                   options.book_epochs}) >= 0,
         "epochs are at least 0");
}

/// What changes the result, in words.
std::string identity_of(const ir::Graph& network, const Options& o) {
  return fmt::format(
      "network {:016x}{}, budget {}, {} density {} step {}, epochs {} {} {} {}, bits {} {}, rows "
      "{}, "
      "rates {}, other {}, {}{}{}{}{}{}",
      base::checksum(onnx::export_bytes(network)),
      o.original ? fmt::format(" of {:016x}", base::checksum(onnx::export_bytes(*o.original))) : "",
      o.budget, prune::name_of(o.pruning.method), o.density, o.step, o.step_epochs, o.more_epochs,
      o.settle_epochs, o.book_epochs, o.conv_bits, o.fc_bits, o.rows_per_book,
      fmt::join(o.rates, " "), o.other_bits, o.codebooks ? "" : "no codebooks, ",
      o.dynamic_epochs > 0 ? fmt::format("dynamic {}, ", o.dynamic_epochs) : "",
      o.pruning.global
          ? fmt::format("one threshold of scale {}, ", static_cast<int>(o.pruning.scale))
          : "",
      o.cluster_epochs > 0 ? fmt::format("clustered {}, ", o.cluster_epochs) : "",
      o.zero_rates.empty()
          ? ""
          : fmt::format("zeros of {} for {}, ", fmt::join(o.zero_rates, " "), o.zero_epochs),
      o.identity);
}

/// Shares of non-zero weights, layer by layer, and of all.
struct Densities {
  std::vector<std::pair<std::string, double>> layers;
  double all = 1;
};

Densities densities_of(const ir::Graph& graph, const prune::Options& how) {
  Densities result;
  double kept = 0, weights = 0;
  for (const prune::Layer& layer : prune::chosen_layers(graph, how)) {
    const std::span<const float> values = graph.value(layer.weights.value).constant->data<float>();
    const auto zeros = static_cast<double>(std::count(values.begin(), values.end(), 0.0F));
    const auto size = static_cast<double>(values.size());
    result.layers.emplace_back(layer.node, 1 - zeros / size);
    kept += size - zeros;
    weights += size;
  }
  result.all = kept / weights;
  return result;
}

/// Masks of what is zero; none while nothing is, so that dense layers stay free.
prune::Masks masks_of(const ir::Graph& graph, const prune::Options& how) {
  prune::Masks masks;
  for (const prune::Layer& layer : prune::chosen_layers(graph, how)) {
    prune::Mask mask = prune::mask_of(*graph.value(layer.weights.value).constant);
    if (std::find(mask.begin(), mask.end(), 0) != mask.end()) masks[layer.value] = std::move(mask);
  }
  return masks;
}

codec::Bytes container_of(const ir::Graph& graph, const codec::CompressOptions& options,
                          codec::CompressReport& report) {
  codec::Bytes bytes;
  codec::SyncWriter writer([&](std::span<const std::byte> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
  });
  report = codec::write_model(graph, options, writer);
  writer.finish();
  report.file = static_cast<std::int64_t>(bytes.size());
  return bytes;
}

/// All tensors at a stage, and float32 for what stays in the structure.
std::int64_t total(const codec::CompressReport& sizes, std::int64_t codec::StageSizes::* stage) {
  std::int64_t bytes = 4 * sizes.small_elements;
  for (const codec::StageSizes& tensor : sizes.tensors) bytes += tensor.*stage;
  return bytes;
}

class Pipeline {
 public:
  Pipeline(const ir::Graph& network, const Options& options, Coach& coach, const Watch& watch)
      : options_(options),
        coach_(coach),
        watch_(watch),
        journal_(options.folder, identity_of(network, options)) {
    result_.network = network.name;
    dense_ = journal_.state("dense", [&] {
      say("scoring the dense network");
      const ir::Graph& dense = options.original ? *options.original : network;
      return State{dense, coach_.accuracy(dense, Pictures::test)};
    });
    result_.dense_accuracy = dense_.accuracy;
    measured("dense", dense_, 0);
    begin_ = dense_;
    if (!options.original) return;
    begin_ = journal_.state("given", [&] {
      say("scoring the given network");
      return State{network, coach_.accuracy(network, Pictures::test)};
    });
    measured("given", begin_, 0);
  }

  Result run() {
    std::vector<State> pruned = prune_down();
    State settled = finished(pruned);
    State last = settled;
    if (options_.codebooks) {
      // Pruned as far as possible, a network may not survive quantization: then the step before.
      std::optional<State> quantized;
      while (!(quantized = quantize(settled, pruned.size() - 1,
                                    pruned.size() == 1 || options_.density > 0))) {
        pruned.pop_back();
        settled = finished(pruned);
      }
      last = std::move(*quantized);
    }
    add_pruned(settled);
    if (options_.codebooks) add_coded(last);
    result_.densities = densities_of(last.graph, options_.pruning).layers;
    result_.within_budget = within(last);
    result_.pruned = std::move(settled.graph);
    return std::move(result_);
  }

 private:
  void say(const std::string& phase) {
    if (watch_.progress) watch_.progress(phase, "", 0, 0);
  }
  bool within(const State& state) const {
    return state.accuracy >= dense_.accuracy - options_.budget - 1e-9;
  }
  /// Books a network whose values are still float32.
  void measured(std::string name, const State& state, int epochs) {
    codec::CompressReport report;
    Point point{
        std::move(name), densities_of(state.graph, options_.pruning).all, 0, state.accuracy, epochs,
        within(state)};
    codec::CompressReport sizes;
    container_of(state.graph, {.mode = codec::Mode::fast}, sizes);
    point.bytes = total(sizes, &codec::StageSizes::pruned);
    if (watch_.measured) watch_.measured(point);
    result_.points.push_back(std::move(point));
  }

  State tuned(const std::string& name, ir::Graph graph, const Constraints& constraints, int epochs,
              double rate) {
    return journal_.state(name, [&] {
      if (epochs > 0) {
        say(name);
        coach_.tune(graph, constraints, epochs, rate, journal_.path(name + ".checkpoint"));
      }
      const double accuracy = coach_.accuracy(graph, Pictures::test);
      return State{std::move(graph), accuracy};
    });
  }

  /// States of falling density, that of the beginning first; all others within the budget unless a
  /// density was asked for.
  std::vector<State> prune_down() {
    std::vector<State> states{begin_};
    if (options_.dynamic_epochs > 0) {
      states.push_back(pruned_dynamically(begin_));
      return states;
    }
    double density = densities_of(begin_.graph, options_.pruning).all;
    const double goal = std::max(options_.density, 1e-4);
    while (density > goal * 1.01) {
      density = std::max(goal, density * options_.step);
      const std::string name = fmt::format("prune-{}", states.size());
      const State& before = states.back();
      const prune::Masks older = masks_of(before.graph, options_.pruning);
      prune::Options how = options_.pruning;
      how.layer_density = divided(name, before.graph, older, options_.factors, density);
      how.global = false;
      Constraints constraints{.masks = prune::make_masks(before.graph, how, &older)};
      ir::Graph graph = before.graph;
      prune::apply(graph, constraints.masks);
      const double reached = densities_of(graph, options_.pruning).all;
      if (reached > 0.99 * densities_of(before.graph, options_.pruning).all) break;  // no less
      density = std::min(density, reached);
      State state = tuned(name, std::move(graph), constraints, options_.step_epochs, 1);
      const std::string words = fmt::format("pruned to {:.1f} %", 100 * reached);
      measured(words, state, options_.step_epochs);
      if (!within(state) && options_.more_epochs > 0) {
        state = tuned(name + "-more", std::move(state.graph), constraints, options_.more_epochs, 1);
        measured(words, state, options_.more_epochs);
      }
      if (!within(state) && options_.density == 0) break;
      states.push_back(std::move(state));
    }
    return states;
  }

  /// A density of all weights, divided among layers by one threshold or by what a scan says.
  std::map<std::string, double> divided(const std::string& name, const ir::Graph& graph,
                                        const prune::Masks& older,
                                        const std::vector<double>& factors, double density) {
    if (options_.pruning.global) {
      prune::Options how = options_.pruning;
      how.density = density;
      return prune::layer_densities(graph, how, &older);
    }
    const auto progress = [&](const std::string& node, std::size_t done, std::size_t all) {
      if (!watch_.progress) return;
      watch_.progress(name + ": scan", node, static_cast<std::int64_t>(done),
                      static_cast<std::int64_t>(all));
    };
    return journal_.numbers(name, [&] {
      return allocate(scan(graph, older, options_.pruning, factors, coach_, progress), density);
    });
  }

  /// All the way in one training, in which weights that went may come back.
  State pruned_dynamically(const State& before) {
    const prune::Masks older = masks_of(before.graph, options_.pruning);
    const double share = options_.density / densities_of(before.graph, options_.pruning).all;
    if (share > 0.99) return before;
    std::vector<double> factors = options_.factors;
    const double deeper = std::max(1.0, std::log(share) / std::log(kScannedStep));
    for (double& factor : factors) factor = std::pow(factor, deeper);
    const std::map<std::string, double> goals =
        divided("dynamic", before.graph, older, factors, options_.density);
    Constraints constraints{.masks = older};
    for (const prune::Layer& layer : prune::chosen_layers(before.graph, options_.pruning)) {
      prune::DynamicMask mask{layer, options_.pruning, 1, goals.at(layer.node), {}};
      if (const auto found = older.find(layer.value); found != older.end()) {
        mask.older = found->second;
        const auto kept = static_cast<double>(std::ranges::count(mask.older, 1));
        mask.first = kept / static_cast<double>(mask.older.size());
      }
      constraints.dynamic.emplace(layer.value, std::move(mask));
    }
    State state = tuned("dynamic", before.graph, constraints, options_.dynamic_epochs, 1);
    const double reached = densities_of(state.graph, options_.pruning).all;
    measured(fmt::format("pruned to {:.1f} %", 100 * reached), state, options_.dynamic_epochs);
    return state;
  }

  /// The last of these states, settled and without the zeros of rates.
  State finished(const std::vector<State>& pruned) {
    const std::size_t step = pruned.size() - 1;
    return without_zeros(settle(pruned.back(), step), step);
  }

  State settle(const State& pruned, std::size_t step) {
    const bool dense = step == 0 && !options_.original;
    if (options_.settle_epochs == 0 || dense) return pruned;
    State state =
        tuned(fmt::format("settle-{}", step), pruned.graph,
              {.masks = masks_of(pruned.graph, options_.pruning)}, options_.settle_epochs, 1);
    measured("settled", state, options_.settle_epochs);
    return state.accuracy >= pruned.accuracy ? state : pruned;
  }

  /// As many of the rates as stay within the budget; all when a density was asked for.
  State without_zeros(State state, std::size_t step) {
    for (std::size_t i = 0; i < options_.zero_rates.size(); ++i) {
      const std::string name = fmt::format("zeros-{}-{}", step, i + 1);
      State less = without_zeros_of(options_.zero_rates[i], state, name, options_.zero_epochs);
      if (!within(less) && options_.density == 0) break;
      state = std::move(less);
    }
    return state;
  }

  /// Where codebooks of a rate make small weights zero, the others are tuned to make up for these.
  State without_zeros_of(double rate, const State& state, const std::string& name, int epochs) {
    const prune::Masks masks = masks_of(clustered(state.graph, rate), options_.pruning);
    if (masks == masks_of(state.graph, options_.pruning)) return state;
    ir::Graph graph = state.graph;
    prune::apply(graph, masks);
    State result = tuned(name, std::move(graph), {.masks = masks}, epochs, 1);
    measured(fmt::format("zeros of rate {}", rate), result, epochs);
    return result;
  }

  /// The coarsest codebooks within the budget; none when there are none, unless `insist`.
  std::optional<State> quantize(const State& pruned, std::size_t step, bool insist) {
    for (const double rate : options_.rates) {
      const std::string name = fmt::format("books-{}-{}", step, rate);
      ir::Graph graph;
      if (options_.cluster_epochs > 0) {
        graph = tuned_to_clusters(pruned, rate, name);
      } else {
        State state = without_zeros_of(rate, pruned, name + "-zeros", options_.more_epochs);
        graph = clustered(std::move(state.graph), rate);
      }
      Constraints constraints{.masks = masks_of(graph, options_.pruning),
                              .books = read_books(graph)};
      State tuned_state =
          tuned(name, std::move(graph), constraints, options_.book_epochs, kBookRate);
      constraints.books = read_books(tuned_state.graph);
      for (auto& [value, books] : constraints.books) {
        codec::round_entries(books, options_.other_bits);
        ir::Value& weights = tuned_state.graph.value(tuned_state.graph.find(value));
        weights.constant = codec::expand(books);
      }
      codec::CompressReport report;
      codec::Bytes file = coded(tuned_state.graph, constraints.books, codec::Mode::max, report);
      const State stored = journal_.state(name + "-stored", [&] {
        ir::Graph back = codec::read_model(codec::SyncReader(file, "the coded network"));
        const double accuracy = coach_.accuracy(back, Pictures::test);
        return State{std::move(back), accuracy};
      });
      measured(fmt::format("codebooks, rate {}", rate), stored, options_.book_epochs);
      result_.points.back().bytes = static_cast<std::int64_t>(file.size());
      if (within(stored) || (insist && rate == options_.rates.back())) {
        books_ = std::move(constraints.books);
        result_.sizes = std::move(report);
        result_.file = std::move(file);
        return stored;
      }
    }
    return std::nullopt;
  }

  /// Weights find the entries that suit the network while they are trained.
  ir::Graph tuned_to_clusters(const State& pruned, double rate, const std::string& name) {
    Constraints constraints{.masks = masks_of(pruned.graph, options_.pruning)};
    for (const prune::Layer& layer : prune::prunable_layers(pruned.graph)) {
      constraints.clusters.emplace(layer.value, books_of(layer, rate));
    }
    State state = tuned(name + "-clustered", pruned.graph, constraints, options_.cluster_epochs,
                        kClusterRate);
    measured(fmt::format("clustered, rate {}", rate), state, options_.cluster_epochs);
    return std::move(state.graph);
  }

  codec::CodebookOptions books_of(const prune::Layer& layer, double rate) const {
    const int bits = layer.weights.fully_connected ? options_.fc_bits : options_.conv_bits;
    return {bits, options_.rows_per_book, rate};
  }

  /// The codebooks of a network that is clustered.
  std::map<std::string, codec::Codebooks> read_books(const ir::Graph& graph) const {
    std::map<std::string, codec::Codebooks> books;
    for (const prune::Layer& layer : prune::prunable_layers(graph)) {
      books.emplace(layer.value, codec::read_codebooks(*graph.value(layer.weights.value).constant,
                                                       options_.rows_per_book));
    }
    return books;
  }

  /// The graph with every layer clustered.
  ir::Graph clustered(ir::Graph graph, double rate) const {
    for (const prune::Layer& layer : prune::prunable_layers(graph)) {
      std::optional<Tensor>& weights = graph.value(layer.weights.value).constant;
      weights = codec::expand(codec::cluster(*weights, books_of(layer, rate)));
    }
    return graph;
  }

  codec::Bytes coded(const ir::Graph& graph, const std::map<std::string, codec::Codebooks>& books,
                     codec::Mode mode, codec::CompressReport& report) const {
    codec::CompressOptions how;
    how.mode = mode;
    how.books = books;
    how.other_bits = options_.other_bits;
    return container_of(graph, how, report);
  }

  void add_pruned(const State& pruned) {
    codec::CompressReport sizes;
    container_of(pruned.graph, {.mode = codec::Mode::fast}, sizes);
    result_.stages = {
        {"dense, float32", total(sizes, &codec::StageSizes::dense), dense_.accuracy},
        {"pruned, with index", total(sizes, &codec::StageSizes::pruned), pruned.accuracy}};
    if (!options_.codebooks) result_.sizes = std::move(sizes);
  }

  void add_coded(const State& stored) {
    codec::CompressReport sizes;
    codec::Bytes huffman = coded(stored.graph, books_, codec::Mode::huffman, sizes);
    const std::int64_t halves =
        (32 - options_.other_bits) * sizes.small_elements / 8;  // of biases and the like
    result_.stages.push_back({"codebooks, with index",
                              total(sizes, &codec::StageSizes::quantized) - halves,
                              stored.accuracy});
    result_.stages.push_back(
        {"Huffman", static_cast<std::int64_t>(huffman.size()), stored.accuracy});
    result_.stages.push_back(
        {"context mixing", static_cast<std::int64_t>(result_.file.size()), stored.accuracy});
  }

  /// How far Options::factors reach: a step to less of the density is scanned at their powers
  /// [assumed].
  static constexpr double kScannedStep = 0.3;
  /// Entries of codebooks move together, so they need less than single weights [assumed].
  static constexpr double kBookRate = 0.25;
  /// Weights that move fast change their entries all the time. ResNet-20 at the full rate of 0.05,
  /// with codebooks of rate 0.14, fell to 27 % in the first epoch [assumed].
  static constexpr double kClusterRate = 0.5;

  const Options& options_;
  Coach& coach_;
  const Watch& watch_;
  Journal journal_;
  State dense_, begin_;
  std::map<std::string, codec::Codebooks> books_;
  Result result_;
};

}  // namespace

Result compress(const ir::Graph& network, const Options& options, Coach& coach,
                const Watch& watch) {
  check(options);
  return Pipeline(network, options, coach, watch).run();
}

}  // namespace syncopate::shrink

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The choice of unrolling factors for a whole network, on plain lists of layers.

namespace syncopate::accel::flexflow {

/// Factors of one side of a layer: <Tm, Tr, Tc> of its outputs or <Tn, Ti, Tj> of its inputs.
/// The chaining rule makes the first of a layer the second of the next [public: study notes].
struct Side {
  std::int64_t maps = 1, rows = 1, cols = 1;
  std::int64_t product() const { return maps * rows * cols; }
  bool operator==(const Side&) const = default;
  auto operator<=>(const Side&) const = default;
};

/// <Tm, Tn, Tr, Tc, Ti, Tj>: outputs in parallel are rows of the array, inputs are columns.
struct Factors {
  Side out;  ///< Tm output maps, Tr x Tc output neurons.
  Side in;   ///< Tn input maps, Ti x Tj synapses.
  bool operator==(const Factors&) const = default;
};
/// "<16,3,1,1,1,5>" in the order Tm, Tn, Tr, Tc, Ti, Tj of the paper.
std::string to_text(const Factors& factors);

/// A layer as the chooser sees it: M outs, N ins, S = rows x cols outputs per map, K = kernel_rows
/// x kernel_cols.
struct Layer {
  std::int64_t outs = 1, ins = 1;
  std::int64_t rows = 1, cols = 1;
  std::int64_t kernel_rows = 1, kernel_cols = 1;
  std::int64_t repeats = 1;  ///< How often the nest runs: batch, groups, a third dimension.
  /// Index of the layer that makes (most of) the inputs; -1: the network's input.
  int producer = -1;
  /// Cycles that one output takes under <Tn, Ti, Tj>, when not every pair costs a cycle; empty: the
  /// dense window.
  std::function<double(const Side&)> window_cycles;

  std::int64_t macs() const {
    return repeats * outs * ins * rows * cols * kernel_rows * kernel_cols;
  }
};

/// What the chooser minimizes over the network.
enum class Objective : std::uint8_t {
  cycles,
  energy,  ///< On-chip data movement in the relative costs of rivals.md section 3.
  edp      ///< Product of the two.
};
/// "cycles", "energy" or "edp"; InternalError otherwise.
Objective objective_from(std::string_view name);

struct ChooserOptions {
  std::int64_t array = 16;  ///< D: the array has D x D PEs.
  /// <Tm, Tr, Tc> of a layer = <Tn, Ti, Tj> of every layer that it produces inputs for; without,
  /// each layer is optimized alone.
  bool chained = true;
  /// Windows are packed jointly over a row: an upper bound that ignores where neurons lie
  /// (flexflow.md 4.4).
  bool packed = false;
  Objective objective = Objective::cycles;
  std::int64_t store_words = 128;  ///< Of a PE's local stores, for the energy of partial sums.
};

/// Cycles without fill: ceil(M/Tm)ceil(N/Tn)ceil(S/Tr)ceil(S/Tc)ceil(K/Ti)ceil(K/Tj) (section 4.1).
std::int64_t dense_cycles(const Layer& layer, const Factors& factors);
/// Cycles of the packed-row bound: ceil(N*K*K/D) for each group of outputs.
std::int64_t packed_cycles(const Layer& layer, const Side& out, std::int64_t array);
/// The constraints of section 4.1, Eqs. 1-3, but for Tr, Tc <= P*K', which chaining implies.
bool feasible(const Layer& layer, const Factors& factors, std::int64_t array);

/// Factors of every layer, in order; producers come before their readers (InternalError
/// otherwise). Dynamic programming over the tree that `producer` spans: the state of a layer is its
/// <Tn, Ti, Tj>. Ties go to the largest Tm, then the smallest Tr, then the largest Tc; on the input
/// side of a layer without a producer to the largest Tj, then the largest Tn, then the smallest Ti.
/// `edp` takes the best of the points found by making the product linear again and again.
std::vector<Factors> choose_factors(std::span<const Layer> layers, const ChooserOptions& options);

}  // namespace syncopate::accel::flexflow

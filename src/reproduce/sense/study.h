#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "reproduce/paper.h"
#include "reproduce/real_networks.h"
#include "reproduce/simulate.h"
#include "reproduce/structures.h"

namespace syncopate::reproduce::sense {

inline constexpr double kPeakOps = 409.6e9;  ///< [paper], operations a second.
inline constexpr double kWatts = 11.2;       ///< [paper], of the first version.
/// Memory of all machines [assumed]: DDR4-2400's bandwidth without latency.
inline constexpr const char* kMemory = "ideal-19.2";
inline constexpr double kDramEnergy = 20;  ///< pJ/bit [assumed].

/// How a PE finds its pairs, which is not published: both are run.
inline constexpr std::array<const char*, 2> kReadings{"cartesian", "match"};

/// What the later versions publish of a network [paper; derived]; null for others.
struct Published {
  const char* network;
  double images;  ///< A second.
  double x_peak;  ///< Dense-equivalent operations over the peak.
};
const Published* published(const std::string& network);

/// What the Eyeriss chip was measured to move per image of a batch [recalled, high], and what 1.9
/// to 2.6 times less is [derived].
struct Chip {
  const char* network;
  int batch;
  double megabytes, least, most;
};
const std::vector<Chip>& chips();

/// A network pruned in one of the structures, with the input to run and others to order channels
/// by; none where the structure is not there.
struct Pruned {
  ir::Graph graph;
  std::vector<Tensor> inputs;
  std::vector<std::vector<Tensor>> others;
};
struct Workload {
  std::string network;
  std::string densities;  ///< Of the weights, in words.
  bool synthetic = false;
  bool published = false;  ///< Its figures stand beside the later versions'.
  bool first = false;      ///< Its weights are those of the first version: 1/2.
  bool rivals = true;
  Structure balanced = Structure::balanced;  ///< Which balanced weights Sense gets.
  /// With that share of the weights in every layer, where one is given.
  std::function<std::optional<Pruned>(Structure, std::optional<double> weights)> make;
};

/// What a machine took.
struct Costs {
  Cost conv, weighted, all;  ///< Convolutions; with fully connected layers; everything.
  Cost inner;                ///< Convolutions but the first.
};
using Found = std::optional<Costs>;

/// Cells of the ablation: kernels pruned by magnitude or balanced, channels as they come or
/// rearranged offline.
inline constexpr std::size_t kNone = 0, kRearranged = 1, kBalanced = 2, kBoth = 3;

/// One reading of Sense on a network. All but the ablation: balanced and rearranged.
struct Reading {
  std::array<Found, 4> ablation;  ///< Adaptive dataflow; kBoth is Sense.
  Found runtime;                  ///< Balanced, rearranged at run time instead of offline.
  Found grouped;                  ///< Balanced, channels grouped offline for the array's passes.
  Found ifm_first, weight_first;  ///< Fixed dataflows.
  Found first;                    ///< `preset=v1`.
  Found idle;                     ///< `spare_rows=idle`: rows without a channel have no work.
  Found vectors;                  ///< Kernels of one weight balanced in what a PE holds of them.
  const Costs& sense() const { return *ablation[kBoth]; }
};
/// Sense with buffers of so many KiB for input maps, weights and sums each, and an eighth of it for
/// bitmaps.
struct Buffers {
  int kilobytes = 0;
  Found adaptive, ifm_first, weight_first, first;
};
/// Densities of the convolutions that were run, each weighted by its pairs.
struct Densities {
  std::string structure;
  double weights = 1, inputs = 1;
};
struct Case {
  std::string network, densities;
  bool synthetic = false, published = false, first = false;
  std::array<Reading, kReadings.size()> readings;
  Found swallow, fesa, spots, systolic, eyeriss;
  /// Other readings of what is not known: blocks of 8 maps between barriers, patterns of 4 of 9
  /// positions whatever the density, positions left out only where weights and neurons are zero.
  Found swallow_small, fesa_fixed, spots_both;
  std::vector<Buffers> buffers;
  std::vector<Densities> run;
};
Case run_case(const Workload& workload, const Watch& watch);

/// AlexNet, VGG-16, ResNet-50 and GoogLeNet with made-up weights.
std::vector<Workload> synthetic_workloads();
/// Trained networks of the data folder, pruned here in one shot.
std::vector<Workload> real_workloads(const std::string& data, std::vector<std::string>& missing);
/// Pairs NAME.magnitude.* and NAME.balanced.* (.sync or .onnx) of a folder: trained under their
/// masks, run as they are.
std::vector<Workload> trained_workloads(const std::string& data, const std::string& folder,
                                        std::vector<std::string>& missing);

/// The notes' experiment on one layer (256 channels of densities from Beta(2, 2), 256 kernels of
/// 3 x 3): utilization in the order of the ablation.
struct OneLayer {
  std::string weights;
  std::array<double, 4> utilization{};
};
/// With four weights in every kernel, and with five and four in turn.
std::vector<OneLayer> one_layer_cases(const Watch& watch);

/// The network of current frameworks: one tower, no normalization across channels.
ir::Graph one_tower_alexnet();

/// Of the machine's parameters.
double peak_gops();
ResultTable peak_table();
ResultTable rate_table(const std::vector<Case>& cases);
ResultTable energy_table(const std::vector<Case>& cases);
ResultTable speed_table(const std::vector<Case>& cases);
ResultTable first_version_table(const std::vector<Case>& cases);
ResultTable dataflow_table(const std::vector<Case>& cases);
ResultTable buffer_table(const std::vector<Case>& cases);
ResultTable eyeriss_table(const std::vector<Case>& cases);
/// Where the array's time goes.
ResultTable cause_table(const std::vector<Case>& cases);
/// Every published figure, what comes out here, and whether it holds.
ResultTable verdict_table(const std::vector<Case>& cases, const std::vector<OneLayer>& layers);
ResultTable ablation_table(const std::vector<Case>& cases, const std::vector<OneLayer>& layers);
ResultTable density_table(const std::vector<Case>& cases);
Plot rate_plot(const std::vector<Case>& cases);
Plot speed_plot(const std::vector<Case>& cases);
Plot ablation_plot(const std::vector<Case>& cases, const std::vector<OneLayer>& layers);

/// "vgg16, Han 2015 (synthetic)".
std::string name_of(const Case& one);
/// Images a second, and dense-equivalent operations over the peak.
double images(const Cost& cost);
double x_peak(const Cost& cost);

}  // namespace syncopate::reproduce::sense

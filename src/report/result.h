#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/spec.h"
#include "cost/area.h"
#include "cost/energy.h"
#include "cost/fpga.h"
#include "sim/check.h"
#include "sim/stats.h"

// What a run found out, as plain values: no printing, no pointers into the pipeline. Printers for
// terminals, JSON, CSV and HTML stand beside this file.

namespace syncopate::report {

/// What a GCONV is, the same for every machine. Densities are averages over all inputs.
struct NetworkLayer {
  std::string name;           ///< GConv::name.
  std::string layer;          ///< The network node it came from.
  std::string kind;           ///< "conv 3x3", "fc", "pool 2x2", "elementwise", ...
  std::string shape;          ///< Of the output, e.g. "1x64x56x56".
  std::int64_t pairs = 0;     ///< Operand pairs of one inference, zeros and padding included.
  std::int64_t weights = 0;   ///< Number of constant operands; 0 when there are none.
  double weight_density = 1;  ///< Fraction of weights that are not zero.
  double input_density = 1;   ///< Fraction of inputs that are not zero.
};

/// One GCONV on one machine, summed over all inputs.
struct LayerResult {
  sim::Stats stats;
  std::vector<cost::Part> energy;   ///< By component.
  std::int64_t compute_cycles = 0;  ///< Array busy.
  std::int64_t memory_cycles = 0;   ///< DMA busy.
  std::int64_t tiles = 0;
  std::int64_t checked_tiles = 0;    ///< Replayed in the clocked engine, every count equal.
  std::int64_t checked_sums = 0;     ///< Partial sums compared with a plain evaluation.
  std::int64_t checked_outputs = 0;  ///< Results compared with the fixed-point chain's.
};

/// One machine, summed over all inputs.
struct MachineResult {
  arch::Spec spec;
  std::string dram;                 ///< Memory preset used.
  double dram_gbps = 0;             ///< Its peak bandwidth, 10^9 bytes/s; 0 when unknown.
  std::vector<LayerResult> layers;  ///< One per RunResult::layers.
  LayerResult total;
  std::vector<cost::AreaPart> area;  ///< By component; empty when it is not modelled.
  std::vector<cost::FpgaPart> fpga;  ///< By component; empty likewise.
  std::int64_t program_instructions = 0;
  std::int64_t image_bytes = 0;  ///< Weights in the machine's own format.
  double compile_seconds = 0, count_seconds = 0, check_seconds = 0;  ///< Of this program, measured.

  /// Machine time of one inference, in seconds.
  double seconds_per_input(std::int64_t inputs) const;
  /// Multiplications of non-zero operands over all multiplier-cycles, 0 to 1.
  double utilization() const;
  double energy_pj(bool with_dram) const;
  /// Useful work per energy: 2 operations per *required* pair, as papers count dense operations,
  /// in 10^12 operations per joule.
  double tops_per_watt(bool with_dram) const;
};

/// One class of a network's answer.
struct Guess {
  std::int64_t index = 0;
  double value = 0;
  std::string label;  ///< Empty when no labels were given.
};

/// The float network's answer beside the fixed-point one, for one input.
struct Answer {
  std::string input;
  std::vector<Guess> floating, fixed;  ///< Best five, best first; empty unless a vector of scores.
  double max_error = 0;                ///< Largest |fixed - float| over the first output.
  double relative_error =
      0;  ///< Root of sum of squares of the error over that of the float output.
  bool same_top1 = true;
};

struct Phase {
  std::string name;  ///< "import", "quantize", ...
  double seconds = 0;
};

struct RunResult {
  std::string command;     ///< As typed, for the record; may be empty.
  std::string model;       ///< Network name.
  std::string source;      ///< File or generator.
  bool synthetic = false;  ///< Weights or activations are made up.
  int weight_bits = 16, activation_bits = 16;
  std::string input_description;
  bool procedural_input = false;
  std::int64_t inputs = 0;  ///< Inferences all statistics are summed over.
  sim::CheckMode check = sim::CheckMode::sample;
  std::uint64_t seed = 1;
  std::vector<NetworkLayer> layers;
  std::vector<MachineResult> machines;
  std::vector<Answer> answers;  ///< One per input.
  std::vector<Phase> phases;
  std::int64_t peak_memory_bytes = 0;

  double fraction_same_top1() const;
};

/// Sums parts by component, keeping first-seen order.
void add_energy(std::vector<cost::Part>& total, const std::vector<cost::Part>& parts);
/// Adds everything a LayerResult counts.
void add(LayerResult& total, const LayerResult& part);
/// Ratio of time per input, `base` over `machine`: above 1, `machine` is faster.
double speedup(const MachineResult& machine, const MachineResult& base);

}  // namespace syncopate::report

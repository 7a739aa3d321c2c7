#include "accel/spots/config.h"

#include <algorithm>
#include <numeric>

#include "array/neurons.h"
#include "base/error.h"

namespace syncopate::accel::spots {
namespace {

constexpr std::int64_t kBlock = array::NeuronFormat{}.block;

std::vector<arch::Action> actions(const arch::Spec& spec, const Config& config) {
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = spec.buffer_bytes("NBin");
  shape.neuron_row = config.columns;
  shape.synapse_bytes = spec.buffer_bytes("SB");
  shape.synapse_row = config.rows;
  shape.sum_bytes = spec.buffer_bytes("NBout");
  shape.sum_row = config.columns;
  shape.index_bytes = spec.buffer_bytes("SB") / spec.word_bits;  // A bit per weight that fits.
  shape.index_row_bits = 64;
  std::vector<arch::Action> result = array::array_actions(shape);
  result.push_back({"im2col", "im2col", arch::ActionKind::register_access, spec.word_bits, 0});
  return result;
}

}  // namespace

Config::Config(const arch::Spec& spec)
    : rows(spec.integer("rows")),
      columns(spec.integer("columns")),
      max_pieces(spec.integer("pieces")),
      skip(spec.param("skip") == "either" ? Skip::either : Skip::both),
      fill_cycles(spec.integer("fill_cycles")) {}

std::int64_t Config::pieces(std::int64_t outs) const {
  std::int64_t best = 1, least = INT64_MAX;
  for (std::int64_t pieces = 1; pieces <= max_pieces; pieces *= 2) {
    const std::int64_t height = rows / pieces;
    const std::int64_t padded = array::ceil_div(outs, height) * height;
    if (padded < least) {
      least = padded;
      best = pieces;
    }
  }
  return best;
}

map::Grain Config::grain(const map::Loops& loops) const {
  if (loops.kind != map::WorkKind::conv) return {rows, kBlock, {1, 1, 1}};
  // Lines whose pixels fill the columns of all pieces.
  const std::int64_t width = loops.out[2], pixels = columns * pieces(loops.outs);
  return {height(loops.outs), kBlock, {1, pixels / std::gcd(width, pixels), width}};
}

array::ArrayShape Config::shape() const {
  array::ArrayShape shape;
  shape.multipliers = pes();
  shape.step = {rows, 1, {1, 1, columns}};
  shape.neuron_row = shape.sum_row = {1, 1, {1, 1, columns}};
  return shape;
}

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "spots");
  arch::Spec spec;
  spec.machine = "spots";
  spec.description =
      "SPOTS (TACO 2022): im2col and matrix product, skips weight columns and "
      "neuron rows of zeros";
  const std::int64_t rows =
      read.integer("rows", 128, "rows of PEs, a filter each [paper]", 16, 4096);
  const std::int64_t columns = read.integer(
      "columns", 8, "columns of PEs, a pixel each; 4 published [paper], 8 to compare [assumed]", 1,
      4096);
  const std::int64_t pieces = read.integer(
      "pieces", 4, "pieces of fewer rows that the array splits into; a power of two [paper]", 1,
      64);
  if ((pieces & (pieces - 1)) != 0 || rows % (pieces * kBlock) != 0) {
    fail(
        "spots: rows={} do not split into pieces={} of a multiple of {}; choose a power of two "
        "that does",
        rows, pieces, kBlock);
  }
  spec.lanes = static_cast<int>(rows);
  spec.multipliers_per_lane = static_cast<int>(columns);
  spec.word_bits = 16;  // [paper]
  spec.node_nm = 45;    // [recalled, med]
  spec.clock_mhz =
      read.integer("clock_mhz", 200,
                   "clock, MHz; 500 published [recalled, med], 200 to compare [assumed]", 1, 10000);
  constexpr std::string_view kBuffer = "bytes, as the machines it is compared with [assumed]";
  const auto buffer = [&](const char* name, std::string_view of) {
    return arch::Buffer{
        name, read.integer(name, 262144, std::string(of) + std::string(kBuffer), 1024, 1 << 28)};
  };
  spec.buffers = {buffer("NBin", "input neurons, "), buffer("NBout", "partial sums, "),
                  buffer("SB", "weights, ")};
  spec.dram = read.text("dram", "ideal-19.2", "DRAM preset [assumed]");
  read.choice("skip", "either",
              "positions left out: where a weight column or a neuron row is all zero [paper: "
              "Sense], or only where both are, as the paper's text can be read",
              {"either", "both"});
  read.integer("fill_cycles", 134,
               "cycles until the first result of a layer leaves the array: rows and columns of PEs "
               "less 2 [derived]",
               0, 100000);
  spec.params = read.finish();
  spec.actions = actions(spec, Config(spec));
  return spec;
}

}  // namespace syncopate::accel::spots

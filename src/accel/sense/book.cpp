#include <algorithm>
#include <bit>

#include "accel/sense/engine.h"
#include "array/actions.h"

namespace syncopate::accel::sense {

using array::Act;
using array::ceil_div;
using array::tally;
using sim::Cause;

namespace {

constexpr std::int64_t kBitmapRow = 16;  ///< Bits of a bitmap read at a time [assumed].

}  // namespace

void Pass::join(std::int64_t units, std::int64_t tile_outputs, std::int64_t inputs) {
  rows += units;
  outputs += tile_outputs;
  row_outputs += units * tile_outputs;
  bitmap_rows += channels * ceil_div(inputs, kBitmapRow);
}

void book_pass(const Config& config, const Pass& pass, sim::Stats& stats) {
  const std::int64_t present = pass.rows * pass.columns;
  // A pass without any product still takes a cycle of control.
  const std::int64_t cycles = std::max<std::int64_t>(1, pass.slowest);
  const std::int64_t stream = config.row_words == 0 ? 0 : ceil_div(pass.longest, config.row_words);
  const std::int64_t waiting = std::max<std::int64_t>(0, stream - cycles);
  const std::int64_t fill = config.pipelined ? 0 : config.fill();
  stats.cycles += cycles + waiting + fill;
  stats[Cause::underfill] += pass.products + (cycles + waiting) * (config.pes() - present);
  stats[Cause::imbalance] += pass.slowest * present - pass.products;
  stats[Cause::index] += (cycles - pass.slowest) * present;
  stats[Cause::fill] += waiting * present + fill * config.pes();
  tally(stats, Act::multiply, pass.products);
  tally(stats, kCoordinate, pass.products);
  tally(stats, Act::neuron_read, pass.values);
  tally(stats, Act::synapse_read, pass.weights);
  tally(stats, kHop, pass.values * pass.columns + pass.weights * pass.rows);
  tally(stats, Act::index_read,
        pass.bitmap_rows + pass.channels * pass.columns * ceil_div(pass.kernel, kBitmapRow));
  tally(stats, Act::add, pass.row_outputs * pass.columns);  // Down the columns.
  if (pass.first) return;
  tally(stats, Act::sum_read, pass.outputs);
  tally(stats, Act::sum_write, pass.outputs);
}

void book_needed(std::int64_t pairs, sim::Stats& stats) {
  stats.pairs_issued += pairs;
  stats[Cause::work] += pairs;
  stats[Cause::underfill] -= pairs;
  tally(stats, Act::add, pairs);
  tally(stats, kSumRead, pairs);
  tally(stats, kSumWrite, pairs);
}

void book_sort(const Config& config, const map::TileBox& box, sim::Stats& stats) {
  if (!config.sorted || !box.load_neurons) return;
  const std::int64_t channels = box.in1 - box.in0;
  tally(stats, kChannelCount, channels);
  tally(stats, kSort, channels * std::bit_width(static_cast<std::uint64_t>(channels)));
  if (config.sort_hidden) return;
  stats.cycles += channels;
  stats[Cause::fill] += channels * config.pes();
}

}  // namespace syncopate::accel::sense

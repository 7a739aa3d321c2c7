#include "accel/flexflow/book.h"

#include <algorithm>

#include "array/actions.h"
#include "array/program.h"

namespace syncopate::accel::flexflow {

using array::Act;
using array::ceil_div;
using array::tally;

Words::Words(const Config& config, const Mapping& mapping, const map::TileBox& box,
             std::int64_t nonzero)
    : config_(config),
      mapping_(mapping),
      steps_(mapping.steps(box)),
      nonzero_(nonzero),
      positions_(box.pixels() * (box.in1 - box.in0) * mapping.loops().kernel_size()) {}

/// Words that are not zero, of so many.
std::int64_t Words::values(std::int64_t words) const {
  return config_.compress ? ceil_div(words * nonzero_, positions_) : words;
}

/// Neurons that enter a column for steps [begin, end): the first window, then what slides in.
std::int64_t Words::window_words(std::int64_t ins, std::int64_t begin, std::int64_t end) const {
  const std::int64_t fresh = mapping_.fresh_words(ins);
  return (end - begin) * fresh + (begin == 0 ? mapping_.slots(ins) - fresh : 0);
}

bool Words::streams(std::int64_t ins) const {
  const std::int64_t groups = ceil_div(ins, mapping_.setup().factors.in.maps);
  return groups * mapping_.loops().kernel_size() > config_.store_words / 2;
}

PassWords Words::pass(std::int64_t ins, std::int64_t outs, std::int64_t nonzero) const {
  const std::int64_t neurons = window_words(ins, 0, steps_);
  const std::int64_t synapses = outs * ins * mapping_.loops().kernel_size();
  const std::int64_t times = streams(ins) ? ceil_div(steps_, mapping_.setup().segment_steps) : 1;
  if (!config_.compress) return {neurons, 0, synapses * times, 0};
  return {values(neurons), ceil_div(neurons, kWordBits), nonzero * times,
          ceil_div(synapses, kWordBits) * times};
}

std::int64_t Words::segment(std::int64_t ins, std::int64_t outs, std::int64_t nonzero,
                            std::int64_t begin, std::int64_t end) const {
  const std::int64_t dense = window_words(ins, begin, end);
  std::int64_t column = values(dense), row = 0;
  if (begin == 0 || streams(ins)) {
    row = ins * mapping_.loops().kernel_size();
    if (config_.compress) row = ceil_div(nonzero, outs) + ceil_div(row, kWordBits);
  }
  if (config_.compress) column += ceil_div(dense, kWordBits);
  return std::max(column, row);
}

void book_work(const Config& config, const LayerProgram& layer, const TileWork& work,
               sim::Stats& stats) {
  __extension__ using Wide = __int128;
  const std::int64_t pes = config.array * config.array;
  const std::int64_t filling = work.refilling * pes;
  const std::int64_t waiting = work.cycles * pes - filling - work.busy;
  std::int64_t underfill = waiting;
  if (layer.skip != Skip::none) {
    const auto share = static_cast<Wide>((work.cycles - work.refilling) * pes) *
                       (work.places - work.used) / work.places;
    underfill = std::min(waiting, static_cast<std::int64_t>(share));
  }
  stats.cycles += work.cycles;
  stats.pairs_issued += work.issued;
  stats[sim::Cause::work] += work.issued;
  stats[sim::Cause::index] += work.busy - work.issued;
  stats[sim::Cause::fill] += filling;
  stats[sim::Cause::underfill] += underfill;
  stats[sim::Cause::imbalance] += waiting - underfill;
}

void book_pass(const Config& config, const Mapping& mapping, const PassWords& words,
               std::int64_t ins, sim::Stats& stats) {
  const Factors& f = mapping.setup().factors;
  tally(stats, Act::neuron_read, words.neurons);
  tally(stats, Act::synapse_read, ceil_div(words.synapses, config.array));
  tally(stats, Act::index_read, words.neuron_bits + ceil_div(words.synapse_bits, config.array));
  // A neuron reaches all rows of its column, a synapse all PEs of its group.
  const std::int64_t group = f.out.rows * f.out.cols * f.in.rows * f.in.cols;
  tally(stats, OwnAct::store_write,
        words.neurons * mapping.columns(ins) * mapping.rows() + words.synapses * group);
}

void book_tile(const Config& config, const Mapping& mapping, const map::TileBox& box,
               const TileWork& work, std::int64_t passes, sim::Stats& stats) {
  const std::int64_t outs = box.out1 - box.out0;
  const std::int64_t columns = mapping.columns(std::min(box.in1 - box.in0, mapping.pass_ins()));
  const std::int64_t adds = work.issued + box.pixels() * outs * passes * (columns - 1);
  tally(stats, Act::multiply, work.issued);
  tally(stats, Act::add, adds);
  tally(stats, OwnAct::store_read, 2 * work.issued);
  const auto share = [&](std::int64_t times) { return times * config.overhead_percent / 100; };
  tally(stats, OwnAct::overhead_multiply, share(work.issued));
  tally(stats, OwnAct::overhead_add, share(adds));
  tally(stats, OwnAct::overhead_store, share(2 * work.issued));
  const std::int64_t rows = box.pixels() * ceil_div(outs, config.array);
  tally(stats, Act::sum_write, (passes - 1) * rows);
  tally(stats, Act::sum_read, (passes - 1) * rows);
  if (config.fill == Fill::none || !array::first_of_layer(box)) return;
  std::int64_t fill = config.reduction_cycles;
  if (config.fill == Fill::layer) {
    fill += mapping.slots(std::min(box.in1 - box.in0, mapping.pass_ins()));
  }
  stats.cycles += fill;
  stats[sim::Cause::fill] += fill * config.array * config.array;
}

}  // namespace syncopate::accel::flexflow

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "accel/flexflow/book.h"
#include "accel/flexflow/control.h"
#include "accel/flexflow/engine.h"
#include "accel/flexflow/format.h"
#include "array/actions.h"
#include "base/error.h"

namespace syncopate::accel::flexflow {
namespace {

using array::ceil_div;

/// One turn of the loops over output blocks and passes.
struct Pass {
  std::int64_t out0 = 0, outs = 0;  ///< Within the tile.
  std::int64_t in0 = 0, ins = 0;    ///< Places in the order of columns, within the tile.
  std::int64_t weights = 0;         ///< Non-zero ones.
};

/// An output step of the whole array, numbered through all passes.
struct Step {
  std::size_t pass = 0;
  std::int64_t segment = 0;
  bool first_of_pass = false;
  std::int64_t t = 0, y = 0, x = 0;  ///< First pixel of the block, within the tile.
};

/// Steps [.., end) belong to segments up to this one; its operands take `words` on the buses.
struct SegmentEnd {
  std::int64_t end = 0, words = 0;
};

/// A cycle of a PE: a pair to multiply, or a look at slices without one.
struct Beat {
  bool pair = false;
  std::int16_t neuron = 0, synapse = 0;
};

struct Pe {
  explicit Pe(const Control& c) : control(c) {}
  Control control;
  std::int64_t done = 0;                            ///< Steps finished.
  std::size_t pass = static_cast<std::size_t>(-1);  ///< Of the output at work.
  bool busy = false;
  std::vector<Beat> beats;  ///< Of the output at work.
  std::size_t next = 0;
  std::int64_t sum = 0;
  std::deque<std::int64_t> finished;  ///< Partial sums that wait for the row's reduction.
};

struct Row {
  std::vector<Pe> pes;
  std::int64_t reduced = 0;         ///< Steps that have left the row.
  std::int64_t last_reduction = 0;  ///< Time.
};

/// The array at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, std::span<std::int64_t> sums);
  void run();
  void book(sim::Stats& stats) const;

 private:
  void load_operands();
  void plan_steps();
  void plan_segments();
  bool settle();
  bool settle_bus();
  bool settle_row(std::size_t index);
  bool settle_pe(std::size_t row, std::size_t column);
  void cycle();
  void begin(Pe& pe, std::size_t column, std::int64_t step, std::int64_t m, std::int64_t pixel);
  void add_slots(Pe& pe, std::size_t column, const Pass& pass, std::int64_t m, std::int64_t pixel);
  void add_slot(Pe& pe, const Pass& pass, std::int64_t slot, std::int64_t n, std::int64_t tap,
                std::int64_t m, std::int64_t pixel);
  void pad_to(Pe& pe, std::int64_t beats) const;
  void end_slices(Pe& pe, std::int64_t slot);
  void reduce(Row& row, std::int64_t m, std::int64_t pixel);
  bool output_of(std::size_t row, std::int64_t step, std::int64_t& m, std::int64_t& pixel) const;
  bool open(std::int64_t segment) const;
  bool room(std::int64_t segment) const;
  std::int64_t slice_slots() const { return layer_.slices * 16; }  ///< Scanned per cycle.

  const Config& config_;
  const array::ConvTile& tile_;
  const map::Loops& loops_;
  const map::TileBox& box_;
  LayerProgram layer_;
  Mapping mapping_;
  std::span<std::int64_t> sums_;
  std::vector<std::int16_t> weights_;   ///< [output][tap][input]
  std::vector<std::int16_t> neurons_;   ///< [pixel][tap][input]
  std::vector<std::int32_t> input_at_;  ///< Input in a place of the columns' order.
  std::vector<Pass> passes_;
  std::vector<Step> steps_;
  std::vector<SegmentEnd> segments_;
  std::vector<Row> rows_;
  std::int64_t time_ = 0;
  std::int64_t through_ = 0;               ///< Steps that all rows have finished.
  std::int64_t filled_ = 0, arrived_ = 0;  ///< Segments on chip; words of the next one.
  std::int64_t nonzero_ = 0, issued_ = 0, effectual_ = 0, busy_ = 0, refilling_ = 0;
  std::int64_t slices_from_ = 0;  ///< First slot of the slices being scanned,
  std::size_t slices_beats_ = 0;  ///< and the beats before them.
};

Datapath::Datapath(const Config& config, const array::ConvTile& tile, std::span<std::int64_t> sums)
    : config_(config),
      tile_(tile),
      loops_(tile.layer.loops),
      box_(tile.box),
      layer_(decode(tile.layer, config.array)),
      mapping_(loops_, layer_.setup, config.array),
      sums_(sums) {
  load_operands();
  plan_steps();
  plan_segments();
  const Side& in = layer_.setup.factors.in;
  const std::int64_t group = in.rows * in.cols;
  rows_.resize(static_cast<std::size_t>(mapping_.rows()));
  for (Row& row : rows_) {
    for (std::int64_t c = 0; c < config.array; ++c) {
      row.pes.emplace_back(Control(mapping_, c % group / in.cols, c % in.cols));
    }
  }
}

void Datapath::load_operands() {
  const std::int64_t ins = box_.in1 - box_.in0, outs = box_.out1 - box_.out0;
  const std::int64_t positions = tile_.patches.positions();
  weights_ = decode_synapses(tile_.synapses, tile_.index, outs * positions);
  neurons_.resize(static_cast<std::size_t>(box_.pixels() * positions));
  for (std::int64_t p = 0; p < box_.pixels(); ++p) {
    tile_.patches.values(p, std::span(neurons_).subspan(static_cast<std::size_t>(p * positions),
                                                        static_cast<std::size_t>(positions)));
  }
  for (const std::int16_t x : neurons_) nonzero_ += x != 0;
  ChannelOrder order = decode_order(tile_.table);
  if (!layer_.balanced) order = plain_order(loops_);
  input_at_.resize(static_cast<std::size_t>(ins));
  for (std::int64_t n = 0; n < ins; ++n) {
    const std::int32_t place =
        order[static_cast<std::size_t>(box_.group * loops_.ins + box_.in0 + n)];
    input_at_[static_cast<std::size_t>(place - box_.in0)] = static_cast<std::int32_t>(n);
  }
}

void Datapath::plan_steps() {
  const Side& out = layer_.setup.factors.out;
  const std::int64_t ins = box_.in1 - box_.in0, outs = box_.out1 - box_.out0;
  const std::int64_t height = box_.end[1] - box_.begin[1], width = box_.end[2] - box_.begin[2];
  for (std::int64_t m = 0; m < outs; m += out.maps) {
    for (std::int64_t n = 0; n < ins; n += mapping_.pass_ins()) {
      passes_.push_back(
          {m, std::min(out.maps, outs - m), n, std::min(mapping_.pass_ins(), ins - n), 0});
      bool first = true;
      for (std::int64_t t = 0; t < box_.end[0] - box_.begin[0]; ++t) {
        for (std::int64_t y = 0; y < height; y += out.rows) {
          for (std::int64_t x = 0; x < width; x += out.cols) {
            steps_.push_back({passes_.size() - 1, 0, first, t, y, x});
            first = false;
          }
        }
      }
    }
  }
  const std::int64_t positions = tile_.patches.positions();
  for (Pass& pass : passes_) {
    for (std::int64_t m = pass.out0; m < pass.out0 + pass.outs; ++m) {
      for (std::int64_t n = pass.in0; n < pass.in0 + pass.ins; ++n) {
        for (std::int64_t tap = 0; tap < loops_.kernel_size(); ++tap) {
          pass.weights +=
              weights_[static_cast<std::size_t>(m * positions + tap * ins +
                                                input_at_[static_cast<std::size_t>(n)])] != 0;
        }
      }
    }
  }
}

void Datapath::plan_segments() {
  const Words words(config_, mapping_, box_, nonzero_);
  std::int64_t begin = 0;  // Of the pass.
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    const auto at = static_cast<std::int64_t>(i);
    if (step.first_of_pass) begin = at;
    const std::int64_t in_pass = at - begin;
    if (in_pass % layer_.setup.segment_steps == 0) {
      const Pass& pass = passes_[step.pass];
      const std::int64_t last =
          std::min(mapping_.steps(box_), in_pass + layer_.setup.segment_steps);
      segments_.push_back(
          {begin + last, words.segment(pass.ins, pass.outs, pass.weights, in_pass, last)});
    }
    step.segment = static_cast<std::int64_t>(segments_.size()) - 1;
  }
}

/// The output that a row computes in a step: map and pixel within the tile; false when none.
bool Datapath::output_of(std::size_t row, std::int64_t step, std::int64_t& m,
                         std::int64_t& pixel) const {
  const Step& s = steps_[static_cast<std::size_t>(step)];
  const Pass& pass = passes_[s.pass];
  const Side& out = layer_.setup.factors.out;
  const auto r = static_cast<std::int64_t>(row);
  // Residues of maps and coordinates say which row an output belongs to; find it among the block's.
  m = pass.out0 + r / (out.rows * out.cols);
  if (m >= pass.out0 + pass.outs) return false;
  const auto in_block = [](std::int64_t begin, std::int64_t residue, std::int64_t factor) {
    return ((residue - begin) % factor + factor) % factor;
  };
  const std::int64_t y = s.y + in_block(box_.begin[1] + s.y, r / out.cols % out.rows, out.rows);
  const std::int64_t x = s.x + in_block(box_.begin[2] + s.x, r % out.cols, out.cols);
  const std::int64_t height = box_.end[1] - box_.begin[1], width = box_.end[2] - box_.begin[2];
  pixel = (s.t * height + y) * width + x;
  return y < height && x < width;
}

/// Whether a half of the local stores is free for a segment.
bool Datapath::room(std::int64_t segment) const {
  const std::int64_t before = segment - (config_.refill == Refill::barrier ? 1 : 2);
  if (config_.refill == Refill::free || before < 0) return true;
  return through_ >= segments_[static_cast<std::size_t>(before)].end;
}

/// Whether the operands of a segment are in the local stores.
bool Datapath::open(std::int64_t segment) const {
  return config_.fill == Fill::bus ? segment < filled_ : room(segment);
}

/// The buses bring one segment after another, a word of each line per cycle.
bool Datapath::settle_bus() {
  bool changed = false;
  while (filled_ < static_cast<std::int64_t>(segments_.size()) &&
         arrived_ == segments_[static_cast<std::size_t>(filled_)].words) {
    ++filled_;
    arrived_ = 0;
    changed = true;
  }
  return changed;
}

/// Everything that happens between two cycles; repeated until nothing does.
bool Datapath::settle() {
  bool changed = settle_bus();
  std::int64_t through = static_cast<std::int64_t>(steps_.size());
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    changed = settle_row(r) || changed;
    through = std::min(through, rows_[r].reduced);
  }
  through_ = through;
  return changed;
}

bool Datapath::settle_row(std::size_t index) {
  Row& row = rows_[index];
  bool changed = false;
  for (bool again = true; again;) {
    again = false;
    for (std::size_t c = 0; c < row.pes.size(); ++c) again = settle_pe(index, c) || again;
    while (row.reduced < static_cast<std::int64_t>(steps_.size())) {
      std::int64_t m = 0, pixel = 0;
      if (output_of(index, row.reduced, m, pixel)) {
        if (time_ <= row.last_reduction) break;  // One reduction per cycle.
        const bool ready = std::all_of(row.pes.begin(), row.pes.end(),
                                       [&](const Pe& pe) { return pe.done > row.reduced; });
        if (!ready) break;
        reduce(row, m, pixel);
      }
      ++row.reduced;
      again = true;
    }
    changed = changed || again;
  }
  return changed;
}

void Datapath::reduce(Row& row, std::int64_t m, std::int64_t pixel) {
  std::int64_t& sum = sums_[static_cast<std::size_t>(pixel * (box_.out1 - box_.out0) + m)];
  for (Pe& pe : row.pes) {
    sum += pe.finished.front();
    pe.finished.pop_front();
  }
  row.last_reduction = time_;
}

/// Ends the output at work when its pairs are done, and begins the next when it may.
bool Datapath::settle_pe(std::size_t row, std::size_t column) {
  Pe& pe = rows_[row].pes[column];
  bool changed = false;
  for (;;) {
    if (pe.busy) {
      if (pe.next < pe.beats.size()) return changed;
      pe.finished.push_back(pe.sum);
      pe.busy = false;
      ++pe.done;
      changed = true;
    }
    if (pe.done == static_cast<std::int64_t>(steps_.size())) return changed;
    const Step& step = steps_[static_cast<std::size_t>(pe.done)];
    std::int64_t m = 0, pixel = 0;
    if (!output_of(row, pe.done, m, pixel)) {
      ++pe.done;
      changed = true;
      continue;
    }
    if (layer_.slack != 0 && rows_[row].reduced <= pe.done - layer_.slack) return changed;
    if (!open(step.segment)) return changed;
    begin(pe, column, pe.done, m, pixel);
  }
}

/// Looks the pairs of an output up in the local stores.
void Datapath::begin(Pe& pe, std::size_t column, std::int64_t step, std::int64_t m,
                     std::int64_t pixel) {
  const Step& s = steps_[static_cast<std::size_t>(step)];
  const Pass& pass = passes_[s.pass];
  pe.busy = true;
  pe.next = 0;
  pe.sum = 0;
  pe.beats.clear();
  const auto c = static_cast<std::int64_t>(column);
  if (c >= mapping_.columns(pass.ins)) return;
  if (s.pass != pe.pass) pe.control.restart();
  pe.pass = s.pass;
  slices_from_ = 0;
  slices_beats_ = 0;
  add_slots(pe, column, pass, m, pixel);
  end_slices(pe, ceil_div(mapping_.slots(pass.ins), slice_slots()) * slice_slots());
  pad_to(pe, layer_.skip == Skip::none ? mapping_.slots(pass.ins) : layer_.n_min);
}

void Datapath::add_slots(Pe& pe, std::size_t column, const Pass& pass, std::int64_t m,
                         std::int64_t pixel) {
  const auto c = static_cast<std::int64_t>(column);
  const std::int64_t slots = mapping_.slots(pass.ins);
  if (layer_.setup.packed) {
    for (std::int64_t slot = 0; slot < slots; ++slot) {
      const std::int64_t position = slot * config_.array + c;
      if (position >= pass.ins * loops_.kernel_size()) return;
      add_slot(pe, pass, slot, position % pass.ins, position / pass.ins, m, pixel);
    }
    return;
  }
  const Side& in = layer_.setup.factors.in;
  const std::int64_t height = box_.end[1] - box_.begin[1], width = box_.end[2] - box_.begin[2];
  pe.control.move(box_.begin[1] + pixel / width % height, box_.begin[2] + pixel % width);
  std::int64_t slot = 0;
  for (std::int64_t t = 0; t < loops_.kernel[0]; ++t) {
    for (std::int64_t ii = 0; ii < ceil_div(loops_.kernel[1], in.rows); ++ii) {
      for (std::int64_t jj = 0; jj < ceil_div(loops_.kernel[2], in.cols); ++jj) {
        const std::int64_t i = pe.control.kernel_row() + ii * in.rows;
        const std::int64_t j = pe.control.kernel_col() + jj * in.cols;
        const bool inside = i < loops_.kernel[1] && j < loops_.kernel[2];
        const std::int64_t tap = (t * loops_.kernel[1] + i) * loops_.kernel[2] + j;
        for (std::int64_t n = c / (in.rows * in.cols); n < ceil_div(pass.ins, in.maps) * in.maps;
             n += in.maps, ++slot) {
          if (inside && n < pass.ins) add_slot(pe, pass, slot, n, tap, m, pixel);
        }
      }
    }
  }
}

/// One pair of the window, in place `n` of the pass; left out when it is a bubble.
void Datapath::add_slot(Pe& pe, const Pass& pass, std::int64_t slot, std::int64_t n,
                        std::int64_t tap, std::int64_t m, std::int64_t pixel) {
  const std::int64_t positions = tile_.patches.positions(), ins = box_.in1 - box_.in0;
  const std::int64_t at = tap * ins + input_at_[static_cast<std::size_t>(pass.in0 + n)];
  const std::int16_t x = neurons_[static_cast<std::size_t>(pixel * positions + at)];
  const std::int16_t w = weights_[static_cast<std::size_t>(m * positions + at)];
  const bool no_synapse = layer_.skip == Skip::synapse || layer_.skip == Skip::both;
  const bool no_neuron = layer_.skip == Skip::neuron || layer_.skip == Skip::both;
  if ((no_synapse && w == 0) || (no_neuron && x == 0)) return;
  end_slices(pe, slot);
  pe.beats.push_back({true, x, w});
}

/// Fewer than four slices scanned at a time: each such group takes a cycle even without a pair.
void Datapath::end_slices(Pe& pe, std::int64_t slot) {
  if (layer_.skip == Skip::none || layer_.slices == 4) return;
  for (; slices_from_ + slice_slots() <= slot; slices_from_ += slice_slots()) {
    pad_to(pe, static_cast<std::int64_t>(slices_beats_) + 1);
    slices_beats_ = pe.beats.size();
  }
}

void Datapath::pad_to(Pe& pe, std::int64_t beats) const {
  if (static_cast<std::int64_t>(pe.beats.size()) < beats) {
    pe.beats.resize(static_cast<std::size_t>(beats));
  }
}

/// One cycle: a multiplication in every PE that has a pair, a word on every bus that may bring one.
void Datapath::cycle() {
  if (config_.fill == Fill::bus && filled_ < static_cast<std::int64_t>(segments_.size())) {
    const std::int64_t before =
        filled_ == 0 ? 0 : segments_[static_cast<std::size_t>(filled_ - 1)].end;
    refilling_ += through_ == before;
    arrived_ += room(filled_);
  }
  for (Row& row : rows_) {
    for (Pe& pe : row.pes) {
      if (!pe.busy) continue;
      const Beat& beat = pe.beats[pe.next++];
      ++busy_;
      if (!beat.pair) continue;
      ++issued_;
      effectual_ += beat.neuron != 0 && beat.synapse != 0;
      pe.sum += std::int64_t{beat.neuron} * beat.synapse;
    }
  }
  ++time_;
}

void Datapath::run() {
  for (;;) {
    while (settle()) {
    }
    if (through_ == static_cast<std::int64_t>(steps_.size())) return;
    cycle();
  }
}

void Datapath::book(sim::Stats& stats) const {
  const Words words(config_, mapping_, box_, config_.compress ? nonzero_ : 0);
  TileWork work;
  work.cycles = time_;
  work.issued = issued_;
  work.busy = layer_.skip == Skip::none ? issued_ : busy_;
  work.refilling = refilling_;
  for (const Pass& pass : passes_) {
    work.places += mapping_.steps(box_) * config_.array * config_.array;
    work.used += pass.outs * box_.pixels() * mapping_.columns(pass.ins);
    book_pass(config_, mapping_, words.pass(pass.ins, pass.outs, pass.weights), pass.ins, stats);
  }
  book_work(config_, layer_, work, stats);
  stats.pairs_effectual += effectual_;
  stats[sim::Cause::work] -= issued_ - effectual_;
  stats[sim::Cause::bubble] += issued_ - effectual_;
  const std::int64_t passes = ceil_div(box_.in1 - box_.in0, mapping_.pass_ins());
  book_tile(config_, mapping_, box_, work, passes, stats);
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath datapath(config_, tile, sums);
  datapath.run();
  datapath.book(stats);
}

}  // namespace syncopate::accel::flexflow

#include <algorithm>
#include <array>
#include <vector>

#include "accel/sense/engine.h"
#include "accel/sense/geometry.h"
#include "accel/sense/maps.h"
#include "array/actions.h"
#include "array/bitmap_format.h"

namespace syncopate::accel::sense {
namespace {

using array::tally;
using Coordinates = std::array<std::int64_t, 3>;

/// A non-zero input in the stream of a row.
struct Input {
  std::int64_t channel = 0;  ///< Within the row's unit.
  std::int64_t phase = 0;
  Coordinates at{};
  std::int16_t value = 0;
};
/// A non-zero weight in a PE.
struct Weight {
  std::int64_t channel = 0, position = 0;
  std::int16_t value = 0;
};

/// One tile on the array: PE tiles by PE tiles, columns by columns, pass by pass.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        loops_(tile.layer.loops),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        channels_(tile.box.in1 - tile.box.in0),
        geometry_(config, tile.layer),
        weights_(array::decode_bitmap(tile.synapses, tile.index, outs_,
                                      channels_ * loops_.kernel_size())) {}
  void run();

 private:
  std::int16_t input(std::int64_t channel, const Coordinates& at) const;
  Coordinates first_input(const Coordinates& out) const;
  void sort();
  std::vector<Input> stream(std::int64_t unit) const;
  std::vector<Weight> kernel(std::int64_t unit, std::int64_t out) const;
  std::int64_t cartesian(std::span<const Input> inputs, std::span<const Weight> weights);
  std::int64_t match(std::span<const Input> inputs, std::span<const Weight> weights);
  void join_sums(std::int64_t out);
  void run_rows(std::int64_t out0, Range units, Pass& pass);
  void run_pass(std::span<const Area> tiles, std::int64_t out0, Range units);
  void add(std::int64_t pixel, std::int64_t product);

  const Config& config_;
  const array::ConvTile& tile_;
  const map::Loops& loops_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, channels_;
  Geometry geometry_;
  std::vector<std::int16_t> weights_;  ///< [output][position][channel]
  std::vector<std::int32_t> order_;    ///< Channel at each place.
  Area outputs_{}, inputs_{};          ///< Of the PE tile at work.
  std::vector<std::int64_t> psums_;    ///< Of the PE at work.
};

std::int16_t Datapath::input(std::int64_t channel, const Coordinates& at) const {
  const map::TileBox& box = tile_.box;
  const std::int64_t row =
      ((box.batch * loops_.in[0] + at[0]) * loops_.in[1] + at[1]) * loops_.in[2] + at[2];
  const std::int64_t width = loops_.groups * loops_.ins;
  return tile_.data
      .input()[static_cast<std::size_t>(row * width + box.group * loops_.ins + box.in0 + channel)];
}

/// The compressor has counted the non-zeros of every channel of the tile.
void Datapath::sort() {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(channels_), 0);
  const bool sorted = config_.sorted && !geometry_.fully_connected();
  if (sorted) {
    const map::TileBox& box = tile_.box;
    const Area all =
        geometry_.inputs({Range{box.begin[0], box.end[0]}, Range{box.begin[1], box.end[1]},
                          Range{box.begin[2], box.end[2]}});
    for (std::int64_t c = 0; c < channels_; ++c) {
      for (std::int64_t t = all[0].begin; t < all[0].end; ++t) {
        for (std::int64_t y = all[1].begin; y < all[1].end; ++y) {
          for (std::int64_t x = all[2].begin; x < all[2].end; ++x) {
            counts[static_cast<std::size_t>(c)] += input(c, {t, y, x}) != 0;
          }
        }
      }
    }
  }
  order_ = pass_order(counts, sorted);
}

/// What enters a row: the non-zero inputs of its unit that a kernel can meet.
std::vector<Input> Datapath::stream(std::int64_t unit) const {
  std::vector<bool> met(static_cast<std::size_t>(geometry_.phases()), false);
  for (std::int64_t k = 0; k < loops_.kernel_size(); ++k) {
    met[static_cast<std::size_t>(geometry_.tap_phase(k))] = true;
  }
  std::vector<Input> result;
  const std::int64_t first = unit * geometry_.vector();
  const std::int64_t last = std::min(channels_, first + geometry_.vector());
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t channel = order_[static_cast<std::size_t>(i)];
    for (std::int64_t t = inputs_[0].begin; t < inputs_[0].end; ++t) {
      for (std::int64_t y = inputs_[1].begin; y < inputs_[1].end; ++y) {
        for (std::int64_t x = inputs_[2].begin; x < inputs_[2].end; ++x) {
          const std::int16_t value = input(channel, {t, y, x});
          const std::int64_t phase = geometry_.input_phase({t, y, x});
          if (value == 0 || !met[static_cast<std::size_t>(phase)]) continue;
          result.push_back({i - first, phase, {t, y, x}, value});
        }
      }
    }
  }
  return result;
}

std::vector<Weight> Datapath::kernel(std::int64_t unit, std::int64_t out) const {
  std::vector<Weight> result;
  const std::int64_t first = unit * geometry_.vector();
  const std::int64_t last = std::min(channels_, first + geometry_.vector());
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t channel = order_[static_cast<std::size_t>(i)];
    for (std::int64_t k = 0; k < loops_.kernel_size(); ++k) {
      const std::int16_t value = weights_[static_cast<std::size_t>(
          (out * loops_.kernel_size() + k) * channels_ + channel)];
      if (value != 0) result.push_back({i - first, k, value});
    }
  }
  return result;
}

/// A product that an output of the tile needs.
void Datapath::add(std::int64_t pixel, std::int64_t product) {
  psums_[static_cast<std::size_t>(pixel)] += product;
  book_needed(1, stats_);
  ++stats_.pairs_effectual;
}

/// Every input meets the weights of its channel and phase, one a cycle; the coordinates of the
/// output are a difference. Returns the cycles.
std::int64_t Datapath::cartesian(std::span<const Input> inputs, std::span<const Weight> weights) {
  std::int64_t cycles = 0;
  for (const Input& in : inputs) {
    for (const Weight& weight : weights) {
      if (weight.channel != in.channel || geometry_.tap_phase(weight.position) != in.phase) {
        continue;
      }
      ++cycles;
      std::int64_t pixel = 0;
      bool inside = true;
      for (std::size_t d = 0; d < 3; ++d) {
        const std::int64_t distance =
            in.at[d] + loops_.pad[d] - geometry_.offset(weight.position)[d];
        const std::int64_t out = distance / loops_.stride[d];  // Of the same phase: no rest.
        inside = inside && distance >= 0 && out >= outputs_[d].begin && out < outputs_[d].end;
        pixel = pixel * outputs_[d].size() + out - outputs_[d].begin;
      }
      if (inside) add(pixel, std::int64_t{in.value} * weight.value);
    }
  }
  return cycles;
}

/// Output by output: the bitmap of its window and that of the kernel, a match a cycle.
std::int64_t Datapath::match(std::span<const Input> inputs, std::span<const Weight> weights) {
  const std::int64_t plane = pixels(inputs_);
  std::vector<std::int16_t> memory(static_cast<std::size_t>(plane * geometry_.vector()), 0);
  const auto place = [&](std::int64_t channel, const Coordinates& at) {
    std::int64_t index = channel;
    for (std::size_t d = 0; d < 3; ++d) {
      index = index * inputs_[d].size() + at[d] - inputs_[d].begin;
    }
    return static_cast<std::size_t>(index);
  };
  for (const Input& in : inputs) memory[place(in.channel, in.at)] = in.value;
  std::int64_t cycles = 0, pixel = 0;
  for (std::int64_t t = outputs_[0].begin; t < outputs_[0].end; ++t) {
    for (std::int64_t y = outputs_[1].begin; y < outputs_[1].end; ++y) {
      for (std::int64_t x = outputs_[2].begin; x < outputs_[2].end; ++x, ++pixel) {
        const Coordinates corner = first_input({t, y, x});
        for (const Weight& weight : weights) {
          Coordinates at = corner;
          bool inside = true;
          for (std::size_t d = 0; d < 3; ++d) {
            at[d] += geometry_.offset(weight.position)[d];
            inside = inside && at[d] >= 0 && at[d] < loops_.in[d];
          }
          if (!inside || memory[place(weight.channel, at)] == 0) continue;
          ++cycles;
          add(pixel, std::int64_t{memory[place(weight.channel, at)]} * weight.value);
        }
      }
    }
  }
  return cycles;
}

/// Input under the first kernel position of an output.
Coordinates Datapath::first_input(const Coordinates& out) const {
  Coordinates result;
  for (std::size_t d = 0; d < 3; ++d) result[d] = out[d] * loops_.stride[d] - loops_.pad[d];
  return result;
}

/// Partial sums of a PE join the others of its column and PE tile.
void Datapath::join_sums(std::int64_t out) {
  const map::TileBox& box = tile_.box;
  std::size_t at = 0;
  for (std::int64_t t = outputs_[0].begin; t < outputs_[0].end; ++t) {
    for (std::int64_t y = outputs_[1].begin; y < outputs_[1].end; ++y) {
      for (std::int64_t x = outputs_[2].begin; x < outputs_[2].end; ++x) {
        const std::int64_t pixel =
            ((t - box.begin[0]) * (box.end[1] - box.begin[1]) + y - box.begin[1]) *
                (box.end[2] - box.begin[2]) +
            x - box.begin[2];
        sums_[static_cast<std::size_t>(pixel * outs_ + out)] += psums_[at++];
      }
    }
  }
}

/// A PE tile in its group of rows.
void Datapath::run_rows(std::int64_t out0, Range units, Pass& pass) {
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    // 1. Inputs enter the row and move from column to column.
    const std::vector<Input> inputs = stream(unit);
    pass.values += std::ssize(inputs);
    pass.longest = std::max(pass.longest, std::ssize(inputs));
    for (std::int64_t column = 0; column < pass.columns; ++column) {
      // 2. The PE multiplies into its own partial sums.
      const std::vector<Weight> weights = kernel(unit, out0 + column);
      psums_.assign(static_cast<std::size_t>(pixels(outputs_)), 0);
      const std::int64_t cycles =
          config_.mode == PeMode::cartesian ? cartesian(inputs, weights) : match(inputs, weights);
      pass.products += cycles;
      pass.slowest = std::max(pass.slowest, cycles);
      // 3. These join the others of the column.
      join_sums(out0 + column);
    }
  }
}

void Datapath::run_pass(std::span<const Area> tiles, std::int64_t out0, Range units) {
  Pass pass;
  pass.columns = std::min(config_.columns, outs_ - out0);
  pass.kernel = loops_.kernel_size();
  pass.first = units.begin == 0;
  // Weights pass all rows, and are read once.
  for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
    const std::int64_t first = unit * geometry_.vector();
    pass.channels += std::min(channels_, first + geometry_.vector()) - first;
    for (std::int64_t column = 0; column < pass.columns; ++column) {
      pass.weights += std::ssize(kernel(unit, out0 + column));
    }
  }
  for (const Area& tile : tiles) {
    outputs_ = tile;
    inputs_ = geometry_.inputs(tile);
    pass.join(units.size(), pixels(outputs_), pixels(inputs_));
    run_rows(out0, units, pass);
  }
  // 4. The next pass begins when the slowest PE is done.
  book_pass(config_, pass, stats_);
}

void Datapath::run() {
  book_sort(config_, tile_.box, stats_);
  sort();
  const std::int64_t units = geometry_.units(channels_), together = geometry_.tiles_of_pass();
  const std::vector<Area> areas = geometry_.subtiles(tile_.box);
  for (std::int64_t i = 0; i < std::ssize(areas); i += together) {
    const std::int64_t number = std::min(together, std::ssize(areas) - i);
    const auto tiles =
        std::span(areas).subspan(static_cast<std::size_t>(i), static_cast<std::size_t>(number));
    for (std::int64_t out = 0; out < outs_; out += config_.columns) {
      for (std::int64_t unit = 0; unit < units; unit += config_.rows) {
        run_pass(tiles, out, {unit, std::min(units, unit + config_.rows)});
      }
    }
  }
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::sense

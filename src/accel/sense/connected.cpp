#include "accel/sense/connected.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "accel/sense/engine.h"
#include "accel/sense/geometry.h"
#include "accel/sense/maps.h"
#include "base/simd.h"
#include "sim/bits.h"

namespace syncopate::accel::sense {
namespace {

struct Rows {
  const std::uint64_t* first;
  std::int64_t number, pitch;  ///< Pitch: in words.
};

/// Units of one bit, 64 at most. Most tiles are such: a machine that holds the sums of all outputs
/// takes few inputs at a time.
SYNCOPATE_MULTIVERSION void match_bits(const std::uint64_t* inputs, const Rows& rows,
                                       std::int64_t begin, std::int64_t units, RowsMatch* match) {
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - units);
  const std::int64_t word = begin / 64, shift = begin % 64;
  const bool split = shift + units > 64;
  const auto bits = [&](const std::uint64_t* row) {
    std::uint64_t found = row[word] >> shift;
    if (split) found |= row[word + 1] << (64 - shift);
    return found & mask;
  };
  const std::uint64_t met = bits(inputs);
  std::int64_t products = 0, weights = 0;
  const std::uint64_t* row = rows.first;
  for (std::int64_t r = 0; r < rows.number; ++r, row += rows.pitch) {
    const std::uint64_t nonzero = bits(row);
    products += std::popcount(nonzero & met);
    weights += std::popcount(nonzero);
  }
  *match = {products, products > 0, weights};
}

/// Every word is counted once, however many units it holds: a unit is the difference of what lies
/// before its end and before its begin.
SYNCOPATE_MULTIVERSION void match_units(const std::uint64_t* inputs, const Rows& rows,
                                        const std::int64_t* bounds, std::int64_t units,
                                        RowsMatch* match) {
  const std::int64_t begin = bounds[0] / 64, last = bounds[units] / 64;
  const std::uint64_t lead = (std::uint64_t{1} << (bounds[0] % 64)) - 1;
  const std::uint64_t tail = (std::uint64_t{1} << (bounds[units] % 64)) - 1;
  const std::uint64_t* row = rows.first;
  for (std::int64_t r = 0; r < rows.number; ++r, row += rows.pitch) {
    const std::int64_t skipped = lead == 0 ? 0 : std::popcount(inputs[begin] & row[begin] & lead);
    std::int64_t word = begin, common = 0, before = skipped;
    for (std::int64_t u = 1; u <= units; ++u) {
      for (; word < bounds[u] / 64; ++word) common += std::popcount(inputs[word] & row[word]);
      std::int64_t end = common;
      if (bounds[u] % 64 != 0) {
        const std::uint64_t mask = (std::uint64_t{1} << (bounds[u] % 64)) - 1;
        end += std::popcount(inputs[word] & row[word] & mask);
      }
      match->slowest = std::max(match->slowest, end - before);
      before = end;
    }
    match->products += before - skipped;
    std::int64_t weights = 0;
    for (word = begin; word < last; ++word) weights += std::popcount(row[word]);
    if (tail != 0) weights += std::popcount(row[last] & tail);
    if (lead != 0) weights -= std::popcount(row[begin] & lead);
    match->weights += weights;
  }
}

/// One output each, units of many inputs.
class ConnectedCounter : public array::ConvCounter {
 public:
  ConnectedCounter(const Config& config, const sim::LayerData& data,
                   const array::DecodedLayer& layer)
      : config_(config), weights_(data.weight_bits()), geometry_(config, layer) {}
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;
  void count_effectual(std::int64_t pairs, sim::Stats& stats) const override {
    book_needed(pairs, stats);
  }
  std::unique_ptr<array::PixelMasks> masks() const override {
    return std::make_unique<Maps>(config_, geometry_);
  }

 private:
  void count_pass(const map::TileBox& box, const Maps& maps, std::int64_t unit0,
                  sim::Stats& stats) const;

  const Config& config_;
  const sim::BitPlane& weights_;
  Geometry geometry_;
};

/// The same pass for all groups of columns.
void ConnectedCounter::count_pass(const map::TileBox& box, const Maps& maps, std::int64_t unit0,
                                  sim::Stats& stats) const {
  const std::int64_t channels = maps.channels(), vector = geometry_.vector();
  const std::int64_t lead = box.in0 % 64;
  const std::uint64_t* inputs = maps.bits().data();
  Pass pass;
  const std::int64_t units = std::min(config_.rows, geometry_.units(channels) - unit0);
  pass.first = unit0 == 0;
  std::vector<std::int64_t> bounds = {lead + unit0 * vector};
  for (std::int64_t u = unit0; u < unit0 + units; ++u) {
    bounds.push_back(lead + std::min(channels, (u + 1) * vector));
    const std::int64_t values = sim::count_range(inputs, bounds.end()[-2], bounds.back());
    pass.values += values;
    pass.longest = std::max(pass.longest, values);
  }
  pass.channels = bounds.back() - bounds.front();
  pass.join(units, 1, pixels(geometry_.inputs({Range{0, 1}, Range{0, 1}, Range{0, 1}})));
  for (std::int64_t out0 = box.out0; out0 < box.out1; out0 += config_.columns) {
    pass.columns = std::min(config_.columns, box.out1 - out0);
    const std::int64_t row = box.group * geometry_.loops().outs + out0;
    const RowsMatch match = match_rows(inputs, weights_.row(row).data() + box.in0 / 64,
                                       pass.columns, weights_.words, bounds);
    pass.products = match.products;
    pass.weights = match.weights;
    pass.slowest = match.slowest;
    book_pass(config_, pass, stats);
  }
}

void ConnectedCounter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                             sim::Stats& stats) const {
  const Maps& maps = static_cast<const Maps&>(neurons);  // As made by masks().
  book_sort(config_, box, stats);
  const std::int64_t units = geometry_.units(maps.channels());
  for (std::int64_t unit = 0; unit < units; unit += config_.rows) {
    count_pass(box, maps, unit, stats);
  }
}

}  // namespace

RowsMatch match_rows(const std::uint64_t* inputs, const std::uint64_t* weights, std::int64_t rows,
                     std::int64_t pitch, std::span<const std::int64_t> bounds) {
  RowsMatch match;
  const std::int64_t units = std::ssize(bounds) - 1;
  const Rows all{weights, rows, pitch};
  if (bounds.back() - bounds.front() == units && units <= 64) {
    match_bits(inputs, all, bounds.front(), units, &match);
  } else {
    match_units(inputs, all, bounds.data(), units, &match);
  }
  return match;
}

std::unique_ptr<array::ConvCounter> connected_counter(const Config& config,
                                                      const sim::LayerData& data,
                                                      const array::DecodedLayer& layer) {
  return std::make_unique<ConnectedCounter>(config, data, layer);
}

}  // namespace syncopate::accel::sense

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <vector>

#include "accel/sense/connected.h"
#include "accel/sense/engine.h"
#include "accel/sense/geometry.h"
#include "accel/sense/maps.h"
#include "accel/sense/weights.h"
#include "array/masks.h"
#include "array/weight_image.h"
#include "base/simd.h"

namespace syncopate::accel::sense {
namespace {

using Products = std::array<std::uint32_t, kMostWidth>;

/// Adds inputs times weights of one feature to the products of a row's PEs.
SYNCOPATE_MULTIVERSION
void add_products(std::uint32_t inputs, const std::uint16_t* weights, std::int64_t width,
                  std::uint32_t* products) {
  for (std::int64_t j = 0; j < width; ++j) products[j] += inputs * weights[j];
}

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;
  void count_effectual(std::int64_t pairs, sim::Stats& stats) const override {
    book_needed(pairs, stats);  // What is beyond the border is in no pair.
  }
  std::unique_ptr<array::PixelMasks> masks() const override {
    return std::make_unique<Maps>(config_, geometry_);
  }

 private:
  using Tiles = std::span<const Maps::Tile>;
  void count_group(const Maps& maps, Tiles tiles, const ColumnGroup& group,
                   sim::Stats& stats) const;
  void add_weights(const Maps& maps, const ColumnGroup& group, Range units, Pass& pass) const;
  void add_tile(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group, Range units,
                Pass& pass) const;
  void single_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                       Range units, Pass& pass) const;
  void summed_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                       Range units, Pass& pass) const;

  const Config& config_;
  Geometry geometry_;
  std::int64_t features_;
  bool summed_;  ///< A PE's products are a sum over features or channels.
  array::Segments segments_;
  std::vector<SegmentWeights> weights_;  ///< Per segment.
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      geometry_(config, layer),
      features_(config.mode == PeMode::match ? layer.loops.kernel_size() : geometry_.phases()),
      summed_(features_ > 1 || layer.loops.kernel_size() == 1),
      segments_(layer.loops, layer.tiling) {
  static_cast<void>(data.weight_bits());  // Built here, not inside the loop below.
  weights_.resize(static_cast<std::size_t>(segments_.size()));
  tbb::parallel_for(std::int64_t{0}, segments_.size(), [&](std::int64_t s) {
    weights_[static_cast<std::size_t>(s)] =
        look_at(config_, geometry_, data, segments_.at(s), summed_);
  });
}

/// A unit is one channel with one feature: the slowest PE of a row has the largest kernel.
void Counter::single_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                              Range units, Pass& pass) const {
  for (std::int64_t u = units.begin; u < units.end; ++u) {
    const auto c = static_cast<std::size_t>(maps.order()[static_cast<std::size_t>(u)]);
    const std::int64_t values = tile.features[c];
    pass.slowest = std::max(pass.slowest, values * group.largest[c]);
    pass.products += values * group.weights[c];
  }
}

void Counter::summed_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                              Range units, Pass& pass) const {
  const std::int64_t channels = maps.channels(), vector = geometry_.vector();
  for (std::int64_t u = units.begin; u < units.end; ++u) {
    Products products{};
    for (std::int64_t i = u * vector; i < std::min(channels, (u + 1) * vector); ++i) {
      const std::int64_t c = maps.order()[static_cast<std::size_t>(i)];
      for (std::int64_t f = 0; f < features_; ++f) {
        const std::uint32_t inputs = tile.features[static_cast<std::size_t>(f * channels + c)];
        if (inputs == 0) continue;
        add_products(inputs, group.table.data() + (c * features_ + f) * group.width(),
                     group.width(), products.data());
      }
    }
    for (std::int64_t j = 0; j < group.columns; ++j) {
      const std::int64_t found = products[static_cast<std::size_t>(j)];
      pass.slowest = std::max(pass.slowest, found);
      pass.products += found;
    }
  }
}

/// The weights enter the pass once, however many PE tiles they meet.
void Counter::add_weights(const Maps& maps, const ColumnGroup& group, Range units,
                          Pass& pass) const {
  const std::int64_t vector = geometry_.vector();
  const std::int64_t end = std::min(maps.channels(), units.end * vector);
  for (std::int64_t i = units.begin * vector; i < end; ++i) {
    const auto c = static_cast<std::size_t>(maps.order()[static_cast<std::size_t>(i)]);
    pass.weights += group.weights[c];
    ++pass.channels;
  }
}

void Counter::add_tile(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                       Range units, Pass& pass) const {
  const std::int64_t channels = maps.channels(), vector = geometry_.vector();
  pass.join(units.size(), pixels(tile.outputs), tile.inputs);
  for (std::int64_t u = units.begin; u < units.end; ++u) {
    std::int64_t values = 0;
    for (std::int64_t i = u * vector; i < std::min(channels, (u + 1) * vector); ++i) {
      values += tile.values[static_cast<std::size_t>(maps.order()[static_cast<std::size_t>(i)])];
    }
    pass.values += values;
    pass.longest = std::max(pass.longest, values);
  }
  if (summed_) {
    summed_products(maps, tile, group, units, pass);
  } else {
    single_products(maps, tile, group, units, pass);
  }
}

/// PE tiles that share their passes.
void Counter::count_group(const Maps& maps, Tiles tiles, const ColumnGroup& group,
                          sim::Stats& stats) const {
  const std::int64_t all = geometry_.units(maps.channels());
  for (std::int64_t unit = 0; unit < all; unit += config_.rows) {
    const Range units{unit, std::min(all, unit + config_.rows)};
    Pass pass;
    pass.columns = group.columns;
    pass.kernel = geometry_.loops().kernel_size();
    pass.first = unit == 0;
    add_weights(maps, group, units, pass);
    for (const Maps::Tile& tile : tiles) add_tile(maps, tile, group, units, pass);
    book_pass(config_, pass, stats);
  }
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const Maps& maps = static_cast<const Maps&>(neurons);  // As made by masks().
  book_sort(config_, box, stats);
  const SegmentWeights& weights = weights_[static_cast<std::size_t>(segments_.number(box))];
  const auto together = static_cast<std::size_t>(geometry_.tiles_of_pass());
  for (const ColumnGroup& group : weights) {
    for (std::size_t i = 0; i < maps.tiles().size(); i += together) {
      const std::size_t number = std::min(together, maps.tiles().size() - i);
      count_group(maps, maps.tiles().subspan(i, number), group, stats);
    }
  }
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  if (Geometry(config_, layer).fully_connected()) return connected_counter(config_, data, layer);
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::sense

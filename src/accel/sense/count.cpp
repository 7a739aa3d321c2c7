#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "accel/sense/engine.h"
#include "accel/sense/geometry.h"
#include "accel/sense/maps.h"
#include "accel/sense/weights.h"
#include "array/masks.h"
#include "array/weight_image.h"
#include "base/simd.h"

namespace syncopate::accel::sense {
namespace {

using Products = std::array<std::uint32_t, kTableWidth>;

/// Adds inputs times weights of one feature to the products of a row's PEs.
SYNCOPATE_MULTIVERSION
void add_products(std::uint32_t inputs, const std::uint16_t* weights, std::uint32_t* products) {
  for (std::int64_t j = 0; j < kTableWidth; ++j) products[j] += inputs * weights[j];
}

/// Set bits [begin, end) that two rows share.
std::int64_t shared_bits(const std::uint64_t* a, const std::uint64_t* b, std::int64_t begin,
                         std::int64_t end) {
  std::int64_t found = 0;
  for (std::int64_t w = begin / 64; w * 64 < end; ++w) {
    std::uint64_t word = a[w] & b[w];
    if (w * 64 < begin) word &= ~std::uint64_t{0} << (begin - w * 64);
    if (end - w * 64 < 64) word &= (std::uint64_t{1} << (end - w * 64)) - 1;
    found += std::popcount(word);
  }
  return found;
}

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;
  std::unique_ptr<array::PixelMasks> masks() const override {
    return std::make_unique<Maps>(config_, geometry_);
  }

 private:
  void count_group(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                   sim::Stats& stats) const;
  void single_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                       std::int64_t unit0, Pass& pass) const;
  void summed_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                       std::int64_t unit0, Pass& pass) const;
  void count_connected(const map::TileBox& box, const Maps& maps, sim::Stats& stats) const;

  const Config& config_;
  const sim::LayerData& data_;
  Geometry geometry_;
  WeightTables tables_;
  std::int64_t features_;
  array::Segments segments_;
  std::vector<SegmentWeights> weights_;  ///< Per segment; none for fully connected layers.
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      data_(data),
      geometry_(config, layer),
      features_(config.mode == PeMode::match ? layer.loops.kernel_size() : geometry_.phases()),
      segments_(layer.loops, layer.tiling) {
  static_cast<void>(data.weight_bits());  // Built here, not inside the loop below.
  if (geometry_.fully_connected()) return;
  const bool several = layer.loops.kernel_size() > 1;
  tables_.products = !(several && features_ == 1);
  tables_.windows = several && config.mode == PeMode::cartesian;
  weights_.resize(static_cast<std::size_t>(segments_.size()));
  tbb::parallel_for(std::int64_t{0}, segments_.size(), [&](std::int64_t s) {
    weights_[static_cast<std::size_t>(s)] =
        look_at(config_, geometry_, data, segments_.at(s), tables_);
  });
}

/// A unit is one channel with one feature: the slowest PE of a row has the largest kernel.
void Counter::single_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                              std::int64_t unit0, Pass& pass) const {
  for (std::int64_t u = unit0; u < unit0 + pass.rows; ++u) {
    const auto c = static_cast<std::size_t>(maps.order()[static_cast<std::size_t>(u)]);
    const std::int64_t values = tile.features[c];
    pass.slowest = std::max(pass.slowest, values * group.largest[c]);
    pass.products += values * group.weights[c];
  }
}

void Counter::summed_products(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                              std::int64_t unit0, Pass& pass) const {
  const std::int64_t channels = maps.channels(), vector = geometry_.vector();
  for (std::int64_t u = unit0; u < unit0 + pass.rows; ++u) {
    Products products{};
    for (std::int64_t i = u * vector; i < std::min(channels, (u + 1) * vector); ++i) {
      const std::int64_t c = maps.order()[static_cast<std::size_t>(i)];
      for (std::int64_t f = 0; f < features_; ++f) {
        const std::uint32_t inputs = tile.features[static_cast<std::size_t>(f * channels + c)];
        if (inputs == 0) continue;
        add_products(inputs, group.table.data() + (c * features_ + f) * kTableWidth,
                     products.data());
      }
    }
    for (std::int64_t j = 0; j < group.columns; ++j) {
      const std::int64_t found = products[static_cast<std::size_t>(j)];
      pass.slowest = std::max(pass.slowest, found);
      pass.products += found;
    }
  }
}

void Counter::count_group(const Maps& maps, const Maps::Tile& tile, const ColumnGroup& group,
                          sim::Stats& stats) const {
  const std::int64_t channels = maps.channels(), vector = geometry_.vector();
  const std::int64_t units = geometry_.units(channels);
  std::int64_t products = 0;
  for (std::int64_t unit = 0; unit < units; unit += config_.rows) {
    Pass pass;
    pass.rows = std::min(config_.rows, units - unit);
    pass.columns = group.columns;
    pass.outputs = pixels(tile.outputs);
    pass.inputs = tile.inputs;
    pass.kernel = geometry_.loops().kernel_size();
    pass.first = unit == 0;
    for (std::int64_t u = unit; u < unit + pass.rows; ++u) {
      std::int64_t values = 0;
      for (std::int64_t i = u * vector; i < std::min(channels, (u + 1) * vector); ++i) {
        const auto c = static_cast<std::size_t>(maps.order()[static_cast<std::size_t>(i)]);
        values += tile.values[c];
        pass.weights += group.weights[c];
        ++pass.channels;
      }
      pass.values += values;
      pass.longest = std::max(pass.longest, values);
    }
    if (tables_.products) {
      summed_products(maps, tile, group, unit, pass);
    } else {
      single_products(maps, tile, group, unit, pass);
    }
    book_pass(config_, pass, stats);
    products += pass.products;
  }
  if (!tables_.windows) book_needed(products, stats);  // No product is beyond the border.
}

/// One output each, units of many inputs.
void Counter::count_connected(const map::TileBox& box, const Maps& maps, sim::Stats& stats) const {
  const map::Loops& loops = geometry_.loops();
  const std::int64_t channels = maps.channels(), vector = geometry_.vector();
  const std::int64_t units = geometry_.units(channels), lead = box.in0 % 64;
  const Area one = {Range{0, 1}, Range{0, 1}, Range{0, 1}};
  const sim::BitPlane& weights = data_.weight_bits();
  for (std::int64_t out0 = box.out0; out0 < box.out1; out0 += config_.columns) {
    for (std::int64_t unit = 0; unit < units; unit += config_.rows) {
      Pass pass;
      pass.rows = std::min(config_.rows, units - unit);
      pass.columns = std::min(config_.columns, box.out1 - out0);
      pass.outputs = 1;
      pass.inputs = pixels(geometry_.inputs(one));
      pass.first = unit == 0;
      for (std::int64_t u = unit; u < unit + pass.rows; ++u) {
        const std::int64_t begin = lead + u * vector;
        const std::int64_t end = lead + std::min(channels, (u + 1) * vector);
        const std::uint64_t* inputs = maps.bits().data();
        const std::int64_t values = shared_bits(inputs, inputs, begin, end);
        pass.channels += end - begin;
        pass.values += values;
        pass.longest = std::max(pass.longest, values);
        for (std::int64_t out = out0; out < out0 + pass.columns; ++out) {
          const std::uint64_t* row =
              weights.data.data() + (box.group * loops.outs + out) * weights.words + box.in0 / 64;
          const std::int64_t products = shared_bits(inputs, row, begin, end);
          pass.weights += shared_bits(row, row, begin, end);
          pass.products += products;
          pass.slowest = std::max(pass.slowest, products);
        }
      }
      book_pass(config_, pass, stats);
      book_needed(pass.products, stats);
    }
  }
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const Maps& maps = static_cast<const Maps&>(neurons);  // As made by masks().
  book_sort(config_, box, stats);
  if (geometry_.fully_connected()) return count_connected(box, maps, stats);
  const SegmentWeights& weights = weights_[static_cast<std::size_t>(segments_.number(box))];
  for (const ColumnGroup& group : weights.groups) {
    for (const Maps::Tile& tile : maps.tiles()) count_group(maps, tile, group, stats);
  }
  if (!tables_.windows) return;
  std::int64_t needed = 0;
  for (std::size_t i = 0; i < maps.windows().size(); ++i) {
    needed += std::int64_t{maps.windows()[i]} * weights.outputs[i];
  }
  book_needed(needed, stats);
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::sense

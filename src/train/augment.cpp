#include "train/augment.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace syncopate::train {
namespace {

/// Independent streams for every pair of numbers.
Random stream(std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  std::uint64_t key = seed;
  for (const std::int64_t part : {epoch, index}) {
    key = Random(key ^ (static_cast<std::uint64_t>(part) + 1) * 0x9e3779b97f4a7c15ULL).bits();
  }
  return Random(key);
}

/// One picture's changes.
struct Change {
  std::int64_t shift_y = 0, shift_x = 0;  ///< Output (y, x) shows input (y + shift_y, ...).
  bool flip = false;
  std::int64_t cut_top = 0, cut_left = 0;  ///< Of the square, which may hang over an edge.
};

Change draw(const Augmentation& how, const data::DataSet& set, std::uint64_t seed,
            std::int64_t epoch, std::int64_t index) {
  Random random = stream(seed, epoch, index);
  Change change;
  if (how.crop_pad > 0) {
    change.shift_y = random.integer(-how.crop_pad, how.crop_pad);
    change.shift_x = random.integer(-how.crop_pad, how.crop_pad);
  }
  if (how.flip) change.flip = stream(seed, -1, index).chance(0.5) == (epoch % 2 == 0);
  if (how.cutout > 0) {
    change.cut_top = random.integer(0, set.height - 1) - how.cutout / 2;
    change.cut_left = random.integer(0, set.width - 1) - how.cutout / 2;
  }
  return change;
}

/// One row of `width` pixels, shifted and flipped.
void write_row(const std::uint8_t* from, std::uint8_t* to, std::int64_t width, const Change& change,
               std::uint8_t fill) {
  // Columns of the output that show columns of the input, before flipping.
  const std::int64_t first = std::clamp<std::int64_t>(-change.shift_x, 0, width);
  const std::int64_t last = std::clamp<std::int64_t>(width - change.shift_x, 0, width);
  std::fill(to, to + first, fill);
  if (last > first)
    std::copy(from + first + change.shift_x, from + last + change.shift_x, to + first);
  std::fill(to + std::max(first, last), to + width, fill);
  if (change.flip) std::reverse(to, to + width);
}

void write_picture(const data::DataSet& set, const std::uint8_t* from, const Change& change,
                   std::span<const std::uint8_t> fill, std::uint8_t* to) {
  for (std::int64_t c = 0; c < set.channels; ++c) {
    const std::uint8_t color = fill[static_cast<std::size_t>(c)];
    for (std::int64_t y = 0; y < set.height; ++y) {
      std::uint8_t* row = to + (c * set.height + y) * set.width;
      const std::int64_t source = y + change.shift_y;
      if (source < 0 || source >= set.height) {
        std::fill(row, row + set.width, color);
      } else {
        write_row(from + (c * set.height + source) * set.width, row, set.width, change, color);
      }
    }
  }
}

void cut_out(const data::DataSet& set, const Change& change, std::int64_t side,
             std::span<const std::uint8_t> fill, std::uint8_t* to) {
  const std::int64_t top = std::max<std::int64_t>(change.cut_top, 0);
  const std::int64_t bottom = std::min(change.cut_top + side, set.height);
  const std::int64_t left = std::max<std::int64_t>(change.cut_left, 0);
  const std::int64_t right = std::min(change.cut_left + side, set.width);
  for (std::int64_t c = 0; c < set.channels; ++c) {
    for (std::int64_t y = top; y < bottom; ++y) {
      std::uint8_t* row = to + (c * set.height + y) * set.width;
      std::fill(row + left, row + std::max(left, right), fill[static_cast<std::size_t>(c)]);
    }
  }
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::int64_t pictures, std::uint64_t seed,
                                      std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(pictures));
  std::iota(order.begin(), order.end(), 0);
  Random random = stream(seed, epoch, -1);
  for (std::size_t i = order.size(); i > 1; --i) {
    const auto other = random.integer(0, static_cast<std::int64_t>(i) - 1);
    std::swap(order[i - 1], order[static_cast<std::size_t>(other)]);
  }
  return order;
}

std::vector<std::uint8_t> mean_color(const data::DataSet& set) {
  std::vector<std::uint8_t> color;
  const std::int64_t plane = set.height * set.width, count = set.count();
  for (std::int64_t c = 0; c < set.channels; ++c) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint8_t* pixels = set.pixels.data() + i * set.picture_size() + c * plane;
      sum += std::accumulate(pixels, pixels + plane, std::int64_t{0});
    }
    const std::int64_t pixels = std::max<std::int64_t>(count * plane, 1);
    color.push_back(static_cast<std::uint8_t>((sum + pixels / 2) / pixels));
  }
  return color;
}

std::vector<bool> augment(const data::DataSet& set, std::span<const std::int64_t> indices,
                          const Augmentation& how, std::span<const std::uint8_t> fill,
                          std::uint64_t seed, std::int64_t epoch, std::span<std::uint8_t> out) {
  const std::int64_t size = set.picture_size();
  std::uint8_t* to = out.data();
  std::vector<bool> flips;
  flips.reserve(indices.size());
  for (const std::int64_t index : indices) {
    const std::uint8_t* from = set.pixels.data() + index * size;
    if (how == Augmentation{}) {
      std::copy(from, from + size, to);
      flips.push_back(false);
    } else {
      const Change change = draw(how, set, seed, epoch, index);
      write_picture(set, from, change, fill, to);
      if (how.cutout > 0) cut_out(set, change, how.cutout, fill, to);
      flips.push_back(change.flip);
    }
    to += size;
  }
  return flips;
}

}  // namespace syncopate::train

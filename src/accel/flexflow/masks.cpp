#include "accel/flexflow/masks.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>

#include "accel/flexflow/relaxed_kernel.h"
#include "array/actions.h"
#include "base/simd.h"

namespace syncopate::accel::flexflow {
namespace {

using array::ceil_div;

/// Calls use(bit) for every set bit among [begin, begin + count) of a row, counted from `begin`.
template <class Use>
void for_each_bit(const std::uint64_t* row, std::int64_t begin, std::int64_t count,
                  const Use& use) {
  for (std::int64_t w = begin / 64; w * 64 < begin + count; ++w) {
    std::uint64_t word = row[w];
    if (w * 64 < begin) word &= ~0ULL << (begin - w * 64);
    const std::int64_t left = begin + count - w * 64;
    if (left < 64) word &= (1ULL << left) - 1;
    for (; word != 0; word &= word - 1) use(w * 64 + std::countr_zero(word) - begin);
  }
}

SYNCOPATE_MULTIVERSION std::int64_t count_all(const std::uint32_t* words, std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += std::popcount(words[i]);
  return sum;
}

}  // namespace

Passes::Passes(const Mapping& mapping, const map::Tiling& tiling, ChannelOrder order)
    : mapping_(mapping),
      tiling_ins_(std::min(tiling.ins, mapping.loops().ins)),
      in_blocks_(ceil_div(mapping.loops().ins, tiling_ins_)),
      per_block_(ceil_div(tiling_ins_, mapping.pass_ins())),
      lanes_((mapping.array() + 15) / 16 * 16) {
  most_words_ = ceil_div(mapping.slots(std::min(tiling_ins_, mapping.pass_ins())), 32);
  const map::Loops& loops = mapping.loops();
  by_sixteen_ = !mapping.setup().packed && mapping.setup().factors.in == Side{16, 1, 1} &&
                lanes_ == 16 && tiling_ins_ % 16 == 0 &&
                (loops.groups == 1 || loops.ins % 16 == 0) && order == plain_order(loops);
  inputs_.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t in_tile = order[i] % tiling_ins_;
    const std::int64_t pass = order[i] / tiling_ins_ * per_block_ + in_tile / mapping.pass_ins();
    inputs_[i] = {static_cast<std::int32_t>(pass),
                  static_cast<std::int32_t>(in_tile % mapping.pass_ins())};
  }
}

std::int64_t Passes::count(std::int64_t in0) const {
  const std::int64_t ins = std::min(tiling_ins_, mapping_.loops().ins - in0);
  return ceil_div(ins, mapping_.pass_ins());
}

std::int64_t Passes::ins(std::int64_t pass) const {
  const std::int64_t in0 = pass / per_block_ * tiling_ins_;
  const std::int64_t tile = std::min(tiling_ins_, mapping_.loops().ins - in0);
  return std::min(mapping_.pass_ins(), tile - pass % per_block_ * mapping_.pass_ins());
}

SynapseMasks::SynapseMasks(const sim::LayerData& data, const Passes& passes, std::int64_t uses)
    : data_(data),
      passes_(passes),
      maps_(passes.mapping().setup().factors.out.maps),
      out_blocks_(ceil_div(data.loops().outs, maps_)) {
  constexpr std::int64_t kMostWords = std::int64_t{1} << 26;  ///< To keep; 256 MB.
  const map::Loops& l = data.loops();
  static_cast<void>(data.weight_bits());  // Built here, not by many at once.
  const std::int64_t blocks = l.groups * out_blocks_ * passes.all();
  if (uses < 2 || blocks * maps_ * passes.mapping().phases() * passes.stride() > kMostWords) return;
  kept_.resize(static_cast<std::size_t>(blocks));
  tbb::parallel_for(std::size_t{0}, kept_.size(), [&](std::size_t i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t block = at / passes.all();
    make(block / out_blocks_, block % out_blocks_ * maps_, at % passes.all(), kept_[i]);
  });
}

const SynapseBlock& SynapseMasks::block(std::int64_t group, std::int64_t out0, std::int64_t pass,
                                        SynapseBlock& scratch) const {
  if (!kept_.empty()) {
    return kept_[static_cast<std::size_t>((group * out_blocks_ + out0 / maps_) * passes_.all() +
                                          pass)];
  }
  make(group, out0, pass, scratch);
  return scratch;
}

void SynapseMasks::make(std::int64_t group, std::int64_t out0, std::int64_t pass,
                        SynapseBlock& block) const {
  passes_.by_sixteen() ? build_by_sixteen(group, out0, pass, block)
                       : build(group, out0, pass, block);
}

/// Bit by bit.
void SynapseMasks::build(std::int64_t group, std::int64_t out0, std::int64_t pass,
                         SynapseBlock& block) const {
  const map::Loops& l = data_.loops();
  const sim::BitPlane& bits = data_.weight_bits();
  const std::int64_t kernel = l.kernel_size(), phases = passes_.mapping().phases();
  const auto stride = static_cast<std::size_t>(passes_.stride());
  block.masks.assign(static_cast<std::size_t>(maps_ * phases) * stride, 0);
  block.nonzero = 0;
  const auto [begin, count] = passes_.tile_of(pass);
  for (std::int64_t tm = 0; tm < std::min(maps_, l.outs - out0); ++tm) {
    const std::int64_t first = (group * l.outs + out0 + tm) * kernel;
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      for_each_bit(bits.row(first + tap).data(), begin, count, [&](std::int64_t n) {
        const Passes::Input in = passes_.input(group, begin + n);
        if (in.pass != pass) return;
        ++block.nonzero;
        for (std::int64_t phase = 0; phase < phases; ++phase) {
          const std::span mask(
              block.masks.data() + static_cast<std::size_t>(tm * phases + phase) * stride, stride);
          passes_.set(mask, pass, in.n, tap, phase);
        }
      });
    }
  }
}

/// The same for inputs that lie as the bits of a plane do.
void SynapseMasks::build_by_sixteen(std::int64_t group, std::int64_t out0, std::int64_t pass,
                                    SynapseBlock& block) const {
  const map::Loops& l = data_.loops();
  const sim::BitPlane& bits = data_.weight_bits();
  const std::int64_t kernel = l.kernel_size(), stride = passes_.stride();
  const std::int64_t groups = ceil_div(passes_.ins(pass), 16), begin = passes_.begin(pass) / 16;
  block.masks.assign(static_cast<std::size_t>(maps_ * stride), 0);
  for (std::int64_t tm = 0; tm < std::min(maps_, l.outs - out0); ++tm) {
    const std::int64_t first = (group * l.outs + out0 + tm) * kernel;
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      const auto* row = reinterpret_cast<const std::uint16_t*>(bits.row(first + tap).data());
      // One column, one residue: kernel positions follow each other.
      spread_bits(row + begin, groups, tap * groups, block.masks.data() + tm * stride);
    }
  }
  block.nonzero = count_all(block.masks.data(), maps_ * stride);
}

void Windows::load(const sim::LayerData& data, const map::TileBox& box, std::int64_t) {
  const std::int64_t pixels = box.pixels(), count = passes_.count(box.in0);
  load_steps(box);
  pass_words_ = (pixels + 1) * passes_.stride();  // The last window is that of absent outputs.
  masks_.assign(static_cast<std::size_t>(count * pass_words_), 0);
  nonzero_ = 0;
  if (neurons_ || count_) {
    if (passes_.mapping().setup().packed) {
      load_packed(data, box);
    } else {
      load_inputs(data, box);
      load_windows(data.loops(), box);
    }
  }
  if (count_) nonzero_ = count_all(masks_.data(), static_cast<std::int64_t>(masks_.size()));
  if (neurons_) return;
  for (std::int64_t p = 0; p < count; ++p) {
    std::fill_n(masks_.begin() + p * pass_words_, pixels * passes_.stride(), ~0U);
  }
}

void Windows::load_steps(const map::TileBox& box) {
  const Mapping& mapping = passes_.mapping();
  const Side& out = mapping.setup().factors.out;
  const std::int64_t lanes = passes_.lanes();
  const std::int64_t height = box.end[1] - box.begin[1], width = box.end[2] - box.begin[2];
  std::vector<std::int64_t> key = {box.end[0] - box.begin[0], height, width,
                                   box.begin[1] % out.rows, box.begin[2] % out.cols};
  if (mapping.phases() > 1) key.insert(key.end(), {box.begin[1], box.begin[2]});
  if (key == step_key_) return;
  step_key_ = std::move(key);
  steps_ = mapping.steps(box);
  const auto size = static_cast<std::size_t>(steps_ * lanes);
  neurons_at_.assign(size, static_cast<std::int32_t>(box.pixels() * passes_.stride()));
  synapses_at_.assign(size, 0);
  present_.assign(size, 0);
  std::int64_t step = 0;
  for (std::int64_t t = 0; t < box.end[0] - box.begin[0]; ++t) {
    for (std::int64_t y0 = 0; y0 < height; y0 += out.rows) {
      for (std::int64_t x0 = 0; x0 < width; x0 += out.cols) load_step(box, step++, t, y0, x0);
    }
  }
}

/// One step: the block of outputs whose first pixel is (t, y0, x0) within the box.
void Windows::load_step(const map::TileBox& box, std::int64_t step, std::int64_t t, std::int64_t y0,
                        std::int64_t x0) {
  const Mapping& mapping = passes_.mapping();
  const Side& out = mapping.setup().factors.out;
  const std::int64_t stride = passes_.stride(), phases = mapping.phases();
  const std::int64_t height = box.end[1] - box.begin[1], width = box.end[2] - box.begin[2];
  for (std::int64_t y = y0; y < std::min(height, y0 + out.rows); ++y) {
    for (std::int64_t x = x0; x < std::min(width, x0 + out.cols); ++x) {
      const std::int64_t row = box.begin[1] + y, col = box.begin[2] + x;
      const std::int64_t phase = phases == 1 ? 0 : mapping.phase(row, col);
      const std::int64_t first = mapping.row(0, row, col);
      const std::int64_t pixel = (t * height + y) * width + x;
      for (std::int64_t m = 0; m < out.maps; ++m) {
        const auto at =
            static_cast<std::size_t>(step * passes_.lanes() + first + m * out.rows * out.cols);
        neurons_at_[at] = static_cast<std::int32_t>(pixel * stride);
        synapses_at_[at] = static_cast<std::int32_t>((m * phases + phase) * stride);
        present_[at] = -1;
      }
    }
  }
}

/// Every input under the windows once, spread over its columns.
void Windows::load_inputs(const sim::LayerData& data, const map::TileBox& box) {
  const map::Loops& l = data.loops();
  const Side& in = passes_.mapping().setup().factors.in;
  const std::int64_t lanes = passes_.lanes(), count = passes_.count(box.in0);
  std::int64_t area = 1;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto [low, high] = map::input_range(l, static_cast<int>(d), box.begin[d], box.end[d]);
    low_[d] = low;
    extent_[d] = std::max<std::int64_t>(0, high - low);
    area *= extent_[d];
  }
  group_words_ =
      ceil_div(ceil_div(std::min(passes_.mapping().pass_ins(), box.in1 - box.in0), in.maps), 32);
  group_bits_.clear();
  for (std::int64_t p = 0; p < count; ++p) {
    group_bits_.push_back(ceil_div(passes_.ins(passes_.first(box.in0) + p), in.maps));
  }
  const std::int64_t stride = group_words_ * lanes;
  inputs_.assign(static_cast<std::size_t>(count * area * stride), 0);
  const sim::BitPlane& plane = data.input_bits();
  const auto residue = [&](std::int64_t at, std::size_t d, std::int64_t factor) {
    return at / l.dilation[d] % factor;
  };
  for (std::int64_t i = 0; i < area; ++i) {
    const std::int64_t x = low_[2] + i % extent_[2], y = low_[1] + i / extent_[2] % extent_[1];
    const std::int64_t t = low_[0] + i / extent_[2] / extent_[1];
    const std::int64_t row = ((box.batch * l.in[0] + t) * l.in[1] + y) * l.in[2] + x;
    const std::int64_t column = residue(y, 1, in.rows) * in.cols + residue(x, 2, in.cols);
    spread_input(plane.data.data() + row * plane.words, box, l, column, inputs_.data() + i * stride,
                 area * stride);
  }
}

/// The inputs of one place to their columns; passes are `pitch` words apart.
void Windows::spread_input(const std::uint64_t* row, const map::TileBox& box,
                           const map::Loops& loops, std::int64_t column, std::uint32_t* to,
                           std::int64_t pitch) const {
  const std::int64_t first = passes_.first(box.in0), channel0 = box.group * loops.ins;
  if (passes_.by_sixteen()) {
    const auto* sixteens = reinterpret_cast<const std::uint16_t*>(row) + channel0 / 16;
    for (std::int64_t p = 0; p < passes_.count(box.in0); ++p) {
      spread_bits(sixteens + passes_.begin(first + p) / 16, ceil_div(passes_.ins(first + p), 16), 0,
                  to + p * pitch);
    }
    return;
  }
  const Side& in = passes_.mapping().setup().factors.in;
  for_each_bit(row, channel0 + box.in0, box.in1 - box.in0, [&](std::int64_t n) {
    const Passes::Input at = passes_.input(box.group, box.in0 + n);
    const std::int64_t g = at.n / in.maps;
    const std::int64_t lane = at.n % in.maps * in.rows * in.cols + column;
    to[(at.pass - first) * pitch + g / 32 * passes_.lanes() + lane] |= 1U << (g % 32);
  });
}

/// Windows from the inputs: the groups of each kernel position side by side.
void Windows::load_windows(const map::Loops& l, const map::TileBox& box) {
  const std::int64_t lanes = passes_.lanes(), area = extent_[0] * extent_[1] * extent_[2];
  const std::int64_t height = box.end[1] - box.begin[1], width = box.end[2] - box.begin[2];
  std::vector<std::int64_t> places(static_cast<std::size_t>(l.kernel_size()));
  std::vector<std::vector<std::int64_t>> slots;  // Per pass of the tile and kernel position.
  for (std::int64_t p = 0; p < passes_.count(box.in0); ++p) {
    slots.emplace_back();
    for (std::int64_t tap = 0; tap < l.kernel_size(); ++tap) {
      slots.back().push_back(passes_.slot(passes_.first(box.in0) + p, tap));
    }
  }
  for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) {
    const std::array<std::int64_t, 3> o = {box.begin[0] + pixel / width / height,
                                           box.begin[1] + pixel / width % height,
                                           box.begin[2] + pixel % width};
    find_inputs(l, o, places);
    for (std::size_t p = 0; p < slots.size(); ++p) {
      const auto pass = static_cast<std::int64_t>(p);
      const std::uint32_t* inputs = inputs_.data() + pass * area * group_words_ * lanes;
      std::uint32_t* to = masks_.data() + pass * pass_words_ + pixel * passes_.stride();
      const WindowArgs args{inputs,         places,
                            slots[p],       group_words_,
                            group_bits_[p], passes_.words(passes_.first(box.in0) + pass),
                            lanes,          to};
      or_window(args);
    }
  }
}

/// Where the input under each kernel position of an output is among `inputs_`; -1 in the padding.
void Windows::find_inputs(const map::Loops& l, const std::array<std::int64_t, 3>& output,
                          std::span<std::int64_t> places) const {
  std::size_t tap = 0;
  std::array<std::int64_t, 3> corner;
  for (std::size_t d = 0; d < 3; ++d) corner[d] = output[d] * l.stride[d] - l.pad[d] - low_[d];
  const auto inside = [&](std::int64_t at, std::size_t d) { return at >= 0 && at < extent_[d]; };
  for (std::int64_t kt = 0; kt < l.kernel[0]; ++kt) {
    const std::int64_t t = corner[0] + kt * l.dilation[0];
    for (std::int64_t ky = 0; ky < l.kernel[1]; ++ky) {
      const std::int64_t y = corner[1] + ky * l.dilation[1];
      for (std::int64_t kx = 0; kx < l.kernel[2]; ++kx) {
        const std::int64_t x = corner[2] + kx * l.dilation[2];
        places[tap++] = inside(t, 0) && inside(y, 1) && inside(x, 2)
                            ? (t * extent_[1] + y) * extent_[2] + x
                            : -1;
      }
    }
  }
}

/// Pair by pair, for windows that are not laid out by coordinates.
void Windows::load_packed(const sim::LayerData& data, const map::TileBox& box) {
  const map::Loops& l = data.loops();
  const array::Patches patches(data, box);
  const sim::BitPlane& plane = data.input_bits();
  const std::int64_t first = passes_.first(box.in0);
  for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) {
    for (std::int64_t tap = 0; tap < l.kernel_size(); ++tap) {
      const std::int64_t row = patches.row(pixel, tap);
      if (row < 0) continue;
      for_each_bit(plane.data.data() + row * plane.words, box.group * l.ins + box.in0,
                   box.in1 - box.in0, [&](std::int64_t n) {
                     const Passes::Input to = passes_.input(box.group, box.in0 + n);
                     std::uint32_t* mask =
                         masks_.data() + (to.pass - first) * pass_words_ + pixel * passes_.stride();
                     passes_.set({mask, static_cast<std::size_t>(passes_.stride())}, to.pass, to.n,
                                 tap, 0);
                   });
    }
  }
}

}  // namespace syncopate::accel::flexflow

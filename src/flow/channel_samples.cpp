#include "flow/channel_samples.h"

#include <algorithm>
#include <array>

#include "sim/weights.h"

namespace syncopate::flow {
namespace {

constexpr std::int64_t kSamples = 128;     ///< Of a convolution, about.
constexpr std::int64_t kWeightSteps = 16;  ///< To a weight, in what decides.

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// By channel, the weights that decide how long its row takes, in steps: the mean over groups of
/// outputs of those of the largest kernel; of single weights, of how many are not zero.
std::vector<std::int32_t> decisive(const gconv::Chain& chain, const gconv::GConv& gconv,
                                   const map::Loops& loops, std::int64_t columns) {
  const std::shared_ptr<const sim::Weights> weights = sim::weights_of(chain, gconv, loops);
  const sim::BitPlane& bits = weights->bits();
  const bool single = loops.kernel_size() == 1;
  const std::int64_t groups = single ? loops.outs : ceil_div(loops.outs, columns);
  std::vector<std::int32_t> result;
  for (std::int64_t c = 0; c < loops.ins; ++c) {
    std::vector<std::int64_t> largest(static_cast<std::size_t>(groups), 0);
    for (std::int64_t out = 0; out < loops.outs; ++out) {
      std::int64_t kernel = 0;
      for (std::int64_t k = 0; k < loops.kernel_size(); ++k) {
        const auto row = bits.row(out * loops.kernel_size() + k);
        kernel += static_cast<std::int64_t>(row[static_cast<std::size_t>(c / 64)] >> (c % 64) & 1);
      }
      std::int64_t& most = largest[static_cast<std::size_t>(single ? out : out / columns)];
      most = std::max(most, kernel);
    }
    std::int64_t sum = 0;
    for (const std::int64_t most : largest) sum += most;
    result.push_back(static_cast<std::int32_t>(sum * kWeightSteps / groups));
  }
  return result;
}

/// A map of inputs, cut into pieces.
struct Pieces {
  std::array<std::int64_t, 3> size, side, number;  ///< {T, H, W}
  Pieces(const map::Loops& loops, std::int64_t outputs) : size(loops.in) {
    side = {1, outputs * loops.stride[1], outputs * loops.stride[2]};
    for (std::size_t d = 0; d < 3; ++d) number[d] = ceil_div(size[d], side[d]);
  }
  std::int64_t all() const { return number[0] * number[1] * number[2]; }
  /// Calls visit(row) for every pixel of a piece.
  template <class Visit>
  void for_each(std::int64_t piece, const Visit& visit) const {
    const std::int64_t t = piece / number[2] / number[1];
    const std::int64_t y0 = piece / number[2] % number[1] * side[1],
                       x0 = piece % number[2] * side[2];
    for (std::int64_t y = y0; y < std::min(size[1], y0 + side[1]); ++y) {
      for (std::int64_t x = x0; x < std::min(size[2], x0 + side[2]); ++x) {
        visit((t * size[1] + y) * size[2] + x);
      }
    }
  }
};

}  // namespace

ChannelSamples::ChannelSamples(const gconv::Chain& chain, std::span<const Passes> passes,
                               std::size_t inputs)
    : pieces_(ceil_div(kSamples, std::max<std::int64_t>(1, static_cast<std::int64_t>(inputs)))) {
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    const gconv::GConv& gconv = chain.gconvs[i];
    const std::vector<gconv::ChannelPart> parts = gconv::summed_channels(chain, gconv);
    if (passes[i].empty() || parts.size() != 1) continue;
    const map::Loops loops = map::loops_of(chain, gconv);
    if (loops.groups != 1 || loops.ins != parts[0].channels) continue;
    Convolution& convolution = convolutions_[i];
    convolution.part = parts[0];
    convolution.loops = loops;
    convolution.passes = passes[i];
    convolution.weights = decisive(chain, gconv, loops, passes[i][0].columns);
  }
}

void ChannelSamples::add(std::size_t index, std::size_t input, const ref::FixedNet::Reader& read) {
  const auto found = convolutions_.find(index);
  if (found == convolutions_.end()) return;
  const Tensor& tensor = read(found->second.part.tensor);
  if (tensor.dtype() == DType::i8) count(tensor.data<std::int8_t>(), input, found->second);
  if (tensor.dtype() == DType::i16) count(tensor.data<std::int16_t>(), input, found->second);
}

/// Evenly spaced pieces, others in every input.
template <class T>
void ChannelSamples::count(std::span<const T> values, std::size_t input,
                           Convolution& convolution) const {
  const Pieces pieces(convolution.loops, convolution.passes[0].side);
  const std::int64_t pixels = pieces.size[0] * pieces.size[1] * pieces.size[2];
  const std::int64_t channels = std::ssize(values) / pixels, all = pieces.all();
  const std::int64_t number = std::min(pieces_, all);
  convolution.pieces = static_cast<double>(all);
  for (std::int64_t i = 0; i < number; ++i) {
    const std::int64_t piece = (i * all / number + static_cast<std::int64_t>(input)) % all;
    auto& sample = convolution.samples.emplace_back(
        static_cast<std::size_t>(convolution.part.channels), std::int32_t{0});
    pieces.for_each(piece, [&](std::int64_t row) {
      const T* from = values.data() + row * channels + convolution.part.first;
      for (std::size_t c = 0; c < sample.size(); ++c) sample[c] += from[c] != 0;
    });
  }
}

/// A convolution that takes a part of a tensor, once for every way of taking it.
void ChannelSamples::add_takers(const Convolution& convolution, const gconv::ChannelPart& part,
                                std::vector<Taker>& takers) const {
  Taker taker;
  taker.offset = part.first - convolution.part.first;
  taker.samples = std::ssize(convolution.samples);
  for (std::int64_t c = taker.offset; c < taker.offset + part.channels; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    for (const auto& sample : convolution.samples) {
      taker.work.push_back(sample[channel] * convolution.weights[channel]);
    }
  }
  for (const sim::ChannelPasses& passes : convolution.passes) {
    taker.rows = passes.rows;
    taker.vector = passes.vector;
    taker.weight = convolution.pieces / static_cast<double>(taker.samples) *
                   static_cast<double>(ceil_div(convolution.loops.outs, passes.columns)) /
                   static_cast<double>(convolution.passes.size());
    takers.push_back(taker);
  }
}

std::vector<Taker> ChannelSamples::takers(const gconv::ChannelClass& channels) const {
  std::vector<Taker> result;
  for (const auto& [index, convolution] : convolutions_) {
    if (convolution.samples.empty()) continue;
    for (const gconv::ChannelPart& part : channels.parts) {
      const gconv::ChannelPart& all = convolution.part;
      const bool inside = part.tensor == all.tensor && part.first >= all.first &&
                          part.first + part.channels <= all.first + all.channels;
      if (inside) add_takers(convolution, part, result);
    }
  }
  return result;
}

}  // namespace syncopate::flow

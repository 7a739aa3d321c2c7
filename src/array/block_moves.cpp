#include "array/block_moves.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>

namespace syncopate::array {

BlockMoves::BlockMoves(const DecodedLayer& layer, const map::TileOrder& order,
                       const NeuronSizes& sizes, Side side)
    : layer_(layer),
      order_(order),
      side_(side),
      conv_(layer.loops.kind == map::WorkKind::conv),
      map_(input() ? NeuronMap::input(layer.loops, layer.neurons)
                   : NeuronMap::output(layer.loops, layer.neurons)) {
  list_operands(sizes);
  list_dimensions();
  cut_shapes();
  if (layer.neurons.varies()) add_up();
}

void BlockMoves::list_operands(const NeuronSizes& sizes) {
  const auto table = [](const std::optional<Density>& density) {
    return density ? &*density : nullptr;
  };
  if (!input()) {
    operands_ = {{layer_.output, table(sizes.output_table())}};
    return;
  }
  operands_ = {{layer_.input, table(sizes.input_table())}};
  if (layer_.second) operands_.push_back({*layer_.second, table(sizes.second_table())});
}

void BlockMoves::list_dimensions() {
  for (std::size_t d = 0; d < 3; ++d) {
    Dimension& dimension = dimensions_[d];
    std::vector<std::int64_t> extents;
    map::TileStep step;
    for (auto& block = step.pixel[d]; block < order_.pixel_blocks()[d]; ++block) {
      const map::TileBox box = order_.box(step);
      std::array<std::int64_t, 2> range = {box.begin[d], box.end[d]};
      if (input()) {
        range = map::input_range(layer_.loops, static_cast<int>(d), box.begin[d], box.end[d]);
      }
      const auto known = std::find(extents.begin(), extents.end(), range[1] - range[0]);
      const auto which = static_cast<std::size_t>(known - extents.begin());
      if (known == extents.end()) {
        extents.push_back(range[1] - range[0]);
        dimension.blocks.push_back(0);
        dimension.first.push_back(block);
      }
      ++dimension.blocks[which];
      dimension.low.push_back(range[0]);
      dimension.extent.push_back(which);
    }
  }
}

void BlockMoves::cut_shapes() {
  const auto& d = dimensions_;
  const std::int64_t images = layer_.loops.batch * (conv_ ? layer_.loops.groups : 1);
  for (std::size_t t = 0; t < d[0].first.size(); ++t) {
    for (std::size_t y = 0; y < d[1].first.size(); ++y) {
      for (std::size_t x = 0; x < d[2].first.size(); ++x) {
        const std::int64_t blocks = images * d[0].blocks[t] * d[1].blocks[y] * d[2].blocks[x];
        map::TileStep step;
        step.pixel = {d[0].first[t], d[1].first[y], d[2].first[x]};
        cut_shape(step, blocks * (channel_blocks() - 1));
        (conv_ && input() ? step.in : step.out) = channel_blocks() - 1;
        cut_shape(step, blocks);
      }
    }
  }
}

/// Appends the shape of a tile's block.
void BlockMoves::cut_shape(const map::TileStep& step, std::int64_t blocks) {
  Shape& shape = shapes_.emplace_back();
  if (blocks == 0) return;
  shape.blocks = blocks;
  shape.place = place(step);
  const map::TileBox box = order_.box(step);
  if (input()) {
    input_pieces(layer_.loops, layer_.neurons, box, shape.pieces);
  } else {
    output_pieces(layer_.loops, layer_.neurons, box, shape.pieces);
  }
  shape.transfers = static_cast<std::uint32_t>(shape.pieces.size() * operands_.size());
  for (const Operand& operand : operands_) {
    for (const Piece& piece : shape.pieces) {
      if (operand.density) shape.corners.push_back(operand.density->corners(piece));
      shape.bytes += transfer_of(piece, sim::Stream::neurons, 0, layer_.neurons).bytes;
    }
  }
}

std::size_t BlockMoves::shape_of(const map::TileStep& step) const {
  std::size_t shape = 0;
  for (std::size_t d = 0; d < 3; ++d) {
    const Dimension& dimension = dimensions_[d];
    shape =
        shape * dimension.first.size() + dimension.extent[static_cast<std::size_t>(step.pixel[d])];
  }
  return shape * 2 + (channel_block(step) == channel_blocks() - 1 ? 1 : 0);
}

/// Blocks of inputs of a convolution are numbered as its operand blocks; all else is moved once per
/// block of outputs.
std::size_t BlockMoves::number(const map::TileStep& step) const {
  return static_cast<std::size_t>(conv_ && input() ? order_.operand_block_of(step)
                                                   : order_.output_block_of(step));
}

std::int64_t BlockMoves::blocks() const {
  return order_.size() / (conv_ && input() ? order_.out_blocks() : order_.in_blocks());
}

map::TileStep BlockMoves::step(std::int64_t number) const {
  return conv_ && input() ? order_.operand_block(number) : order_.output_block(number);
}

Place BlockMoves::place(const map::TileStep& step) const {
  const std::int64_t size = conv_ && input() ? layer_.tiling.ins : layer_.tiling.outs;
  Place place{step.batch, conv_ ? step.group : 0, channel_block(step) * size, {}};
  for (std::size_t d = 0; d < 3; ++d) {
    place.low[d] = dimensions_[d].low[static_cast<std::size_t>(step.pixel[d])];
  }
  return place;
}

Place BlockMoves::further(const Shape& shape, const map::TileStep& step) const {
  Place result = place(step);
  result.batch -= shape.place.batch;
  result.group -= shape.place.group;
  result.channel -= shape.place.channel;
  for (std::size_t d = 0; d < 3; ++d) result.low[d] -= shape.place.low[d];
  return result;
}

std::int64_t BlockMoves::true_bytes(const map::TileStep& step) const {
  const Shape& shape = shapes_[shape_of(step)];
  const Place distance = further(shape, step);
  const Density::Corners* corners = shape.corners.data();
  std::int64_t bytes = 0;
  for (const Operand& operand : operands_) {
    const std::int64_t entry = operand.density->distance(distance);
    for (const Piece& piece : shape.pieces) {
      bytes += layer_.neurons.bytes(piece.elements(), operand.density->entries(*corners++, entry));
    }
  }
  return bytes;
}

void BlockMoves::add_up() {
  constexpr std::int64_t kGrain = 64;
  bytes_.resize(static_cast<std::size_t>(blocks()));
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, blocks(), kGrain), [&](const auto& range) {
    for (std::int64_t i = range.begin(); i != range.end(); ++i) {
      bytes_[static_cast<std::size_t>(i)] = true_bytes(step(i));
    }
  });
}

void BlockMoves::book(const Envelope& envelope, std::int64_t times, sim::Stats& stats) const {
  const auto book = [&](const sim::Transfer& all, std::int64_t neurons, std::int64_t count) {
    if (input()) {
      envelope.book_load(all, neurons, times * count, stats);
    } else {
      envelope.book_store(all, neurons, count, stats);
    }
  };
  const sim::Stream stream = input() ? sim::Stream::neurons : sim::Stream::outputs;
  for (const Shape& shape : shapes_) {
    for (const Piece& piece : shape.pieces) {
      sim::Transfer transfer = transfer_of(piece, stream, 0, layer_.neurons);
      if (!bytes_.empty()) transfer.bytes = 0;  // Added below.
      book(transfer, piece.elements(), shape.blocks * std::ssize(operands_));
    }
  }
  std::int64_t bytes = 0;
  for (const std::int64_t one : bytes_) bytes += one;
  book({stream, 0, bytes}, 0, 1);
}

void BlockMoves::append(const map::TileStep& step, std::vector<sim::Transfer>& transfers) const {
  const Shape& shape = shapes_[shape_of(step)];
  const Place distance = further(shape, step);
  const Density::Corners* corners = shape.corners.data();
  const sim::Stream stream = input() ? sim::Stream::neurons : sim::Stream::outputs;
  for (const Operand& operand : operands_) {
    const std::int64_t entry = operand.density ? operand.density->distance(distance) : 0;
    for (const Piece& piece : shape.pieces) {
      sim::Transfer& transfer =
          transfers.emplace_back(transfer_of(piece, stream, operand.address, layer_.neurons));
      transfer.address +=
          static_cast<std::uint64_t>(array::distance(map_, piece, distance) * kNeuronBytes);
      if (!operand.density) continue;
      shrink(transfer,
             layer_.neurons.bytes(piece.elements(), operand.density->entries(*corners++, entry)));
    }
  }
}

}  // namespace syncopate::array

#include "map/tiling.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::map {
namespace {

Loops random_loops(Random& random) {
  Loops l;
  l.kind = static_cast<WorkKind>(random.integer(0, 2));
  l.batch = random.integer(1, 3);
  l.outs = random.integer(1, 70);
  if (l.kind == WorkKind::conv) {
    l.groups = random.integer(1, 3);
    l.ins = random.integer(1, 70);
  }
  l.weights = l.kind == WorkKind::conv || random.chance(0.5);
  l.second_operand = l.kind == WorkKind::elementwise && !l.weights && random.chance(0.5);
  for (std::size_t d = 0; d < 3; ++d) {
    l.out[d] = d == 0 && random.chance(0.7) ? 1 : random.integer(1, 9);
    l.in[d] = l.out[d];
    if (l.kind == WorkKind::elementwise) continue;
    l.kernel[d] = random.integer(1, 3);
    l.stride[d] = random.integer(1, 3);
    l.dilation[d] = random.integer(1, 2);
    l.pad[d] = random.integer(-1, 2);
    l.in[d] = random.integer(1, 12);
  }
  return l;
}

Tiling random_tiling(const Loops& l, Random& random) {
  Tiling t;
  t.order = random.chance(0.5) ? Order::neuron_reuse : Order::synapse_reuse;
  t.outs = 16 * random.integer(1, 5);
  t.ins = 16 * random.integer(1, 5);
  for (std::size_t d = 0; d < 3; ++d) t.block[d] = random.integer(1, l.out[d]);
  t.resident = t.order == Order::synapse_reuse && random.chance(0.5);
  return t;
}

/// Bytes that differ from block to block.
Footprint uneven() {
  Footprint f;
  f.synapse_bytes = [](auto g, auto o0, auto o1, auto i0, auto i1) {
    return (o1 - o0) * (i1 - i0) * 2 + g + o0 + i0;
  };
  f.index_bytes = [](auto, auto o0, auto o1, auto, auto i1) { return (o1 - o0) + i1; };
  return f;
}

TEST(Tiling, WalkCoversEveryOutputAndInputOnce) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const Loops l = random_loops(random);
    const Tiling t = random_tiling(l, random);
    std::map<std::vector<std::int64_t>, std::int64_t> covered;
    std::int64_t open = 0;
    for (const TileBox& box : walk(l, t)) {
      EXPECT_EQ(box.first, box.in0 == 0);
      EXPECT_EQ(box.last, box.in1 == l.ins);
      EXPECT_EQ(open, box.first ? 0 : box.in0);  // Input blocks of an output follow each other.
      open = box.last ? 0 : box.in1;
      EXPECT_EQ(box.out0 % 16, 0);
      for (std::int64_t a = box.begin[0]; a < box.end[0]; ++a) {
        for (std::int64_t b = box.begin[1]; b < box.end[1]; ++b) {
          for (std::int64_t c = box.begin[2]; c < box.end[2]; ++c) {
            covered[{box.batch, box.group, box.out0, a, b, c}] +=
                (box.out1 - box.out0) * (box.in1 - box.in0);
          }
        }
      }
    }
    std::int64_t total = 0;
    for (const auto& [key, count] : covered) total += count;
    EXPECT_EQ(total, l.outputs() * l.ins);
  }
}

TEST(Tiling, LoadsAreSkippedExactlyWhenTheOperandIsStillThere) {
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    const Loops l = random_loops(random);
    std::optional<TileBox> before;
    std::set<std::int64_t> present;  // Input blocks of the resident output block.
    const Tiling t = random_tiling(l, random);
    for (const TileBox& box : walk(l, t)) {
      bool neurons = before && before->batch == box.batch && before->group == box.group &&
                     before->begin == box.begin && before->in0 == box.in0;
      if (l.kind != WorkKind::conv) neurons = neurons && before->out0 == box.out0;
      const bool same_outs = before && before->group == box.group && before->out0 == box.out0;
      bool synapses = same_outs && before->in0 == box.in0;
      if (!same_outs) present.clear();
      synapses = synapses || (t.resident && present.contains(box.in0));
      present.insert(box.in0);
      EXPECT_EQ(box.load_neurons, !neurons);
      const bool weights = l.weights && l.kind != WorkKind::elementwise;
      EXPECT_EQ(box.load_synapses, !weights || !synapses);
      before = box;
    }
  }
}

TEST(Tiling, TilesByNumberAreTheWalk) {
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    const Loops l = random_loops(random);
    const Tiling t = random_tiling(l, random);
    const TileOrder order(l, t);
    const std::vector<TileBox> boxes = walk(l, t);
    ASSERT_EQ(order.size(), std::ssize(boxes));
    std::map<std::int64_t, std::int64_t> operands, synapses;  // Loads per block.
    std::set<std::int64_t> outputs;
    for (std::int64_t n = 0; n < order.size(); ++n) {
      const TileStep step = order.step(n);
      const TileBox& box = boxes[static_cast<std::size_t>(n)];
      ASSERT_EQ(order.box(n), box);
      ASSERT_EQ(order.number(step), n);
      const TileStep operand = order.operand_block(order.operand_block_of(step));
      EXPECT_EQ(order.box(operand).begin, box.begin);
      EXPECT_EQ(order.box(operand).in0, box.in0);
      operands[order.operand_block_of(step)] += box.load_neurons;
      synapses[(step.group * order.out_blocks() + step.out) * order.in_blocks() + step.in] +=
          box.load_synapses;
      if (!box.last) continue;
      EXPECT_EQ(order.output_block(order.output_block_of(step)), step);
      EXPECT_TRUE(outputs.insert(order.output_block_of(step)).second);
    }
    EXPECT_EQ(std::ssize(outputs), order.size() / order.in_blocks());
    for (const auto& [block, loads] : operands) {
      if (l.kind == WorkKind::conv) {
        EXPECT_EQ(loads, order.neuron_loads());
      }
    }
    for (const auto& [block, loads] : synapses) {
      if (l.weights && l.kind != WorkKind::elementwise) {
        EXPECT_EQ(loads, order.synapse_loads());
      }
    }
  }
}

TEST(Tiling, AbsurdLoopsAreRefused) {
  Loops l;
  l.outs = std::int64_t{1} << 40;
  l.ins = std::int64_t{1} << 40;
  EXPECT_THROW(TileOrder(l, {}), InputError);
  l.ins = 0;
  EXPECT_THROW(TileOrder(l, {}), InputError);
  Tiling t;
  t.block[1] = 0;
  EXPECT_THROW(TileOrder(Loops{}, t), InputError);
}

TEST(Tiling, InputRangeIsWhatTheWindowsTouch) {
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    const Loops l = random_loops(random);
    for (int d = 0; d < 3; ++d) {
      const auto k = static_cast<std::size_t>(d);
      const std::int64_t begin = random.integer(0, l.out[k] - 1);
      const std::int64_t end = random.integer(begin + 1, l.out[k]);
      std::int64_t first = INT64_MAX, last = INT64_MIN;
      for (std::int64_t o = begin; o < end; ++o) {
        for (std::int64_t w = 0; w < l.kernel[k]; ++w) {
          const std::int64_t x = o * l.stride[k] + w * l.dilation[k] - l.pad[k];
          if (x < 0 || x >= l.in[k]) continue;
          first = std::min(first, x);
          last = std::max(last, x + 1);
        }
      }
      const auto range = input_range(l, d, begin, end);
      if (first != INT64_MAX) {
        EXPECT_LE(range[0], first);
        EXPECT_GE(range[1], last);
        if (l.dilation[k] == 1 && l.stride[k] <= l.kernel[k]) {
          EXPECT_EQ(range, (std::array<std::int64_t, 2>{first, last}));
        }
      }
      EXPECT_LE(range[0], range[1]);
      EXPECT_GE(range[0], 0);
      EXPECT_LE(range[1], l.in[k]);
    }
  }
}

bool fits(const Loops& l, const Tiling& t, const Capacity& c, const Footprint& f) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<std::int64_t, std::int64_t>> resident;
  for (const TileBox& box : walk(l, t)) {
    std::int64_t neurons = l.kind == WorkKind::conv ? box.in1 - box.in0 : box.out1 - box.out0;
    for (int d = 0; d < 3; ++d) {
      const auto k = static_cast<std::size_t>(d);
      const auto range = input_range(l, d, box.begin[k], box.end[k]);
      neurons *= range[1] - range[0];
    }
    const bool weights = l.weights && l.kind != WorkKind::elementwise;
    if (neurons > c.neurons) return false;
    if (t.resident && box.load_synapses && l.weights && l.kind != WorkKind::elementwise) {
      auto& [synapses, index] = resident[{box.group, box.out0}];
      synapses += f.synapse_bytes(box.group, box.out0, box.out1, box.in0, box.in1);
      index += f.index_bytes(box.group, box.out0, box.out1, box.in0, box.in1);
      if (synapses > c.synapse_bytes || (c.index_bytes > 0 && index > c.index_bytes)) return false;
    }
    if ((box.out1 - box.out0) * box.pixels() > c.partial_sums) return false;
    if (weights &&
        f.synapse_bytes(box.group, box.out0, box.out1, box.in0, box.in1) > c.synapse_bytes) {
      return false;
    }
    if (weights && c.index_bytes > 0 &&
        f.index_bytes(box.group, box.out0, box.out1, box.in0, box.in1) > c.index_bytes) {
      return false;
    }
  }
  return true;
}

TEST(Tiling, ChoiceFitsAndBeatsRandomTilings) {
  Random random(4);
  const Footprint f = uneven();
  int streamed = 0;
  for (int i = 0; i < 60; ++i) {
    const Loops l = random_loops(random);
    const Capacity c{Grain{}, random.integer(200, 3000), random.integer(100, 2000),
                     random.integer(1000, 6000), random.chance(0.5) ? 0 : random.integer(60, 500)};
    const Tiling chosen = choose_tiling(l, c, f);
    if (chosen.streamed) {
      ++streamed;
      continue;
    }
    EXPECT_TRUE(fits(l, chosen, c, f)) << to_text(chosen);
    const double best = traffic(l, chosen, f).total();
    for (int k = 0; k < 40; ++k) {
      // Powers of two are among the sizes that the search tries.
      Tiling other = random_tiling(l, random);
      other.outs = std::int64_t{16} << random.integer(0, 2);
      other.ins = std::int64_t{16} << random.integer(0, 2);
      for (auto& size : other.block) size = std::int64_t{1} << random.integer(0, 3);
      EXPECT_TRUE(!fits(l, other, c, f) || best <= traffic(l, other, f).total());
    }
  }
  EXPECT_LT(streamed, 15);
}

/// Steps of a layer whose tiles are worked off one after another, `grain` at a time.
std::int64_t steps(const Loops& l, const std::vector<TileBox>& boxes, const Grain& grain) {
  const auto ceil = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  std::int64_t total = 0;
  for (const TileBox& box : boxes) {
    std::int64_t tile = ceil(box.out1 - box.out0, grain.outs) * ceil(box.in1 - box.in0, grain.ins);
    for (std::size_t d = 0; d < 3; ++d) {
      tile *= ceil(box.end[d] - box.begin[d], std::min(grain.pixels[d], l.out[d]));
    }
    total += tile;
  }
  return total;
}

TileBox whole(const Loops& l) {
  TileBox box;
  box.out1 = l.outs;
  box.in1 = l.ins;
  box.end = l.out;
  return box;
}

TEST(Tiling, AnOrderThatIsGivenIsKept) {
  Random random(21);
  int dearer = 0;
  for (int i = 0; i < 100; ++i) {
    Loops loops;
    loops.outs = random.integer(16, 200);
    loops.ins = random.integer(16, 200);
    loops.in = loops.out = {1, random.integer(4, 30), random.integer(4, 30)};
    loops.weights = true;
    Capacity capacity;
    capacity.neurons = random.integer(2000, 20000);
    capacity.partial_sums = 4000;
    capacity.synapse_bytes = random.integer(4000, 20000);
    const Footprint footprint = uneven();
    const double best =
        traffic(loops, choose_tiling(loops, capacity, footprint), footprint).total();
    for (const Order order : {Order::neuron_reuse, Order::synapse_reuse}) {
      capacity.order = order;
      const Tiling tiling = choose_tiling(loops, capacity, footprint);
      EXPECT_EQ(tiling.order, order);
      const double bytes = traffic(loops, tiling, footprint).total();
      EXPECT_GE(bytes, best);
      dearer += bytes > best;
    }
  }
  EXPECT_GT(dearer, 20);  // The choice matters.
}

TEST(Tiling, BlocksOfTheGrainAddNoSteps) {
  Random random(5);
  const Footprint f = uneven();
  int cut = 0;
  for (int i = 0; i < 200; ++i) {
    Loops l = random_loops(random);
    if (l.kind != WorkKind::conv) continue;
    for (std::size_t d = 0; d < 3; ++d) {
      l.out[d] = d == 0 ? 1 : random.integer(1, 40);
      l.in[d] = l.out[d] * l.stride[d];
    }
    Capacity c;
    c.grain = {random.integer(1, 20),
               random.integer(1, 20),
               {1, random.integer(1, 17), random.integer(1, 17)}};
    c.neurons = random.integer(20000, 60000);
    c.partial_sums = random.integer(6000, 20000);
    c.synapse_bytes = random.integer(2000, 20000);
    const Tiling t = choose_tiling(l, c, f);
    const std::vector<TileBox> boxes = walk(l, t);
    cut += boxes.size() > static_cast<std::size_t>(l.batch * l.groups);
    EXPECT_FALSE(t.streamed);
    EXPECT_TRUE(fits(l, t, c, f)) << to_text(t);
    EXPECT_EQ(steps(l, boxes, c.grain), l.batch * l.groups * steps(l, {whole(l)}, c.grain))
        << to_text(t);
  }
  EXPECT_GT(cut, 20);
}

TEST(Tiling, SmallBuffersGiveUpPixelsOfTheGrainFirst) {
  Loops l;
  l.weights = true;
  l.outs = l.ins = 6;
  l.out = l.in = {1, 20, 20};
  const Footprint f = uneven();
  const Grain grain{2, 3, {1, 8, 16}};
  const auto choose = [&](std::int64_t neurons) {
    return choose_tiling(l, {grain, neurons, 1 << 20, 1 << 20, 0}, f);
  };
  const auto multiple = [](const Tiling& t, std::int64_t h, std::int64_t w) {
    return t.outs % 2 == 0 && t.ins % 3 == 0 && (t.block[1] % h == 0 || t.block[1] == 20) &&
           (t.block[2] % w == 0 || t.block[2] == 20) && !t.streamed;
  };
  EXPECT_TRUE(multiple(choose(3 * 8 * 16), 8, 16)) << to_text(choose(3 * 8 * 16));
  EXPECT_TRUE(multiple(choose(3 * 8 * 8), 8, 8)) << to_text(choose(3 * 8 * 8));
  EXPECT_TRUE(multiple(choose(3 * 8 * 4), 4, 8)) << to_text(choose(3 * 8 * 4));
  EXPECT_TRUE(multiple(choose(3), 1, 1)) << to_text(choose(3));
  const Tiling streamed = choose(2);
  EXPECT_TRUE(streamed.streamed);
  EXPECT_EQ(streamed.outs, 2);
  EXPECT_EQ(streamed.ins, 3);
}

TEST(Tiling, PerfectFitLoadsEverythingOnce) {
  Loops l;
  l.weights = true;
  l.outs = 32;
  l.ins = 32;
  l.out = l.in = {1, 8, 8};
  l.kernel = {1, 3, 3};
  l.pad = {0, 1, 1};
  Footprint f;
  f.synapse_bytes = [](auto, auto o0, auto o1, auto i0, auto i1) {
    return (o1 - o0) * (i1 - i0) * 9 * 2;
  };
  f.index_bytes = [](auto...) { return std::int64_t{0}; };
  const Tiling t = choose_tiling(l, {Grain{}, 1 << 20, 1 << 20, 1 << 20, 0}, f);
  const Traffic bytes = traffic(l, t, f);
  EXPECT_EQ(walk(l, t).size(), 1U);
  EXPECT_EQ(bytes.neurons, 32 * 64 * 2);
  EXPECT_EQ(bytes.synapses, 32 * 32 * 9 * 2);
  EXPECT_EQ(bytes.outputs, 32 * 64 * 2);
}

TEST(Tiling, WindowsThatExceedTheBufferStream) {
  Loops l;
  l.kind = WorkKind::window;
  l.outs = 64;
  l.in = l.kernel = {1, 13, 13};
  const Footprint f = uneven();
  const Tiling t = choose_tiling(l, {Grain{}, 500, 500, 1000, 0}, f);
  EXPECT_TRUE(t.streamed);
  EXPECT_EQ(traffic(l, t, f).neurons, 64 * 169 * 2);
  EXPECT_THROW(choose_tiling(l, {Grain{}, 500, 15, 1000, 0}, f), InputError);
}

TEST(Tiling, BigLayersAreQuick) {
  Footprint f;
  f.synapse_bytes = [](auto, auto o0, auto o1, auto i0, auto i1) {
    return (o1 - o0) * (i1 - i0) * 18;
  };
  f.index_bytes = [](auto...) { return std::int64_t{0}; };
  Loops fc;
  fc.weights = true;
  fc.outs = 4096;
  fc.ins = 25088;
  Loops conv;
  conv.weights = true;
  conv.outs = conv.ins = 64;
  conv.out = conv.in = {1, 224, 224};
  conv.kernel = {1, 3, 3};
  conv.pad = {0, 1, 1};
  for (const Loops& l : {fc, conv}) {
    const auto start = std::chrono::steady_clock::now();
    const Tiling t = choose_tiling(l, {Grain{}, 2048, 1024, 16384, 0}, f);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    RecordProperty("tiling_" + std::to_string(l.ins), to_text(t));
    RecordProperty("milliseconds_" + std::to_string(l.ins), std::to_string(took.count()));
    EXPECT_LT(took.count(), 500);  // Two milliseconds on an idle machine without sanitizers.
  }
}

}  // namespace
}  // namespace syncopate::map

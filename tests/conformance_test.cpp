// What every registered accelerator must hold, whatever it is: its two engines agree, its outputs
// are the layer's, its cycles are accounted for, and its counts obey the conservation laws. An
// accelerator need do nothing to be tested here but exist.
#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <numeric>

#include "accel/registry.h"
#include "array/program.h"
#include "array/testing.h"
#include "base/error.h"
#include "base/test_scale_for_tests.h"
#include "map/tiling.h"
#include "sim/plain_sums.h"

namespace syncopate {
namespace {

using array::testing::LayerKind;
using array::testing::LayerSpec;
using array::testing::TestLayer;

const std::int64_t kCases = scaled(2000);  ///< Per accelerator.

/// Other values a parameter can take: the other truth value, half and double of a number, the other
/// options of a choice (which the error message for a wrong one lists).
std::vector<std::string> alternatives(const sim::Accelerator& accelerator, const ParamInfo& info) {
  if (info.value == "true") return {"false"};
  if (info.value == "false") return {"true"};
  char* end = nullptr;
  const long long number = std::strtoll(info.value.c_str(), &end, 10);
  if (*end == '\0' && !info.value.empty()) {
    return {std::to_string(number / 2), std::to_string(number * 2), std::to_string(number + 1)};
  }
  Params params;
  params.set(info.name, "?");
  try {
    accelerator.spec(params);
  } catch (const InputError& error) {
    const std::string text = error.what(), mark = "expected one of ";
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) return {};
    std::vector<std::string> options;
    std::size_t begin = at + mark.size();
    while (begin < text.size()) {
      const std::size_t comma = std::min(text.find(", ", begin), text.size());
      options.push_back(text.substr(begin, comma - begin));
      begin = comma + 2;
    }
    return options;
  }
  return {};
}

/// A machine with some parameters changed at random; the published one when they do not combine.
arch::Spec random_machine(const sim::Accelerator& accelerator, Random& random) {
  const arch::Spec published = accelerator.spec({});
  if (random.chance(0.4)) return published;
  Params params;
  for (const ParamInfo& info : published.params) {
    if (!random.chance(0.25)) continue;
    const std::vector<std::string> values = alternatives(accelerator, info);
    if (values.empty()) continue;
    params.set(info.name, values[static_cast<std::size_t>(
                              random.integer(0, static_cast<std::int64_t>(values.size()) - 1))]);
  }
  try {
    return accelerator.spec(params);
  } catch (const InputError&) {
    return published;
  }
}

/// Pairs of two non-zeros in a convolution, by looking at every one.
std::int64_t effectual_pairs(const TestLayer& layer) {
  const sim::LayerData& data = layer.data();
  const map::Loops& l = data.loops();
  std::int64_t total = 0;
  const sim::BitPlane& neurons = data.input_bits();
  const sim::BitPlane& weights = data.weight_bits();
  for (std::int64_t b = 0; b < l.batch; ++b) {
    for (std::int64_t pixel = 0; pixel < l.pixels(); ++pixel) {
      const std::array<std::int64_t, 3> o = {pixel / l.out[2] / l.out[1],
                                             pixel / l.out[2] % l.out[1], pixel % l.out[2]};
      for (std::int64_t k = 0; k < l.kernel_size(); ++k) {
        const std::array<std::int64_t, 3> kk = {k / l.kernel[2] / l.kernel[1],
                                                k / l.kernel[2] % l.kernel[1], k % l.kernel[2]};
        std::int64_t row = b;
        bool inside = true;
        for (std::size_t d = 0; d < 3; ++d) {
          const std::int64_t at = o[d] * l.stride[d] + kk[d] * l.dilation[d] - l.pad[d];
          inside = inside && at >= 0 && at < l.in[d];
          row = row * l.in[d] + at;
        }
        if (!inside) continue;
        for (std::int64_t m = 0; m < l.groups * l.outs; ++m) {
          for (std::int64_t n = 0; n < l.ins; ++n) {
            const std::int64_t c = m / l.outs * l.ins + n;
            total += static_cast<std::int64_t>(
                neurons.row(row)[static_cast<std::size_t>(c / 64)] >> (c % 64) &
                weights.row(m * l.kernel_size() + k)[static_cast<std::size_t>(n / 64)] >> (n % 64) &
                1);
          }
        }
      }
    }
  }
  return total;
}

/// Everything that can be wrong with one layer on one machine, or "" when nothing is.
class Checker {
 public:
  Checker(const sim::Accelerator& accelerator, const arch::Spec& spec, const TestLayer& layer)
      : accelerator_(accelerator),
        spec_(spec),
        layer_(layer),
        program_(accelerator.compile(layer.chain(), spec)),
        machine_(accelerator.machine(spec)),
        run_(machine_->open(program_, 0, layer.data())) {
    for (std::int64_t i = 0; i < run_->tiles(); ++i) {
      tiles_.push_back(run_->tile(i));
      counted_.push_back(run_->count_tile(i));
    }
  }

  std::string check() {
    std::string problem = code();
    if (problem.empty()) problem = engines();
    if (problem.empty()) problem = parts();
    if (problem.empty()) problem = totals();
    if (problem.empty()) problem = accounting();
    if (problem.empty()) problem = conservation();
    if (problem.empty()) problem = results();
    return problem;
  }

 private:
  /// The tiling that runs: where a layer has alternatives, the first that has these tiles.
  map::Tiling tiling() const {
    const sim::LayerCode& layer = program_.layers[0];
    const auto runs = [this](const sim::LayerCode& code, const map::Tiling& tiling) {
      const auto boxes = map::walk(code.loops, tiling);
      return std::equal(boxes.begin(), boxes.end(), tiles_.begin(), tiles_.end(),
                        [](const map::TileBox& box, const sim::Tile& t) { return box == t.box; });
    };
    if (runs(layer, layer.tiling)) return layer.tiling;
    for (const sim::LayerCode& code : array::alternatives(accelerator_.isa(), program_, 0)) {
      const map::Tiling other = array::decode_layer(accelerator_.isa(), program_, code).tiling;
      if (runs(code, other)) return other;
    }
    return layer.tiling;
  }

  std::string code() const {
    if (program_.layers.size() != 1) return "one gconv must become one layer";
    const auto boxes = map::walk(program_.layers[0].loops, tiling());
    if (boxes.size() != tiles_.size()) return "decoded tiles differ from the walk in number";
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      if (!(boxes[i] == tiles_[i].box)) return fmt::format("decoded tile {} differs", i);
    }
    const std::string text = accelerator_.disassemble(program_, true);
    std::vector<sim::Instruction> assembled;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = text.substr(begin, end - begin);
      if (!line.empty() && line[0] != '#') {
        assembled.push_back(accelerator_.isa().assemble(line));
      }
      begin = end + 1;
    }
    if (assembled != program_.code) return "the disassembly does not assemble to the same code";
    return "";
  }

  std::string engines() {
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      clocked_.push_back(run_->clock(static_cast<std::int64_t>(i)));
      const sim::TileResult& a = clocked_.back().result;
      const sim::TileResult& b = counted_[i];
      if (a.stats.cycles != b.stats.cycles) {
        return fmt::format("tile {}: clocked {} cycles, counted {}", i, a.stats.cycles,
                           b.stats.cycles);
      }
      if (a.stats.causes != b.stats.causes) return fmt::format("tile {}: causes differ", i);
      if (a.stats.actions != b.stats.actions) return fmt::format("tile {}: actions differ", i);
      if (!(a.stats == b.stats)) return fmt::format("tile {}: statistics differ", i);
      if (!(a == b)) return fmt::format("tile {}: transfers differ", i);
    }
    return "";
  }

  /// A tile at some of its pixels, as samples replay it: both engines agree, and its sums are those
  /// of the whole tile.
  std::string parts() const {
    Random random(static_cast<std::uint64_t>(tiles_.size()));
    const auto i = static_cast<std::size_t>(random.integer(0, std::ssize(tiles_) - 1));
    const map::TileBox& whole = tiles_[i].box;
    map::TileBox part = whole;
    for (std::size_t d = 0; d < 3; ++d) {
      part.begin[d] = random.integer(whole.begin[d], whole.end[d] - 1);
      part.end[d] = random.integer(part.begin[d] + 1, whole.end[d]);
    }
    const sim::ClockedTile clocked = run_->clock_box(part);
    if (!(clocked.result == run_->count_box(part))) {
      return fmt::format("part of tile {}: the engines differ", i);
    }
    const std::int64_t outs = whole.out1 - whole.out0;
    std::vector<std::int64_t> expected;
    std::size_t at = 0;
    sim::for_each_pixel(whole, [&](const std::array<std::int64_t, 3>& pixel) {
      bool inside = true;
      for (std::size_t d = 0; d < 3; ++d) {
        inside = inside && pixel[d] >= part.begin[d] && pixel[d] < part.end[d];
      }
      const auto first = clocked_[i].sums.begin() + static_cast<std::ptrdiff_t>(at);
      if (inside) expected.insert(expected.end(), first, first + outs);
      at += static_cast<std::size_t>(outs);
    });
    return clocked.sums == expected ? "" : fmt::format("part of tile {}: the sums differ", i);
  }

  /// Counting the whole layer gives the sum of its tiles, and tells the timeline the same.
  std::string totals() const {
    std::size_t tile = 0;
    std::string problem;
    const auto compare = [&](const sim::TileTimes& times) {
      const sim::Transfer* at = times.transfers.data();
      for (const sim::TileTimes::Tile& told : times.tiles) {
        const sim::TileResult& r = counted_.at(tile);
        const std::span loads(at, told.loads), stores(at + told.loads, told.stores);
        at += told.loads + told.stores;
        sim::TileTimes expected;
        expected.add(0, r.loads, r.stores);
        if (told.cycles != r.stats.cycles || told.load_bytes != expected.tiles[0].load_bytes ||
            told.store_bytes != expected.tiles[0].store_bytes ||
            !std::equal(loads.begin(), loads.end(), r.loads.begin(), r.loads.end()) ||
            !std::equal(stores.begin(), stores.end(), r.stores.begin(), r.stores.end())) {
          problem = fmt::format("tile {}: the timeline is told something else", tile);
        }
        ++tile;
      }
    };
    const sim::Stats total = run_->count({compare, true});
    if (!problem.empty()) return problem;
    if (tile != counted_.size()) return "the timeline is told of other tiles";
    sim::Stats sum;
    sum.actions.assign(spec_.actions.size(), 0);
    for (const sim::TileResult& r : counted_) sum += r.stats;
    if (!(sum == total)) return "the tiles do not add up to the layer";
    if (!(run_->count({}) == total)) return "counting again gives another result";
    return "";
  }

  std::string accounting() const {
    for (std::size_t i = 0; i < counted_.size(); ++i) {
      const sim::Stats& s = counted_[i].stats;
      const std::int64_t sum = std::accumulate(s.causes.begin(), s.causes.end(), std::int64_t{0});
      if (sum != s.cycles * spec_.multipliers()) {
        return fmt::format("tile {}: causes sum to {}, not {} x {}", i, sum, s.cycles,
                           spec_.multipliers());
      }
      for (const std::int64_t cause : s.causes) {
        if (cause < 0) return fmt::format("tile {}: a cause is negative", i);
      }
      if (s[sim::Cause::memory] != 0) return "a tile waits for memory";
      if (s.actions.size() != spec_.actions.size()) return "wrong number of action counts";
      std::int64_t read = 0, written = 0;
      for (const sim::Transfer& t : counted_[i].loads) read += t.bytes;
      for (const sim::Transfer& t : counted_[i].stores) written += t.bytes;
      if (read != s.read_bytes() || written != s.write_bytes) return "bytes booked are not moved";
      for (std::size_t a = 0; a < spec_.actions.size(); ++a) {
        const arch::Action& action = spec_.actions[a];
        const std::int64_t bits = s.actions[a] * action.bits;
        if (action.kind == arch::ActionKind::dram_read && bits != read * 8) return "DRAM reads";
        if (action.kind == arch::ActionKind::dram_write && bits != written * 8)
          return "DRAM writes";
      }
    }
    return "";
  }

  std::string conservation() const {
    sim::Stats total;
    total.actions.assign(spec_.actions.size(), 0);
    for (std::size_t i = 0; i < counted_.size(); ++i) {
      const sim::TileResult& r = counted_[i];
      const sim::Stats& s = r.stats;
      if (s.pairs_issued > s.pairs_required) return "more pairs issued than required";
      if (s.pairs_effectual > s.pairs_issued) return "more pairs effectual than issued";
      if (s.cycles * spec_.multipliers() < s.pairs_issued) return "more pairs than multipliers";
      for (std::size_t t = 0; t < r.loads.size(); ++t) {
        if (r.loads[t].bytes > tiles_[i].loads[t].bytes) return "a load exceeds its bound";
        if (r.loads[t].address != tiles_[i].loads[t].address) return "a load moved";
      }
      for (std::size_t t = 0; t < r.stores.size(); ++t) {
        if (r.stores[t].bytes > tiles_[i].stores[t].bytes) return "a store exceeds its bound";
      }
      total += s;
    }
    const map::Loops& loops = layer_.data().loops();
    if (total.pairs_required != loops.pairs()) return "required pairs are not the layer's";
    if (loops.kind == map::WorkKind::conv) {
      if (total.pairs_effectual != effectual_pairs(layer_)) {
        return fmt::format("{} effectual pairs, the operands have {}", total.pairs_effectual,
                           effectual_pairs(layer_));
      }
      if (total[sim::Cause::work] != total.pairs_effectual) return "work is not effectual pairs";
    }
    return "";
  }

  /// Partial sums of the tiles, added up, are the layer's exact sums; with the post they are its
  /// outputs.
  std::string results() const {
    const map::Loops& l = layer_.data().loops();
    std::vector<std::int64_t> sums(layer_.sums().size(), 0);
    const std::int64_t channels = l.groups * l.outs;
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      const map::TileBox& box = tiles_[i].box;
      const std::int64_t outs = box.out1 - box.out0;
      const std::int64_t h = box.end[1] - box.begin[1], w = box.end[2] - box.begin[2];
      if (static_cast<std::int64_t>(clocked_[i].sums.size()) != box.pixels() * outs) {
        return "wrong number of sums";
      }
      for (std::int64_t p = 0; p < box.pixels(); ++p) {
        const std::int64_t t = box.begin[0] + p / w / h, y = box.begin[1] + p / w % h;
        const std::int64_t x = box.begin[2] + p % w;
        const std::int64_t row = ((box.batch * l.out[0] + t) * l.out[1] + y) * l.out[2] + x;
        for (std::int64_t o = 0; o < outs; ++o) {
          const std::int64_t c = box.group * l.outs + box.out0 + o;
          sums[static_cast<std::size_t>(row * channels + c)] +=
              clocked_[i].sums[static_cast<std::size_t>(p * outs + o)];
        }
      }
    }
    // With one channel another dimension takes the lanes, and the order is another.
    const bool same_order = channels == layer_.channels();
    if (same_order && sums != layer_.sums()) return "partial sums do not add up to the layer's";
    const gconv::FixedPost& post = *layer_.data().gconv().fixed;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto c = static_cast<std::int64_t>(i) % channels;
      if (gconv::apply(post, c, sums[i]) != layer_.data().output()[i]) return "outputs differ";
    }
    return "";
  }

  const sim::Accelerator& accelerator_;
  const arch::Spec& spec_;
  const TestLayer& layer_;
  sim::Program program_;
  std::unique_ptr<sim::Machine> machine_;
  std::unique_ptr<sim::LayerRun> run_;
  std::vector<sim::Tile> tiles_;
  std::vector<sim::TileResult> counted_;
  std::vector<sim::ClockedTile> clocked_;
};

std::string to_text(const LayerSpec& s) {
  return fmt::format(
      "kind {} batch {} groups {} outs {} ins {} in {}x{}x{} kernel {}x{}x{} stride {}x{}x{} "
      "dilation "
      "{}x{}x{} pad {}x{}x{}",
      static_cast<int>(s.kind), s.batch, s.groups, s.outs, s.ins, s.in[0], s.in[1], s.in[2],
      s.kernel[0], s.kernel[1], s.kernel[2], s.stride[0], s.stride[1], s.stride[2], s.dilation[0],
      s.dilation[1], s.dilation[2], s.pad[0], s.pad[1], s.pad[2]);
}

/// One random case; "" when everything holds. `ran` tells whether the machine could run the layer.
std::string run_case(const sim::Accelerator& accelerator, std::uint64_t seed, bool& ran) {
  Random random(seed);
  const LayerSpec layer_spec = array::testing::random_spec(random);
  const TestLayer layer(layer_spec, random);
  const arch::Spec spec = random_machine(accelerator, random);
  std::string problem;
  try {
    problem = Checker(accelerator, spec, layer).check();
    ran = true;
  } catch (const InputError&) {
    return "";  // E.g. a buffer too small for any tile.
  } catch (const std::exception& error) {
    problem = error.what();
  }
  if (problem.empty()) return "";
  std::string params;
  for (const ParamInfo& info : spec.params) {
    if (info.value != info.default_value) params += fmt::format(" {}={}", info.name, info.value);
  }
  return fmt::format("seed {}: {}\n  {}\n  parameters:{}", seed, problem, to_text(layer_spec),
                     params);
}

class Conformance : public ::testing::TestWithParam<const sim::Accelerator*> {};

TEST_P(Conformance, RandomLayers) {
  const sim::Accelerator& accelerator = *GetParam();
  std::atomic<std::int64_t> ran = 0;
  std::mutex mutex;
  std::vector<std::string> problems;
  tbb::parallel_for(std::int64_t{0}, kCases + kCases / 20, [&](std::int64_t i) {
    bool did = false;
    const std::string problem = run_case(accelerator, static_cast<std::uint64_t>(i) + 1, did);
    ran += did;
    if (problem.empty()) return;
    const std::lock_guard lock(mutex);
    problems.push_back(problem);
  });
  EXPECT_GE(ran, kCases);
  std::sort(problems.begin(), problems.end());
  for (std::size_t i = 0; i < std::min<std::size_t>(problems.size(), 5); ++i) {
    ADD_FAILURE() << problems[i];
  }
  EXPECT_TRUE(problems.empty()) << problems.size() << " cases failed";
}

TEST_P(Conformance, DescribesItself) {
  const arch::Spec spec = GetParam()->spec({});
  EXPECT_EQ(spec.machine, GetParam()->name);
  EXPECT_FALSE(spec.description.empty());
  EXPECT_FALSE(spec.actions.empty());
  for (const ParamInfo& info : spec.params) EXPECT_FALSE(info.help.empty()) << info.name;
}

TEST_P(Conformance, UnknownParameterIsRefused) {
  Params params;
  params.set("no_such_parameter", "1");
  EXPECT_THROW(GetParam()->spec(params), InputError);
}

INSTANTIATE_TEST_SUITE_P(All, Conformance,
                         ::testing::ValuesIn(accel::all().begin(), accel::all().end()),
                         [](const auto& at) { return std::string(at.param->name); });

}  // namespace
}  // namespace syncopate

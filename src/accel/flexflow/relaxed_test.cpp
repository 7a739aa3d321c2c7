#include "accel/flexflow/relaxed.h"

#include <gtest/gtest.h>

#include <bit>
#include <memory>

#include "base/random.h"
#include "sim/lanes.h"

namespace syncopate::accel::flexflow {
namespace {

/// Random masks for some segments, kept alive together.
struct Work {
  std::int64_t lanes = 16, words = 1;
  std::vector<std::uint32_t> neurons, synapses, floors, minimum;
  std::vector<std::int32_t> neurons_at, synapses_at, present, alive;
  std::vector<Segment> segments;
};

struct Shape {
  std::int64_t array = 16, rows = 16, segments = 4, most_steps = 5, words = 2, slices = 4;
  double density = 0.2, absent = 0.1;
  bool minimum = false;
};

std::uint32_t random_bits(Random& random, double density) {
  std::uint32_t word = 0;
  for (int b = 0; b < 32; ++b) word |= static_cast<std::uint32_t>(random.chance(density)) << b;
  return word;
}

std::unique_ptr<Work> make(const Shape& shape, Random& random) {
  auto work = std::make_unique<Work>();
  work->lanes = padded(shape.array);
  work->words = shape.words;
  const std::int64_t lanes = work->lanes, stride = lanes * shape.words, entries = 40;
  const auto fill = [&](std::vector<std::uint32_t>& masks) {
    masks.resize(static_cast<std::size_t>((entries + 1) * stride));
    for (std::size_t i = 0; i < static_cast<std::size_t>(entries * stride); ++i) {
      if (static_cast<std::int64_t>(i) % lanes < shape.array) {
        masks[i] = random_bits(random, shape.density);
      }
    }
  };
  fill(work->neurons);
  fill(work->synapses);
  work->floors.assign(static_cast<std::size_t>(stride), shape.slices == 2 ? 1 : 0x10001);
  work->minimum.assign(static_cast<std::size_t>(lanes), 1);
  work->alive.assign(static_cast<std::size_t>(lanes), 0);
  std::fill_n(work->alive.begin(), shape.rows, -1);
  const std::int64_t steps = shape.segments * shape.most_steps;
  for (std::int64_t i = 0; i < steps * lanes; ++i) {
    const bool here = i % lanes < shape.rows && !random.chance(shape.absent);
    work->present.push_back(here ? -1 : 0);
    work->neurons_at.push_back(
        static_cast<std::int32_t>((here ? random.integer(0, entries - 1) : entries) * stride));
    work->synapses_at.push_back(
        static_cast<std::int32_t>((here ? random.integer(0, entries - 1) : entries) * stride));
  }
  std::int64_t at = 0;
  for (std::int64_t s = 0; s < shape.segments; ++s) {
    Segment segment;
    segment.neurons = work->neurons.data();
    segment.synapses = work->synapses.data();
    segment.words = shape.words;
    segment.steps = random.integer(1, shape.most_steps);
    segment.neurons_at = work->neurons_at.data() + at;
    segment.synapses_at = work->synapses_at.data() + at;
    segment.present = work->present.data() + at;
    segment.alive = work->alive.data();
    segment.floors = work->floors.data();
    if (shape.minimum) segment.minimum = work->minimum.data();
    segment.refill_words = random.integer(0, 40);
    work->segments.push_back(segment);
    at += segment.steps * lanes;
  }
  return work;
}

struct Counts {
  std::int64_t cycles, issued, busy, refilling;
  bool operator==(const Counts&) const = default;
};

Counts run(const Work& work, const RelaxedRules& rules) {
  RelaxedArray array(rules);
  for (const Segment& segment : work.segments) array.run(segment);
  return {array.cycles(), array.issued(), array.busy(), array.refilling()};
}

Shape random_shape(Random& random) {
  const std::int64_t arrays[] = {4, 8, 11, 16, 32, 64}, slices[] = {1, 2, 4};
  Shape shape;
  shape.array = arrays[random.integer(0, 5)];
  shape.rows = random.integer(1, shape.array);
  shape.segments = random.integer(1, 6);
  shape.words = random.integer(1, 4);
  shape.slices = slices[random.integer(0, 2)];
  shape.density = random.uniform();
  shape.minimum = random.chance(0.5);
  return shape;
}

RelaxedRules random_rules(const Shape& shape, Random& random) {
  RelaxedRules rules;
  rules.array = shape.array;
  rules.slack = random.integer(0, 5);
  rules.refill = static_cast<Refill>(random.integer(0, 2));
  rules.slices = shape.slices;
  rules.bus = random.chance(0.5);
  return rules;
}

TEST(Relaxed, VectorCodeIsThePlainCode) {
  if (!vector_code()) GTEST_SKIP() << "no vector code on this CPU";
  Random random(1);
  for (int i = 0; i < 400; ++i) {
    const Shape shape = random_shape(random);
    const auto work = make(shape, random);
    const RelaxedRules rules = random_rules(shape, random);
    set_vector_code(true);
    const Counts fast = run(*work, rules);
    set_vector_code(false);
    const Counts plain = run(*work, rules);
    set_vector_code(true);
    EXPECT_EQ(fast, plain) << "array " << shape.array << " slices " << shape.slices;
  }
}

/// The recurrence as the paper facts write it, one number at a time.
std::int64_t by_definition(const Work& work, const Shape& shape, const RelaxedRules& rules) {
  const auto count = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  std::vector<std::vector<std::int64_t>> f(count(shape.rows)), s(count(shape.rows));
  for (auto& row : f) row.assign(count(work.lanes), 0);
  std::vector<std::int64_t> through;
  for (const Segment& segment : work.segments) {
    const std::size_t back = rules.refill == Refill::barrier ? 1 : 2;
    const std::int64_t gate =
        rules.refill == Refill::free || through.size() < back ? 0 : through[through.size() - back];
    std::int64_t latest = 0;
    for (std::int64_t r = 0; r < shape.rows; ++r) {
      auto& done = s[count(r)];
      for (std::int64_t step = 0; step < segment.steps; ++step) {
        const std::int64_t at = step * work.lanes + r;
        const std::int64_t before = done.empty() ? 0 : done.back();
        if (segment.present[at] == 0) {
          done.push_back(before);
          continue;
        }
        const auto o = static_cast<std::int64_t>(done.size());
        std::int64_t slowest = 0;
        for (std::int64_t c = 0; c < work.lanes; ++c) {
          std::int64_t n = 0;
          for (std::int64_t w = 0; w < work.words; ++w) {
            n += std::popcount(segment.neurons[segment.neurons_at[at] + w * work.lanes + c] &
                               segment.synapses[segment.synapses_at[at] + w * work.lanes + c]);
          }
          const std::int64_t release =
              rules.slack != 0 && o >= rules.slack ? done[count(o - rules.slack)] : 0;
          std::int64_t& finish = f[count(r)][count(c)];
          finish = std::max({finish, release, gate}) + n;
          slowest = std::max(slowest, finish);
        }
        done.push_back(std::max(before + 1, slowest));
      }
      if (!done.empty()) latest = std::max(latest, done.back());
    }
    through.push_back(latest);
  }
  return through.back();
}

TEST(Relaxed, FollowsTheDefinition) {
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    Shape shape = random_shape(random);
    shape.slices = 4;
    shape.minimum = false;
    const auto work = make(shape, random);
    RelaxedRules rules = random_rules(shape, random);
    rules.bus = false;
    EXPECT_EQ(run(*work, rules).cycles, by_definition(*work, shape, rules));
  }
}

// One row whose stores never hold it up is the recurrence of sim::Lanes: slack 1 is lock step, no
// bound on slack the free-running bound.
TEST(Relaxed, OneRowIsTheCommonRecurrence) {
  Random random(3);
  for (int i = 0; i < 50; ++i) {
    Shape shape;
    shape.rows = 1;
    shape.absent = 0;
    shape.density = 0.9;  // No PE without a pair: a reduction takes a cycle.
    const auto work = make(shape, random);
    std::vector<std::vector<std::int32_t>> steps;
    for (const Segment& g : work->segments) {
      for (std::int64_t step = 0; step < g.steps; ++step) {
        std::vector<std::int32_t> beats(16);
        for (std::size_t c = 0; c < 16; ++c) {
          for (std::int64_t w = 0; w < 2; ++w) {
            const std::size_t at = static_cast<std::size_t>(w) * 16 + c;
            beats[c] +=
                std::popcount(g.neurons[static_cast<std::size_t>(g.neurons_at[step * 16]) + at] &
                              g.synapses[static_cast<std::size_t>(g.synapses_at[step * 16]) + at]);
          }
        }
        steps.push_back(beats);
      }
    }
    for (const std::int64_t slack : {0, 1, 2, 3, 8}) {
      sim::Lanes lanes(16, slack == 0 ? sim::kFreeRunning : slack);
      std::int64_t lock_step = 0;
      for (const auto& beats : steps) {
        lanes.step(beats);
        lock_step += *std::max_element(beats.begin(), beats.end());
      }
      RelaxedRules rules;
      rules.slack = slack;
      rules.refill = Refill::free;
      EXPECT_EQ(run(*work, rules).cycles, lanes.makespan());
      if (slack == 1) {
        EXPECT_EQ(run(*work, rules).cycles, lock_step);
      }
    }
  }
}

TEST(Relaxed, FreedomNeverCostsCycles) {
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    Shape shape = random_shape(random);
    const auto work = make(shape, random);
    RelaxedRules rules = random_rules(shape, random);
    std::int64_t before = std::int64_t{1} << 60;
    for (const std::int64_t slack : {1, 2, 3, 4, 8, 16, 64, 0}) {
      rules.slack = slack;
      const std::int64_t cycles = run(*work, rules).cycles;
      EXPECT_LE(cycles, before);
      before = cycles;
    }
    rules = random_rules(shape, random);
    before = std::int64_t{1} << 60;
    for (const Refill refill : {Refill::barrier, Refill::skew, Refill::free}) {
      rules.refill = refill;
      const std::int64_t cycles = run(*work, rules).cycles;
      EXPECT_LE(cycles, before);
      before = cycles;
    }
    rules.bus = true;
    const std::int64_t with_bus = run(*work, rules).cycles;
    rules.bus = false;
    EXPECT_LE(run(*work, rules).cycles, with_bus);
  }
}

TEST(Relaxed, WiderScansNeverCostCycles) {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    Shape shape = random_shape(random);
    shape.minimum = false;
    const auto work = make(shape, random);
    RelaxedRules rules = random_rules(shape, random);
    std::int64_t cycles[3];
    const std::uint32_t floors[] = {0x10001, 1, 0};
    const std::int64_t slices[] = {1, 2, 4};
    for (std::size_t k = 0; k < 3; ++k) {
      std::fill(work->floors.begin(), work->floors.end(), floors[k]);
      rules.slices = slices[k];
      cycles[k] = run(*work, rules).cycles;
    }
    EXPECT_GE(cycles[0], cycles[1]);
    EXPECT_GE(cycles[1], cycles[2]);
  }
}

}  // namespace
}  // namespace syncopate::accel::flexflow

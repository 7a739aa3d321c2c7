// Speed of the entropy coders on made-up weights: every mode encodes and decodes, the answer is
// checked first. Items are weights, bytes those of float32, one thread, CPU time.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "codec/integers.h"

namespace {

using namespace syncopate;

enum Kind { kInt4, kSparse, kBlocks, kInt8 };

/// Smooth heavy-tailed weights of a 3x3 convolution, as trained ones are.
std::vector<std::int32_t> weights(const Shape& shape, Kind kind) {
  Random random(1);
  std::vector<std::int32_t> values(static_cast<std::size_t>(element_count(shape)));
  const std::int64_t row = shape[1] * 9;
  std::vector<bool> alive;
  for (std::int64_t i = 0; i < (shape[0] / 16 + 1) * row; ++i) alive.push_back(random.chance(0.2));
  const double scale = kind == kInt8 ? 22 : 1.4;
  const double limit = kind == kInt8 ? 127 : 7;
  double smooth = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    smooth = 0.4 * smooth + random.normal();
    const double value =
        std::clamp(smooth * scale * std::exp(0.3 * random.normal()), -limit, limit);
    const auto at = static_cast<std::int64_t>(i);
    if (kind == kBlocks && !alive[static_cast<std::size_t>(at / row / 16 * row + at % row)])
      continue;
    if (kind == kSparse && std::abs(smooth) < 1.4) continue;
    values[i] = static_cast<std::int32_t>(std::lround(value));
  }
  return values;
}

const Shape kShape{256, 256, 3, 3};

void count(benchmark::State& state, std::size_t values, std::size_t coded) {
  const auto all =
      static_cast<std::int64_t>(values) * static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(all);
  state.SetBytesProcessed(all * 4);
  state.counters["bits_per_weight"] =
      8.0 * static_cast<double>(coded) / static_cast<double>(values);
}

void encode(benchmark::State& state, codec::Mode mode, Kind kind) {
  const auto values = weights(kShape, kind);
  std::size_t bytes = 0;
  for (auto step : state) {
    static_cast<void>(step);
    bytes = codec::encode_integers(values, kShape, mode).size();
  }
  count(state, values.size(), bytes);
}

void decode(benchmark::State& state, codec::Mode mode, Kind kind) {
  const auto values = weights(kShape, kind);
  const codec::Bytes bytes = codec::encode_integers(values, kShape, mode);
  std::vector<std::int32_t> back(values.size());
  codec::decode_integers(bytes, kShape, mode, back);
  if (back != values) return state.SkipWithError("decoding gives other values");
  for (auto step : state) {
    static_cast<void>(step);
    codec::decode_integers(bytes, kShape, mode, back);
    benchmark::DoNotOptimize(back.data());
  }
  count(state, values.size(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::pair<const char*, codec::Mode> modes[] = {
      {"max", codec::Mode::max}, {"fast", codec::Mode::fast}, {"huffman", codec::Mode::huffman}};
  const std::pair<const char*, Kind> kinds[] = {
      {"int4", kInt4}, {"int4_80sparse", kSparse}, {"int4_blocks", kBlocks}, {"int8", kInt8}};
  for (const auto& [mode_name, mode] : modes) {
    for (const auto& [kind_name, kind] : kinds) {
      const std::string name = std::string(mode_name) + "/" + kind_name;
      benchmark::RegisterBenchmark(("decode/" + name).c_str(), decode, mode, kind)
          ->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark(("encode/" + name).c_str(), encode, mode, kind)
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

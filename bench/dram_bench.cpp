// DRAM simulation speed in requests per second of processor time on one core. The answers, clocks
// for the cases that public tools were measured on, are checked before anything is timed.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "sim/dram.h"
#include "sim/memory.h"

namespace {

using namespace syncopate::sim;

constexpr std::int64_t kRequests = 200'000;

struct Case {
  const char* preset;
  const char* pattern;
  double clocks;  ///< DRAMsim3 for 50,000 reads without gaps; 0 when not measured.
  int write_percent = 0;
};

constexpr Case kCases[] = {
    {"ddr4-2400", "stream", 255698},   {"ddr4-2400", "random", 344463},
    {"ddr3-1600", "stream", 208045},   {"ddr3-1600", "random", 418065},
    {"lpddr4-2400", "stream", 418822}, {"lpddr4-2400", "random", 406493},
    {"ddr4-2400-2rank", "random", 0},  {"ddr3-1600-2rank", "random", 0},
    {"ddr4-2400", "random", 0, 50},    {"ddr4-2400-2rank", "random", 0, 50},
    {"lpddr4-3200", "random", 0, 50},
};

bool answers_hold() {
  for (const Case& c : kCases) {
    if (c.clocks == 0) continue;
    const DramSpec spec = load_dram(c.preset);
    const DramPattern pattern{dram_pattern_kind(c.pattern), 50'000, 0, 0};
    const DramResult result = replay(spec, make_trace(spec, pattern));
    const double error = static_cast<double>(result.clocks) / c.clocks - 1;
    std::printf("%-16s %-7s %8ld clocks, DRAMsim3 %8.0f (%+.2f %%)\n", c.preset, c.pattern,
                static_cast<long>(result.clocks), c.clocks, error * 100);
    if (std::abs(error) > 0.1) return false;
  }
  return true;
}

void play(benchmark::State& state, const Case& c) {
  const DramSpec spec = load_dram(c.preset);
  const DramPattern pattern{dram_pattern_kind(c.pattern), kRequests, 0, c.write_percent};
  const auto trace = make_trace(spec, pattern);
  for (auto _ : state) benchmark::DoNotOptimize(replay(spec, trace).clocks);
  state.SetItemsProcessed(state.iterations() * kRequests);
}

/// What a machine's DMA asks for: transfers of 4 KiB, one in eight of them a write.
void serve(benchmark::State& state, const std::string& preset) {
  constexpr std::int64_t kBytes = 4096, kTransfers = 4000;
  for (auto _ : state) {
    const auto memory = make_memory(preset, 1000);
    std::int64_t end = 0;
    for (std::int64_t i = 0; i < kTransfers; ++i) {
      Transfer transfer;
      transfer.address = static_cast<std::uint64_t>(i * kBytes);
      transfer.bytes = kBytes;
      end = memory->serve(0, transfer, i % 8 == 7);
    }
    benchmark::DoNotOptimize(end);
  }
  state.SetItemsProcessed(state.iterations() * kTransfers * kBytes / 64);
}

}  // namespace

int main(int argc, char** argv) {
  if (!answers_hold()) {
    std::fprintf(stderr, "dram_bench: an answer is more than 10 %% off\n");
    return 1;
  }
  for (const Case& c : kCases) {
    const std::string mix = c.write_percent > 0 ? "/writes" + std::to_string(c.write_percent) : "";
    benchmark::RegisterBenchmark((std::string(c.preset) + "/" + c.pattern + mix).c_str(),
                                 [&c](benchmark::State& state) { play(state, c); });
  }
  for (const char* preset : {"ideal-25.6", "ddr4-2400"}) {
    benchmark::RegisterBenchmark((std::string("dma/") + preset).c_str(),
                                 [preset](benchmark::State& state) { serve(state, preset); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}

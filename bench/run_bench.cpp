// What a whole fresh `run --check sample` costs beside one float inference of the same network, in
// one process: lowering, calibration, quantization, packing, compiling, fixed-point inference,
// counting and the sampled check on one machine, and what each further machine adds. Reading the
// network is not counted. The run itself checks the answers; float and fixed point must agree on
// the best class.
//
// --parts instead shows what takes that time: the phases of the fresh run, and what every machine
// spends on compiling, counting and checking when one run has them all.
//
//   run_bench [--parts] [--on MACHINE,...] [network...]    default: all machines; vgg16 resnet50

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <sstream>
#include <string>
#include <vector>

#include "accel/registry.h"
#include "base/error.h"
#include "base/restart.h"
#include "flow/run.h"
#include "ref/float_net.h"
#include "zoo/networks.h"

namespace syncopate {
namespace {

constexpr int kRounds = 3;

/// Seconds of all threads together, which other work on the machine disturbs less.
double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Seconds that pass, and seconds of all threads.
struct Time {
  double wall = 1e9, threads = 1e9;
  void keep_least(const Time& other) {
    wall = std::min(wall, other.wall);
    threads = std::min(threads, other.threads);
  }
};

Time float_time(const std::string& network) {
  const ir::Graph graph = zoo::network(network);
  const ref::FloatNet net(graph);
  const std::vector<Tensor> inputs{Tensor(DType::f32, graph.value(graph.inputs[0]).shape)};
  Time best;
  for (int i = 0; i < 5; ++i) {
    const double threads = thread_seconds();
    const auto start = std::chrono::steady_clock::now();
    net.run(inputs);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best.keep_least({spent.count(), thread_seconds() - threads});
  }
  return best;
}

std::vector<std::string> machines;  ///< In the order they are added.

/// `phase_starts`: gets thread_seconds() at the start of every phase.
report::RunResult run(const std::string& network, std::size_t count,
                      std::vector<double>* phase_starts = nullptr) {
  flow::RunOptions options;
  options.model.model = "zoo:" + network;
  for (std::size_t i = 0; i < count; ++i) options.machines.push_back({machines[i], {}});
  std::string phase;
  report::RunResult result = flow::run(options, [&](const flow::Step& step) {
    if (!phase_starts || step.phase == phase) return;
    phase = step.phase;
    phase_starts->push_back(thread_seconds());
  });
  if (result.fraction_same_top1() != 1) broken("{}: float and fixed point disagree", network);
  return result;
}

/// All phases but the import, which is the first.
Time run_time(const std::string& network, std::size_t count) {
  std::vector<double> starts;
  const report::RunResult result = run(network, count, &starts);
  Time time{0, thread_seconds() - starts[1]};
  for (const report::Phase& phase : result.phases) {
    if (phase.name != "import") time.wall += phase.seconds;
  }
  return time;
}

void compare(const std::string& network) {
  Time floating;
  std::vector<Time> runs(machines.size() + 1);
  runs[0] = {0, 0};
  for (int round = 0; round < kRounds; ++round) {
    floating.keep_least(float_time(network));
    for (std::size_t count = 1; count <= machines.size(); ++count) {
      runs[count].keep_least(run_time(network, count));
    }
  }
  const auto show = [&](const std::string& name, double wall, double threads) {
    std::printf("  %-24s %7.1f ms  %5.2fx   threads %7.1f ms  %5.2fx\n", name.c_str(), wall * 1e3,
                wall / floating.wall, threads * 1e3, threads / floating.threads);
  };
  std::printf("%s\n", network.c_str());
  show("float inference", floating.wall, floating.threads);
  for (std::size_t count = 1; count <= machines.size(); ++count) {
    show((count == 1 ? "fresh run on " : "and on ") + machines[count - 1],
         runs[count].wall - runs[count - 1].wall, runs[count].threads - runs[count - 1].threads);
  }
}

/// The least of every part, over all rounds.
void keep_least(report::RunResult& best, const report::RunResult& other) {
  for (std::size_t p = 0; p < best.phases.size(); ++p) {
    best.phases[p].seconds = std::min(best.phases[p].seconds, other.phases[p].seconds);
  }
  for (std::size_t m = 0; m < best.machines.size(); ++m) {
    report::MachineResult& machine = best.machines[m];
    const report::MachineResult& seen = other.machines[m];
    machine.compile_seconds = std::min(machine.compile_seconds, seen.compile_seconds);
    machine.count_seconds = std::min(machine.count_seconds, seen.count_seconds);
    machine.check_seconds = std::min(machine.check_seconds, seen.check_seconds);
  }
}

/// A fresh run on the first machine, and the thread seconds of its phases.
report::RunResult fresh_run(const std::string& network, std::vector<double>& threads) {
  std::vector<double> starts;
  report::RunResult result = run(network, 1, &starts);
  starts.push_back(thread_seconds());
  threads.resize(result.phases.size(), 1e9);
  for (std::size_t p = 0; p < threads.size(); ++p) {
    threads[p] = std::min(threads[p], starts[p + 1] - starts[p]);
  }
  return result;
}

void show_parts(const std::string& network) {
  double floating = float_time(network).wall;
  std::vector<double> threads;
  report::RunResult fresh = fresh_run(network, threads), all = run(network, machines.size());
  for (int round = 1; round < kRounds; ++round) {
    floating = std::min(floating, float_time(network).wall);
    keep_least(fresh, fresh_run(network, threads));
    keep_least(all, run(network, machines.size()));
  }
  std::printf("%-10s float inference %7.1f ms\n", network.c_str(), floating * 1e3);
  double sum = 0, thread_sum = 0;
  const auto show = [&](const std::string& name, double seconds, double of_threads) {
    std::printf("  %-22s %7.1f ms  %5.2fx   threads %7.1f ms\n", name.c_str(), seconds * 1e3,
                seconds / floating, of_threads * 1e3);
  };
  for (std::size_t p = 0; p < fresh.phases.size(); ++p) {
    const report::Phase& phase = fresh.phases[p];
    if (phase.name == "import") continue;
    sum += phase.seconds;
    thread_sum += threads[p];
    show(phase.name, phase.seconds, threads[p]);
  }
  show("fresh run", sum, thread_sum);
  std::printf("  %-22s compile   count   check ms\n", "");
  for (const report::MachineResult& machine : all.machines) {
    const double total = machine.compile_seconds + machine.count_seconds + machine.check_seconds;
    std::printf("  %-22s %7.1f %7.1f %7.1f     %5.2fx\n", machine.spec.machine.c_str(),
                machine.compile_seconds * 1e3, machine.count_seconds * 1e3,
                machine.check_seconds * 1e3, total / floating);
  }
}

std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace
}  // namespace syncopate

int main(int argc, char** argv) {
  using namespace syncopate;
  restart_tuned(argv);
  try {
    for (const sim::Accelerator* accelerator : accel::all()) {
      machines.emplace_back(accelerator->name);
    }
    bool parts = false;
    std::vector<std::string> networks;
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      if (argument == "--parts") {
        parts = true;
      } else if (argument == "--on" && i + 1 < argc) {
        machines = parts_of(argv[++i]);
      } else {
        networks.push_back(argument);
      }
    }
    if (networks.empty()) networks = {"vgg16", "resnet50"};
    for (const std::string& network : networks) (parts ? show_parts : compare)(network);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "run_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}

#pragma once

#include "report/result.h"

namespace syncopate::report {

/// A small, complete result for tests of printers: two machines, two layers, hostile names.
inline RunResult sample_run() {
  RunResult run;
  run.model = "net";
  run.source = "net.onnx";
  run.input_description = "1 input";
  run.inputs = 1;
  run.layers = {{"conv1", "conv1", "conv 3x3", "1x4x8x8", 9216, 144, 0.5, 0.25},
                {"fc </script><b>&\"x", "fc", "fc", "1x10", 640, 640, 0.1, 1}};
  for (const char* name : {"slow", "fast"}) {
    MachineResult machine;
    machine.spec.machine = name;
    machine.spec.lanes = 4;
    machine.spec.multipliers_per_lane = 4;
    machine.dram = "ideal-25.6";
    machine.dram_gbps = 25.6;
    const std::int64_t factor = name[0] == 's' ? 2 : 1;
    for (const NetworkLayer& layer : run.layers) {
      LayerResult result;
      result.stats.cycles = 1000 * factor;
      result.stats.pairs_required = layer.pairs;
      result.stats.pairs_issued = layer.pairs / 2;
      result.stats.pairs_effectual = layer.pairs / 4;
      result.stats[sim::Cause::work] = 4000;
      result.stats[sim::Cause::bubble] = 16000 * factor - 4000;
      result.stats.neuron_read_bytes = 1024;
      result.stats.write_bytes = 512;
      result.energy = {{"multipliers", 100, false}, {"DRAM", 300, true}};
      result.tiles = 3;
      result.checked_tiles = 1;
      add(machine.total, result);
      machine.layers.push_back(result);
    }
    run.machines.push_back(machine);
  }
  run.answers = {{"cat.png", {{3, 9.5, "cat"}}, {{3, 9.4, "cat"}}, 0.1, 0.01, true}};
  run.phases = {{"import", 0.5}};
  return run;
}

}  // namespace syncopate::report

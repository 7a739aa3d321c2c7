#include "report/json.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "report/causes.h"

namespace syncopate::report {
namespace {

// Keys stay in the order written: readers and diffs like it.
using Json = nlohmann::ordered_json;

Json energy_json(const std::vector<cost::Part>& parts) {
  Json list = Json::array();
  for (const cost::Part& part : parts) {
    list.push_back({{"component", part.component}, {"pj", part.picojoules}, {"dram", part.dram}});
  }
  return list;
}

Json stats_json(const sim::Stats& stats) {
  Json causes;
  for (const sim::Cause cause : kAllCauses) causes[std::string(sim::name_of(cause))] = stats[cause];
  return {{"cycles", stats.cycles},
          {"multiplier_cycles", causes},
          {"pairs",
           {{"required", stats.pairs_required},
            {"issued", stats.pairs_issued},
            {"effectual", stats.pairs_effectual}}},
          {"dram_bytes",
           {{"neurons", stats.neuron_read_bytes},
            {"synapses", stats.synapse_read_bytes},
            {"index", stats.index_read_bytes},
            {"written", stats.write_bytes}}},
          {"actions", stats.actions}};
}

Json layer_json(const LayerResult& layer) {
  Json json = stats_json(layer.stats);
  json["compute_cycles"] = layer.compute_cycles;
  json["memory_cycles"] = layer.memory_cycles;
  json["tiles"] = layer.tiles;
  json["checked"] = {{"tiles", layer.checked_tiles},
                     {"sums", layer.checked_sums},
                     {"outputs", layer.checked_outputs}};
  json["energy"] = energy_json(layer.energy);
  return json;
}

Json spec_json(const arch::Spec& spec) {
  Json params, buffers, actions = Json::array();
  for (const ParamInfo& param : spec.params) params[param.name] = param.value;
  for (const arch::Buffer& buffer : spec.buffers) buffers[buffer.name] = buffer.bytes;
  for (const arch::Action& action : spec.actions) {
    actions.push_back({{"name", action.name}, {"component", action.component}});
  }
  return {{"name", spec.machine},
          {"description", spec.description},
          {"lanes", spec.lanes},
          {"multipliers_per_lane", spec.multipliers_per_lane},
          {"clock_mhz", spec.clock_mhz},
          {"word_bits", spec.word_bits},
          {"node_nm", spec.node_nm},
          {"buffers", buffers},
          {"params", params},
          {"actions", actions}};
}

Json use_json(const cost::FpgaUse& use) {
  Json json;
  for (const cost::FpgaResource& resource : cost::kFpgaResources) {
    json[std::string(resource.name)] = use.*resource.value;
  }
  return json;
}

Json fpga_json(const MachineResult& machine) {
  Json json{{"basis", cost::kFpgaBasis},
            {"total", use_json(cost::total(machine.fpga))},
            {"components", Json::object()}};
  for (const cost::FpgaPart& part : machine.fpga) {
    json["components"][part.component] = use_json(part.use);
  }
  if (const cost::FpgaBoard* board = cost::board_of(machine.spec)) {
    json["board"] = board->name;
    json["limits"] = use_json(board->limits);
  }
  return json;
}

Json machine_json(const RunResult& run, const MachineResult& machine) {
  const double seconds = machine.seconds_per_input(run.inputs);
  Json json{
      {"machine", spec_json(machine.spec)},
      {"dram", {{"preset", machine.dram}, {"peak_gbps", machine.dram_gbps}}},
      {"program",
       {{"instructions", machine.program_instructions}, {"image_bytes", machine.image_bytes}}},
      {"seconds_per_inference", seconds},
      {"frames_per_second", seconds == 0 ? 0 : 1 / seconds},
      {"utilization", machine.utilization()},
      {"tops_per_watt",
       {{"on_chip", machine.tops_per_watt(false)}, {"with_dram", machine.tops_per_watt(true)}}},
      {"host_seconds",
       {{"compile", machine.compile_seconds},
        {"count", machine.count_seconds},
        {"check", machine.check_seconds}}},
      {"total", layer_json(machine.total)},
      {"layers", Json::array()}};
  for (const LayerResult& layer : machine.layers) json["layers"].push_back(layer_json(layer));
  for (const cost::AreaPart& part : machine.area) json["area_mm2"][part.component] = part.mm2;
  if (!machine.fpga.empty()) json["fpga"] = fpga_json(machine);
  return json;
}

Json guesses_json(const std::vector<Guess>& guesses) {
  Json list = Json::array();
  for (const Guess& guess : guesses) {
    list.push_back({{"class", guess.index}, {"value", guess.value}, {"label", guess.label}});
  }
  return list;
}

Json answers_json(const RunResult& run) {
  Json list = Json::array();
  for (const Answer& answer : run.answers) {
    list.push_back({{"input", answer.input},
                    {"float", guesses_json(answer.floating)},
                    {"fixed", guesses_json(answer.fixed)},
                    {"same_top1", answer.same_top1},
                    {"max_error", answer.max_error},
                    {"relative_error", answer.relative_error}});
  }
  return list;
}

Json layers_json(const RunResult& run) {
  Json list = Json::array();
  for (const NetworkLayer& layer : run.layers) {
    list.push_back({{"name", layer.name},
                    {"layer", layer.layer},
                    {"kind", layer.kind},
                    {"shape", layer.shape},
                    {"pairs", layer.pairs},
                    {"weights", layer.weights},
                    {"weight_density", layer.weight_density},
                    {"input_density", layer.input_density}});
  }
  return list;
}

std::string_view check_name(sim::CheckMode mode) {
  if (mode == sim::CheckMode::off) return "off";
  return mode == sim::CheckMode::full ? "full" : "sample";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string to_json(const RunResult& run) {
  Json json{{"format", "syncopate-run"},
            {"version", kJsonVersion},
            {"command", run.command},
            {"model",
             {{"name", run.model},
              {"source", run.source},
              {"synthetic", run.synthetic},
              {"weight_bits", run.weight_bits},
              {"activation_bits", run.activation_bits}}},
            {"input",
             {{"description", run.input_description},
              {"procedural", run.procedural_input},
              {"count", run.inputs}}},
            {"check", check_name(run.check)},
            {"seed", run.seed},
            {"answers", answers_json(run)},
            {"layers", layers_json(run)},
            {"machines", Json::array()},
            {"phases", Json::array()},
            {"peak_memory_bytes", run.peak_memory_bytes}};
  for (const MachineResult& machine : run.machines) {
    json["machines"].push_back(machine_json(run, machine));
  }
  for (const Phase& phase : run.phases) {
    json["phases"].push_back({{"name", phase.name}, {"seconds", phase.seconds}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_csv(const RunResult& run) {
  std::string out =
      "machine,layer,kind,output,weight_density,input_density,cycles,compute_cycles,memory_cycles,"
      "pairs_required,pairs_issued,pairs_effectual";
  for (const sim::Cause cause : kAllCauses) out += fmt::format(",{}", sim::name_of(cause));
  out +=
      ",neuron_bytes,synapse_bytes,index_bytes,write_bytes,energy_pj,dram_energy_pj,tiles,"
      "checked_tiles\r\n";
  for (const MachineResult& machine : run.machines) {
    for (std::size_t i = 0; i < machine.layers.size(); ++i) {
      const NetworkLayer& layer = run.layers[i];
      const LayerResult& result = machine.layers[i];
      const sim::Stats& stats = result.stats;
      double chip = 0, dram = 0;
      for (const cost::Part& part : result.energy) (part.dram ? dram : chip) += part.picojoules;
      out += fmt::format("{},{},{},{},{:.6g},{:.6g},{},{},{},{},{},{}",
                         quoted(machine.spec.machine), quoted(layer.name), quoted(layer.kind),
                         layer.shape, layer.weight_density, layer.input_density, stats.cycles,
                         result.compute_cycles, result.memory_cycles, stats.pairs_required,
                         stats.pairs_issued, stats.pairs_effectual);
      for (const sim::Cause cause : kAllCauses) out += fmt::format(",{}", stats[cause]);
      out += fmt::format(",{},{},{},{},{:.9g},{:.9g},{},{}\r\n", stats.neuron_read_bytes,
                         stats.synapse_read_bytes, stats.index_read_bytes, stats.write_bytes,
                         chip + dram, dram, result.tiles, result.checked_tiles);
    }
  }
  return out;
}

}  // namespace syncopate::report

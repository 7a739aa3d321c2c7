#include "cli/arguments.h"

#include <charconv>

#include "accel/registry.h"
#include "base/error.h"

namespace syncopate::cli {
namespace {

/// One parameter for the machines it names, or all of them.
void assign(std::vector<flow::MachineRequest>& machines, Params* energy, const std::string& key,
            const std::string& value, const std::string& origin) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) {
    for (flow::MachineRequest& machine : machines) machine.overrides.set(key, value);
    return;
  }
  const std::string name = key.substr(0, dot);
  if (name == "energy" && energy != nullptr) return energy->set(key.substr(dot + 1), value);
  for (flow::MachineRequest& machine : machines) {
    if (machine.name == name) return machine.overrides.set(key.substr(dot + 1), value);
  }
  // A file may configure more machines than this run uses, but not unknown ones.
  accel::find(name);
  if (origin == "--set")
    fail("--set {}={}: '{}' is not among the machines of --on", key, value, name);
}

}  // namespace

flow::ModelOptions to_model(const ModelArguments& arguments) {
  flow::ModelOptions model;
  model.model = arguments.model;
  model.seed = arguments.seed;
  for (const std::string& word : arguments.dims) {
    const std::size_t equals = word.rfind('=');
    std::int64_t value = 0;
    const char* end = word.data() + word.size();
    if (equals == std::string::npos || equals == 0 ||
        std::from_chars(word.data() + equals + 1, end, value).ptr != end || value < 1) {
      fail("--dim {}: expected name=N with N at least 1, e.g. batch=1", word);
    }
    model.dims[word.substr(0, equals)] = value;
  }
  return model;
}

flow::InputOptions to_input(const InputArguments& arguments) {
  flow::InputOptions input;
  input.paths = arguments.paths;
  input.preset = arguments.normalize;
  if (!arguments.mean.empty()) input.mean = arguments.mean;
  if (!arguments.deviation.empty()) input.deviation = arguments.deviation;
  if (arguments.scale != 0) input.scale = arguments.scale;
  input.bgr = arguments.bgr;
  input.limit = arguments.limit;
  return input;
}

std::vector<flow::MachineRequest> to_machines(const MachineArguments& arguments, Params* energy) {
  std::vector<flow::MachineRequest> machines;
  for (const std::string& name : arguments.names) {
    accel::find(name);
    for (const flow::MachineRequest& other : machines) {
      if (other.name == name) fail("--on: '{}' is named twice", name);
    }
    machines.push_back({name, {}});
  }
  if (!arguments.config.empty()) {
    const Params file = Params::from_yaml_file(arguments.config);
    for (const auto& [key, value] : file.values())
      assign(machines, energy, key, value, arguments.config);
  }
  const Params set = Params::from_words(arguments.set);
  for (const auto& [key, value] : set.values()) assign(machines, energy, key, value, "--set");
  return machines;
}

gconv::QuantizeOptions to_quantize(const Precision& precision) {
  gconv::QuantizeOptions options;
  options.weight_bits = options.activation_bits = precision.bits;
  options.weight_threshold = precision.weight_threshold;
  options.activation_threshold = precision.activation_threshold;
  return options;
}

}  // namespace syncopate::cli

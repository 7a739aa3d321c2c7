#include "flow/prepare.h"

#include <algorithm>

#include "gconv/lower.h"
#include "gconv/passes.h"

namespace syncopate::flow {

ref::Calibration calibrate(const ir::Graph& graph, const gconv::Chain& floating,
                           const Inputs& inputs) {
  std::vector<std::vector<Tensor>> loaded;
  for (std::size_t i = 0; i < std::min(inputs.size(), kMostCalibrationInputs); ++i) {
    loaded.push_back(inputs.load(i));
  }
  return ref::calibrate(graph, floating, loaded);
}

ref::Calibration calibrate(const ir::Graph& graph, const Inputs& inputs) {
  return calibrate(graph, gconv::lower(graph), inputs);
}

gconv::Chain prepare_chain(const PrepareOptions& options) {
  const ir::Graph graph = load_model(options.model);
  const Inputs inputs(graph, options.input);
  const gconv::Chain floating = gconv::lower(graph);
  const gconv::Ranges ranges = calibrate(graph, floating, inputs).ranges;
  gconv::Chain chain = gconv::quantize(floating, ranges, options.quantize);
  return options.optimize ? gconv::optimize(std::move(chain)) : chain;
}

gconv::Chain prepare_float_chain(const ModelOptions& options, bool optimize) {
  gconv::Chain chain = gconv::lower(load_model(options));
  return optimize ? gconv::optimize(chain) : chain;
}

}  // namespace syncopate::flow

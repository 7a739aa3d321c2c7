#pragma once

#include <optional>
#include <vector>

#include "flow/inputs.h"
#include "flow/model.h"
#include "gconv/chain.h"
#include "gconv/quantize.h"
#include "ref/calibrate.h"

namespace syncopate::flow {

/// Most inputs that scales are calibrated on: the first ones.
inline constexpr std::size_t kMostCalibrationInputs = 16;

/// Ranges of every chain tensor and the float answers, over the first inputs.
ref::Calibration calibrate(const ir::Graph& graph, const gconv::Chain& floating,
                           const Inputs& inputs);
/// The same for the chain that `graph` lowers to.
ref::Calibration calibrate(const ir::Graph& graph, const Inputs& inputs);

struct PrepareOptions {
  ModelOptions model;
  InputOptions input;
  gconv::QuantizeOptions quantize;
  bool optimize = true;
};

/// A network as an integer chain, calibrated on the inputs: what machines are compiled for.
gconv::Chain prepare_chain(const PrepareOptions& options);

/// The same in float, neither calibrated nor quantized.
gconv::Chain prepare_float_chain(const ModelOptions& options, bool optimize);

}  // namespace syncopate::flow

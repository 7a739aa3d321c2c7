#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/dataset.h"
#include "data/normalization.h"
#include "gconv/quantize.h"
#include "ir/graph.h"

namespace syncopate::flow {

/// How to score a network on labeled pictures.
struct EvaluateOptions {
  data::Normalization normalization;
  gconv::QuantizeOptions quantize;
  std::int64_t calibration_pictures = 32;  ///< The first ones; scales come from these alone.
  std::int64_t label_offset =
      0;  ///< Output index of label 0 (1 for networks with a background class).
};

/// Accuracy of a network in float and in fixed point on the same pictures.
struct Evaluation {
  std::int64_t pictures = 0;
  std::int64_t float_top1 = 0, fixed_top1 = 0;  ///< Pictures classified right.
  std::int64_t float_top5 = 0, fixed_top5 = 0;
  std::int64_t agree = 0;  ///< Pictures where both give the same answer.
  double snr_db = 0;  ///< Energy of the float logits over that of their error, over all pictures.
};

/// Called with the number of pictures done and the total.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

/// Runs every picture through the float and the fixed-point network. InputError when the network
/// has not one input of the pictures' shape, or its first output does not hold the labels.
Evaluation evaluate(const ir::Graph& graph, const data::DataSet& set,
                    const EvaluateOptions& options, const Progress& progress = {});

/// Extents of the network's pictures; InputError when it has not one input [1,C,H,W].
data::PictureShape picture_shape(const ir::Graph& graph);

}  // namespace syncopate::flow

#pragma once

#include <vector>

#include "accel/flexflow/isa.h"
#include "gconv/chain.h"

namespace syncopate::accel::flexflow {

/// The convolutions of a chain as the chooser sees them.
struct Network {
  std::vector<Layer> layers;
  std::vector<std::size_t> gconvs;  ///< Index in the chain of every layer.
};
/// A layer's producer is found by walking back from its input through pooling and elementwise work,
/// along first operands, to a convolution; where several write the tensor (a concatenation), along
/// the one that writes most of it [assumed]. With `effective`, windows are weighed by their
/// non-zero weights.
Network network_of(const gconv::Chain& chain, const ChooserOptions& options, bool effective);

/// Every layer's own configuration, one entry per gconv (those of other layers than convolutions
/// are not used). InputError when `config.overrides` is malformed, names no convolution, or names
/// factors that do not fit.
std::vector<LayerProgram> plan(const gconv::Chain& chain, const Config& config);

}  // namespace syncopate::accel::flexflow

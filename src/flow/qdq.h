#pragma once

#include "gconv/quantize.h"
#include "ir/graph.h"

namespace syncopate::flow {

/// A float network with explicit 8-bit quantization, as runtimes exchange it: weights become i8
/// constants behind DequantizeLinear (per output channel; per tensor when they hold at most 256
/// distinct values, so that codebooks survive), and activations pass a QuantizeLinear and
/// DequantizeLinear pair wherever they would be stored. Symmetric, zero point 0; scales from
/// `ranges`, the largest magnitudes by value name. Batch normalization right behind a convolution
/// is folded into it first; biases stay float.
///
///   x -> Conv(w) -> BatchNormalization -> Relu -> y
///   x -> Q -> DQ -> Conv(DQ(w')) -> Relu -> Q -> DQ -> y
///
/// InputError naming the node when the network is quantized already.
ir::Graph to_qdq(const ir::Graph& graph, const gconv::Ranges& ranges);

}  // namespace syncopate::flow

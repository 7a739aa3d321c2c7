#pragma once

#include <map>
#include <string_view>

#include "onnx/node_context.h"

// From ONNX nodes of any opset to the operators of the graph, one function per ONNX operator.

namespace syncopate::onnx {

using Translator = void (*)(NodeContext&);
using Translators = std::map<std::string_view, Translator>;

/// Convolutions, pooling, matrix products, normalization.
void add_layer_translators(Translators& table);
/// Elementwise functions, arithmetic, reductions, quantization.
void add_value_translators(Translators& table);
/// Operators that move, select or make elements.
void add_move_translators(Translators& table);

/// All of them, by ONNX operator.
const Translators& translators();

}  // namespace syncopate::onnx

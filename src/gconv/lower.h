#pragma once

#include "gconv/chain.h"
#include "ir/graph.h"

namespace syncopate::gconv {

/// Lowers every layer of a network to GCONVs, in float, without fusion: batch normalization, bias,
/// scale and activations are GCONVs of their own with one post operation. Data movement (slices,
/// padding, concatenation, transpositions) becomes identity GCONVs over strided views, or nothing
/// where a view is enough. Activations of 3 or more dimensions are stored channels-last ("NHWC").
/// Tensors that hold an IR value carry its name. InputError names node, operator and what is
/// supported.
Chain lower(const ir::Graph& graph);

}  // namespace syncopate::gconv

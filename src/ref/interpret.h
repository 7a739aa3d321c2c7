#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::ref {

/// Executes a quantized chain straight from the definition, one element at a time: slow, obvious,
/// and the oracle of every faster path. Returns the contents of every tensor in storage order.
std::map<std::string, Tensor> interpret(const gconv::Chain& chain, std::span<const Tensor> inputs);

/// The same for a float chain, in double precision. Values in storage order.
std::map<std::string, std::vector<double>> interpret_float(const gconv::Chain& chain,
                                                           std::span<const Tensor> inputs);

}  // namespace syncopate::ref

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

/// One quantized GCONV in the same way. `kernel` is null when it has none; elements of `output`
/// that its view does not address keep their values.
void interpret_gconv(const gconv::GConv& gconv, const Tensor& input, const Tensor* kernel,
                     Tensor& output);

/// One float GCONV; `kernel` is empty when it has none.
void interpret_gconv_float(const gconv::GConv& gconv, std::span<const double> input,
                           std::span<const double> kernel, std::span<double> output);

/// The float post of one sum of output channel `channel`.
double apply_float(const std::vector<gconv::PostOp>& post, std::int64_t channel, double x);

/// Elements as doubles.
std::vector<double> to_doubles(const Tensor& tensor);

}  // namespace syncopate::ref

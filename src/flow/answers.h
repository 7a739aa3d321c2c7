#pragma once

#include <string>
#include <vector>

#include "base/tensor.h"
#include "report/result.h"

namespace syncopate::flow {

/// The five largest entries of a vector of scores ([N] or [1,N,1,...], f32; of a batch the first),
/// best first; empty for other shapes. `labels` by index, may be shorter.
std::vector<report::Guess> best_five(const Tensor& scores, const std::vector<std::string>& labels);

/// The float answer beside the fixed-point one; both f32 of one shape.
report::Answer compare(const std::string& input, const Tensor& floating, const Tensor& fixed,
                       const std::vector<std::string>& labels);

/// Class names, one per line; a leading WordNet id ("n01440764 tench") is dropped. InputError when
/// the file cannot be read.
std::vector<std::string> read_labels(const std::string& path);

}  // namespace syncopate::flow

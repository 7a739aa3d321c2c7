#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "ir/graph.h"

// Small random networks of one operator each, for tests: of gradients here, and against the float
// executor in tests/.

namespace syncopate::train {

/// An operator in one of its forms.
struct OperatorCase {
  std::string name;
  ir::Graph (*make)(Random& random);
};

/// Every operator that can be trained, in every form whose code differs.
const std::vector<OperatorCase>& operator_cases();

/// Values in [-2, 2], at least 0.01 apart from each other where there are fewer than 400, so that
/// no maximum or kink lies within a finite difference.
Tensor spread_values(Random& random, const Shape& shape);

}  // namespace syncopate::train

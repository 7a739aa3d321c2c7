#include "gconv/lowering.h"

namespace syncopate::gconv::lowering {
namespace {

/// Appends a factor, joining it with the one before when both form one run.
void append(std::vector<Factor>& factors, Factor next) {
  if (next.extent == 1) {
    return;
  }
  if (!factors.empty() && factors.back().stride == next.stride * next.extent) {
    factors.back() = {factors.back().extent * next.extent, next.stride};
  } else {
    factors.push_back(next);
  }
}

}  // namespace

bool Placed::simple() const {
  for (const auto& factors : dims) {
    if (factors.size() > 1) {
      return false;
    }
  }
  return true;
}

std::int64_t Placed::stride(std::size_t dimension) const {
  const std::vector<Factor>& factors = dims[dimension];
  if (factors.size() > 1) {
    broken("tensor '{}': dimension {} has no single stride", tensor, dimension);
  }
  return factors.empty() ? 0 : factors[0].stride;
}

std::optional<Placed> reshaped(const Placed& value, const Shape& shape) {
  std::vector<Factor> left;  // all factors, innermost first
  for (std::size_t i = value.dims.size(); i-- > 0;) {
    left.insert(left.end(), value.dims[i].rbegin(), value.dims[i].rend());
  }
  Placed result = value;
  result.shape = shape;
  result.dims.assign(shape.size(), {});
  std::size_t at = 0;
  for (std::size_t i = shape.size(); i-- > 0;) {
    std::int64_t wanted = shape[i];
    std::vector<Factor> taken;  // innermost first
    while (wanted > 1) {
      Factor& next = left[at];
      if (wanted % next.extent == 0) {
        taken.push_back(next);
        wanted /= next.extent;
        ++at;
      } else if (next.extent % wanted == 0) {
        taken.push_back({wanted, next.stride});
        next = {next.extent / wanted, next.stride * wanted};
        wanted = 1;
      } else {
        return std::nullopt;
      }
    }
    for (std::size_t k = taken.size(); k-- > 0;) {
      append(result.dims[i], taken[k]);
    }
  }
  return result;
}

Placed transposed(const Placed& value, const std::vector<std::int64_t>& perm) {
  Placed result = value;
  for (std::size_t i = 0; i < perm.size(); ++i) {
    result.shape[i] = value.shape[static_cast<std::size_t>(perm[i])];
    result.dims[i] = value.dims[static_cast<std::size_t>(perm[i])];
  }
  return result;
}

Placed sliced(const Placed& value, std::size_t dimension, std::int64_t begin, std::int64_t step,
              std::int64_t extent) {
  Placed result = value;
  const std::int64_t stride = value.stride(dimension);
  result.base += begin * stride;
  result.shape[dimension] = extent;
  result.dims[dimension].clear();
  if (extent > 1) {
    result.dims[dimension].push_back({extent, stride * step});
  }
  return result;
}

Placed with_rank(const Placed& value, std::size_t rank) {
  Placed result = value;
  const std::size_t missing = rank - value.shape.size();
  result.shape.insert(result.shape.begin(), missing, 1);
  result.dims.insert(result.dims.begin(), missing, {});
  return result;
}

std::vector<std::string> dim_names(std::size_t rank) {
  switch (rank) {
    case 0:
      return {};
    case 1:
      return {"C"};
    case 2:
      return {"B", "C"};
    case 3:
      return {"B", "C", "W"};
    case 4:
      return {"B", "C", "H", "W"};
    case 5:
      return {"B", "C", "T", "H", "W"};
    default:
      break;
  }
  std::vector<std::string> names{"B", "C"};
  for (std::size_t i = 2; i < rank; ++i) {
    names.push_back(fmt::format("D{}", i));
  }
  return names;
}

}  // namespace syncopate::gconv::lowering

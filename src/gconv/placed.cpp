#include "gconv/lowering.h"

namespace syncopate::gconv::lowering {
namespace {

/// Appends a factor further out, joining it with the one inside when both form one run.
void append_joined(std::vector<Factor>& factors, Factor next) {
  if (!factors.empty() && next.stride == factors.back().stride * factors.back().extent) {
    factors.back().extent *= next.extent;
  } else {
    factors.push_back(next);
  }
}

std::vector<Factor> joined(const std::vector<Factor>& innermost_first) {
  std::vector<Factor> result;
  for (const Factor& factor : innermost_first) {
    append_joined(result, factor);
  }
  return result;
}

/// Takes factors with `extent` elements in all from the inner end of `left` on, splitting the last
/// one where needed; nullopt when extents do not divide.
std::optional<std::vector<Factor>> take(std::vector<Factor>& left, std::size_t& at,
                                        std::int64_t extent) {
  std::vector<Factor> taken;
  while (extent > 1) {
    Factor& next = left[at];
    if (extent % next.extent == 0) {
      taken.push_back(next);
      extent /= next.extent;
      ++at;
    } else if (next.extent % extent == 0) {
      taken.push_back({extent, next.stride});
      next = {next.extent / extent, next.stride * extent};
      extent = 1;
    } else {
      return std::nullopt;
    }
  }
  return taken;
}

/// Deals `left` (innermost first) out to the dimensions of `shape`.
std::optional<std::vector<std::vector<Factor>>> deal(std::vector<Factor> left, const Shape& shape) {
  std::vector<std::vector<Factor>> dims(shape.size());
  std::size_t at = 0;
  for (std::size_t i = shape.size(); i-- > 0;) {
    const std::optional<std::vector<Factor>> taken = take(left, at, shape[i]);
    if (!taken) {
      return std::nullopt;
    }
    // Either a single run, or the factors as they were: C, H, W of a flattened tensor.
    const std::vector<Factor> run = joined(*taken);
    const std::vector<Factor>& kept = run.size() == 1 ? run : *taken;
    dims[i].assign(kept.rbegin(), kept.rend());
  }
  return dims;
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
  auto dims = deal(left, shape);
  if (!dims) {
    dims = deal(joined(left), shape);
  }
  if (!dims) {
    return std::nullopt;
  }
  Placed result = value;
  result.shape = shape;
  result.dims = std::move(*dims);
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

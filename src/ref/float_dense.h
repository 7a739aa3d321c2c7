#pragma once

#include <cstdint>

namespace syncopate::ref {

/// How a fully connected layer ends: y = max(alpha * sum + bias, lowest), where NaN stays.
struct DenseEnd {
  const float* bias = nullptr;  ///< Per output; null for none.
  float alpha = 1;
  bool relu = false;
};

/// y[rows, outs] = x[rows, ins] times w[outs, ins] transposed, with weights read in place exactly
/// once for up to four rows: as fast as memory delivers them. Sums in float, in eight or more
/// partial sums. Keeps NaN and infinity.
void dense_rows(const float* x, const float* w, float* y, std::int64_t rows, std::int64_t ins,
                std::int64_t outs, const DenseEnd& end);

/// The same for weights stored [ins, outs].
void dense_columns(const float* x, const float* w, float* y, std::int64_t rows, std::int64_t ins,
                   std::int64_t outs, const DenseEnd& end);

}  // namespace syncopate::ref

#pragma once

#include <cstdint>

#include "gconv/chain.h"

// Operations on rows of 64-bit integers, compiled for several instruction sets.

namespace syncopate::ref {

/// Elements address, address+step, ... of an i8, i16 or i64 tensor.
struct RowOperand {
  const Tensor* tensor = nullptr;
  std::int64_t address = 0, step = 0;
};

/// Copies `count` elements to `out` as 64-bit integers.
void widen_row(const RowOperand& from, std::int64_t count, std::int64_t* out);
/// x[i] = pre(x[i]) * factor.
void apply_pre_row(gconv::Pre pre, std::int64_t factor, std::int64_t count, std::int64_t* x);
/// x[i] = x[i] main k[i]*factor.
void apply_main_row(gconv::Main main, std::int64_t factor, const std::int64_t* k,
                    std::int64_t count, std::int64_t* x);
/// sums[i] = sums[i] + x[i], or the larger one, or x[i].
void reduce_row(gconv::Reduce reduce, const std::int64_t* x, std::int64_t count,
                std::int64_t* sums);
/// The same for operands of which nothing but their value is wanted; `from.step` is 1.
void reduce_operand_row(gconv::Reduce reduce, const RowOperand& from, std::int64_t count,
                        std::int64_t* sums);

/// sums[i] = x[i]*x_factor + k[i]*k_factor for neighboring i16 elements.
void add_operand_rows(const RowOperand& x, std::int64_t x_factor, const RowOperand& k,
                      std::int64_t k_factor, std::int64_t count, std::int64_t* sums);

}  // namespace syncopate::ref

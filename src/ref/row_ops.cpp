#include "ref/row_ops.h"

#include <algorithm>

#include "base/simd.h"

namespace syncopate::ref {
namespace {

using gconv::Main;
using gconv::Pre;
using gconv::Reduce;

SYNCOPATE_MULTIVERSION
void widen_i8(const std::int8_t* __restrict from, std::int64_t count,
              std::int64_t* __restrict out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = from[i];
}

SYNCOPATE_MULTIVERSION
void widen_i16(const std::int16_t* __restrict from, std::int64_t count,
               std::int64_t* __restrict out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = from[i];
}

void widen(const std::int8_t* from, std::int64_t count, std::int64_t* out) {
  widen_i8(from, count, out);
}
void widen(const std::int16_t* from, std::int64_t count, std::int64_t* out) {
  widen_i16(from, count, out);
}
void widen(const std::int64_t* from, std::int64_t count, std::int64_t* out) {
  std::copy_n(from, count, out);
}

template <class T>
void widen_any(const T* from, std::int64_t step, std::int64_t count, std::int64_t* out) {
  if (step == 1) {
    widen(from, count, out);
  } else if (step == 0) {
    std::fill_n(out, count, std::int64_t{*from});
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = from[i * step];
  }
}

SYNCOPATE_MULTIVERSION
void square(std::int64_t count, std::int64_t* __restrict x) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= x[i];
}

SYNCOPATE_MULTIVERSION
void clamp_sign(bool positive, std::int64_t count, std::int64_t* __restrict x) {
  if (positive) {
    for (std::int64_t i = 0; i < count; ++i) x[i] = x[i] < 0 ? 0 : x[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) x[i] = x[i] > 0 ? 0 : x[i];
  }
}

SYNCOPATE_MULTIVERSION
void scale(std::int64_t factor, std::int64_t count, std::int64_t* __restrict x) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

SYNCOPATE_MULTIVERSION
void multiply(const std::int64_t* __restrict k, std::int64_t count, std::int64_t* __restrict x) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= k[i];
}

SYNCOPATE_MULTIVERSION
void add_scaled(const std::int64_t* __restrict k, std::int64_t factor, std::int64_t count,
                std::int64_t* __restrict x) {
  if (factor == 1) {
    for (std::int64_t i = 0; i < count; ++i) x[i] += k[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) x[i] += k[i] * factor;
  }
}

SYNCOPATE_MULTIVERSION
void maximize(const std::int64_t* __restrict x, std::int64_t count, std::int64_t* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = sums[i] < x[i] ? x[i] : sums[i];
}

SYNCOPATE_MULTIVERSION
void maximize_i16(const std::int16_t* __restrict x, std::int64_t count,
                  std::int64_t* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t value = x[i];
    sums[i] = sums[i] < value ? value : sums[i];
  }
}

SYNCOPATE_MULTIVERSION
void add_i16(const std::int16_t* __restrict x, std::int64_t count, std::int64_t* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += x[i];
}

SYNCOPATE_MULTIVERSION
void add_scaled_i16(const std::int16_t* __restrict x, std::int64_t x_factor,
                    const std::int16_t* __restrict k, std::int64_t k_factor, std::int64_t count,
                    std::int64_t* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i] = std::int64_t{x[i]} * x_factor + std::int64_t{k[i]} * k_factor;
  }
}

const std::int16_t* neighbors_i16(const RowOperand& from) {
  if (from.tensor->dtype() != DType::i16 || from.step != 1) {
    broken("expected neighboring i16 elements");
  }
  return from.tensor->data<std::int16_t>().data() + from.address;
}

}  // namespace

void widen_row(const RowOperand& from, std::int64_t count, std::int64_t* out) {
  const auto at = static_cast<std::size_t>(from.address);
  switch (from.tensor->dtype()) {
    case DType::i8:
      return widen_any(from.tensor->data<std::int8_t>().data() + at, from.step, count, out);
    case DType::i16:
      return widen_any(from.tensor->data<std::int16_t>().data() + at, from.step, count, out);
    case DType::i64:
      return widen_any(from.tensor->data<std::int64_t>().data() + at, from.step, count, out);
    default:
      broken("a row of {}", name_of(from.tensor->dtype()));
  }
}

void apply_pre_row(Pre pre, std::int64_t factor, std::int64_t count, std::int64_t* x) {
  if (pre == Pre::square) square(count, x);
  if (pre == Pre::relu || pre == Pre::negative_part) clamp_sign(pre == Pre::relu, count, x);
  if (factor != 1) scale(factor, count, x);
}

void apply_main_row(Main main, std::int64_t factor, const std::int64_t* k, std::int64_t count,
                    std::int64_t* x) {
  switch (main) {
    case Main::none:
      return;
    case Main::mul:
      multiply(k, count, x);
      if (factor != 1) scale(factor, count, x);
      return;
    case Main::add:
      return add_scaled(k, factor, count, x);
    case Main::sub:
      return add_scaled(k, -factor, count, x);
  }
}

void reduce_row(Reduce reduce, const std::int64_t* x, std::int64_t count, std::int64_t* sums) {
  switch (reduce) {
    case Reduce::none:
      std::copy_n(x, count, sums);
      return;
    case Reduce::add:
      return add_scaled(x, 1, count, sums);
    case Reduce::max:
      return maximize(x, count, sums);
  }
}

void reduce_operand_row(Reduce reduce, const RowOperand& from, std::int64_t count,
                        std::int64_t* sums) {
  const std::int16_t* x = neighbors_i16(from);
  switch (reduce) {
    case Reduce::none:
      return widen_i16(x, count, sums);
    case Reduce::add:
      return add_i16(x, count, sums);
    case Reduce::max:
      return maximize_i16(x, count, sums);
  }
}

void add_operand_rows(const RowOperand& x, std::int64_t x_factor, const RowOperand& k,
                      std::int64_t k_factor, std::int64_t count, std::int64_t* sums) {
  add_scaled_i16(neighbors_i16(x), x_factor, neighbors_i16(k), k_factor, count, sums);
}

}  // namespace syncopate::ref

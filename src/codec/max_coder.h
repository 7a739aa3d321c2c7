#pragma once

#include <cstdint>
#include <span>

#include "codec/integers.h"

namespace syncopate::codec {

class ArithmeticEncoder;
class MaxModel;

/// The "max" mode of encode_integers and decode_integers.
Bytes encode_max(std::span<const std::int32_t> values, const Shape& shape);
void decode_max(std::span<const std::byte> bytes, const Shape& shape,
                std::span<std::int32_t> values);

/// The loops over a tensor, once per instruction set.
void encode_max_values(MaxModel& model, ArithmeticEncoder& coder, std::int32_t* values);
void decode_max_values(MaxModel& model, std::span<const std::byte> bytes, std::int32_t* values);

}  // namespace syncopate::codec

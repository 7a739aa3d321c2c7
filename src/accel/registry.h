#pragma once

#include <span>
#include <string_view>

#include "sim/accelerator.h"

namespace syncopate::accel {

/// Every accelerator found under src/accel/ when the project was configured, by name.
std::span<const sim::Accelerator* const> all();
/// By name; InputError with the nearest name when there is none.
const sim::Accelerator& find(std::string_view name);

}  // namespace syncopate::accel

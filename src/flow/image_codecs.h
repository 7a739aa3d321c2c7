#pragma once

#include "flow/image.h"

namespace syncopate::flow {

bool is_png(std::span<const std::byte> bytes);
bool is_jpeg(std::span<const std::byte> bytes);

/// InputError, naming the picture, when it is damaged or exceeds the limits of image.h.
Picture decode_png(std::span<const std::byte> bytes, const std::string& name);
Picture decode_jpeg(std::span<const std::byte> bytes, const std::string& name);

}  // namespace syncopate::flow

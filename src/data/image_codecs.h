#pragma once

#include "data/image.h"

namespace syncopate::data {

bool is_png(std::span<const std::byte> bytes);
bool is_jpeg(std::span<const std::byte> bytes);

/// InputError, naming the picture, when it is damaged or exceeds the limits of image.h.
Picture decode_png(std::span<const std::byte> bytes, const std::string& name);
Picture decode_jpeg(std::span<const std::byte> bytes, const std::string& name);

}  // namespace syncopate::data

#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/tensor.h"

namespace syncopate::data {

/// Reads a NumPy array file, versions 1 to 3, of float16/32/64, bool, or signed integers up to 64
/// or unsigned up to 32 bits, little or big endian, C or Fortran order. The result is row-major;
/// floats become f32. InputError for anything else, naming the file.
Tensor read_npy(const std::string& path);

/// The same from memory; `name` stands in messages.
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name);

/// The bytes of a version 1 file holding `tensor`.
std::string npy_bytes(const Tensor& tensor);

}  // namespace syncopate::data

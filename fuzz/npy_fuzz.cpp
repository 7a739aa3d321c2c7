// Any bytes as an .npy file: refused with one line, or read within their own size.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "data/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const syncopate::Tensor tensor = syncopate::data::parse_npy(bytes, "input");
    if (tensor.size() > static_cast<std::int64_t>(size)) std::abort();
  } catch (const syncopate::InputError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}

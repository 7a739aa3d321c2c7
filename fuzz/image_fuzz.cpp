// Any bytes as a picture: refused with one line, or decoded to what the header promised.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "data/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const syncopate::data::Picture picture = syncopate::data::parse_picture(bytes, "input");
    if (std::ssize(picture.pixels) != picture.width * picture.height * picture.channels) {
      std::abort();
    }
  } catch (const syncopate::InputError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}

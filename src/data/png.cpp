#include <png.h>

#include <cstring>

#include "base/error.h"
#include "data/image_codecs.h"

namespace syncopate::data {
namespace {

void check_size(std::int64_t width, std::int64_t height, const std::string& name) {
  if (width < 1 || height < 1 || width > kLargestSide || height > kLargestSide ||
      width * height > kMostPixels) {
    fail("{}: a picture of {}x{} is outside the accepted size (sides to {}, {} pixels)", name,
         width, height, kLargestSide, kMostPixels);
  }
}

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  static constexpr unsigned char kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return bytes.size() > sizeof kSignature &&
         std::memcmp(bytes.data(), kSignature, sizeof kSignature) == 0;
}

Picture decode_png(std::span<const std::byte> bytes, const std::string& name) {
  // libpng's simplified interface: it returns errors as values and needs no longjmp here.
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) {
    fail("{}: damaged PNG ({})", name, image.message);
  }
  try {
    check_size(image.width, image.height, name);
  } catch (...) {
    png_image_free(&image);
    throw;
  }
  const bool color = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
  image.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  Picture picture{image.width, image.height, color ? 3 : 1, {}};
  picture.pixels.resize(PNG_IMAGE_SIZE(image));
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&image, &black, picture.pixels.data(), 0, nullptr) == 0) {
    fail("{}: damaged PNG ({})", name, image.message);
  }
  return picture;
}

std::string png_bytes(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = picture.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string out(size, '\0');
  const int done =
      png_image_write_to_memory(&image, out.data(), &size, 0, picture.pixels.data(), 0, nullptr);
  if (done == 0)
    broken("a picture of {}x{} cannot be written as PNG ({})", picture.width, picture.height,
           image.message);
  out.resize(size);
  return out;
}

}  // namespace syncopate::data

#include <csetjmp>
#include <cstddef>
#include <cstdio>

// jpeglib.h needs the headers above it.
#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "data/image_codecs.h"

namespace syncopate::data {
namespace {

/// libjpeg reports errors by a callback that must not return.
struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void leave(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, manager->message);
  std::longjmp(manager->jump, 1);
}

/// A warning means damaged data that libjpeg would fill with gray: an error to us.
void on_message(j_common_ptr info, int level) {
  if (level < 0) leave(info);
}

/// A progressive picture may hold any number of scans over the same pixels; nobody needs so many.
void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > 100) {
    ERREXIT(info, JERR_BAD_PROGRESSION);
  }
}

enum class Outcome : std::uint8_t { ok, damaged, too_large };

/// Between setjmp and return lives no object with a destructor: longjmp would skip it.
Outcome decode(std::span<const std::byte> bytes, Picture& picture, ErrorManager& errors) {
  jpeg_decompress_struct info;
  jpeg_progress_mgr progress{};
  progress.progress_monitor = on_progress;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.emit_message = on_message;
  if (setjmp(errors.jump) != 0) {
    jpeg_destroy_decompress(&info);
    return Outcome::damaged;
  }
  jpeg_create_decompress(&info);
  info.progress = &progress;
  info.mem->max_memory_to_use = 512L << 20;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  picture.width = info.image_width;
  picture.height = info.image_height;
  if (picture.width > kLargestSide || picture.height > kLargestSide ||
      picture.width * picture.height > kMostPixels) {
    jpeg_destroy_decompress(&info);
    return Outcome::too_large;
  }
  info.out_color_space = info.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&info);
  picture.channels = info.output_components;
  const std::size_t row_bytes = static_cast<std::size_t>(picture.width * picture.channels);
  picture.pixels.resize(row_bytes * static_cast<std::size_t>(picture.height));
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = picture.pixels.data() + row_bytes * info.output_scanline;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return Outcome::ok;
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() > 3 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{0xd8} &&
         bytes[2] == std::byte{0xff};
}

Picture decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  Picture picture;
  ErrorManager errors{};
  switch (decode(bytes, picture, errors)) {
    case Outcome::ok:
      return picture;
    case Outcome::damaged:
      fail("{}: damaged JPEG ({})", name, errors.message);
    case Outcome::too_large:
      fail("{}: a picture of {}x{} is outside the accepted size (sides to {}, {} pixels)", name,
           picture.width, picture.height, kLargestSide, kMostPixels);
  }
  broken("unknown outcome of decoding {}", name);
}

}  // namespace syncopate::data

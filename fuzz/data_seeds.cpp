// Writes the seeds of image_fuzz and npy_fuzz: small files of every kind that is read.
// Usage: data_seeds FOLDER, with folders image_fuzz and npy_fuzz in it
#include <fmt/core.h>
// jpeglib.h needs the headers above it.
#include <jpeglib.h>
#include <png.h>

#include <cstdlib>

#include "base/files.h"
#include "data/image.h"
#include "data/npy.h"

namespace {

using syncopate::DType;
using syncopate::Tensor;
using syncopate::data::Picture;

std::string jpeg_bytes(const Picture& picture, bool progressive) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(picture.width);
  info.image_height = static_cast<JDIMENSION>(picture.height);
  info.input_components = static_cast<int>(picture.channels);
  info.in_color_space = picture.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 60, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  std::vector<std::uint8_t> copy = picture.pixels;
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = copy.data() +
                   info.next_scanline * static_cast<std::size_t>(picture.width * picture.channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string out(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&info);
  std::free(buffer);
  return out;
}

/// Pixels in any other of libpng's simplified formats.
std::string other_png(std::uint32_t format, std::uint32_t side, const void* pixels,
                      const void* colors, std::uint32_t color_count) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = side;
  image.format = format;
  image.colormap_entries = color_count;
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t size = out.size();
  if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels, 0, colors) == 0) std::abort();
  out.resize(size);
  return out;
}

std::string npy_file(const std::string& header, const std::string& data, char version) {
  std::string out = "\x93NUMPY";
  out += version;
  out += '\0';
  out += static_cast<char>(header.size());
  out += '\0';
  if (version > 1) out += std::string(2, '\0');
  return out + header + data;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  // Each is read back: a seed that the parser refuses leads nowhere.
  const auto write_picture = [&](const std::string& name, const std::string& bytes) {
    syncopate::data::parse_picture(std::as_bytes(std::span(bytes)), name);
    syncopate::base::write_file_atomically(folder + "/image_fuzz/" + name, bytes);
  };
  const auto write_array = [&](const std::string& name, const std::string& bytes) {
    syncopate::data::parse_npy(std::as_bytes(std::span(bytes)), name);
    syncopate::base::write_file_atomically(folder + "/npy_fuzz/" + name, bytes);
  };
  const Picture color = syncopate::data::procedural_picture(20, 12, 0);
  const Picture gray = syncopate::data::with_channels(color, 1);
  write_picture("color.png", syncopate::data::png_bytes(color));
  write_picture("gray.png", syncopate::data::png_bytes(gray));
  const std::vector<std::uint16_t> deep(4 * 8 * 8, 30000);
  write_picture("deep.png", other_png(PNG_FORMAT_LINEAR_RGB_ALPHA, 8, deep.data(), nullptr, 0));
  const std::vector<std::uint8_t> indices{0, 1, 2, 1, 0, 2, 2, 1, 0},
      palette{255, 0, 0, 0, 255, 0, 9, 9, 9};
  write_picture("palette.png",
                other_png(PNG_FORMAT_RGB_COLORMAP, 3, indices.data(), palette.data(), 3));
  write_picture("color.jpg", jpeg_bytes(color, false));
  write_picture("gray.jpg", jpeg_bytes(gray, false));
  write_picture("progressive.jpg", jpeg_bytes(color, true));

  write_array("float.npy",
              syncopate::data::npy_bytes(Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6})));
  write_array("long.npy", syncopate::data::npy_bytes(Tensor(DType::i64, {4})));
  write_array("bool.npy", syncopate::data::npy_bytes(Tensor(DType::boolean, {1, 1, 5})));
  write_array("fortran.npy",
              npy_file("{'descr': '>f8', 'fortran_order': True, 'shape': (2, 2), }\n",
                       std::string(32, '\x3f'), 1));
  write_array("half.npy", npy_file("{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }\n",
                                   std::string(6, '\x3c'), 2));
  write_array("scalar.npy",
              npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", "x", 3));
  return 0;
}

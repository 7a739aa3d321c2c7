// Compiled alone: other files of the folder have names of their own that are the same.
#include "data/image.h"

#include <gtest/gtest.h>
// jpeglib.h needs the header above it.
#include <jpeglib.h>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::data {
namespace {

std::string jpeg_bytes(const Picture& picture) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(picture.width);
  info.image_height = static_cast<JDIMENSION>(picture.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  jpeg_start_compress(&info, TRUE);
  std::vector<std::uint8_t> copy = picture.pixels;
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = copy.data() + info.next_scanline * static_cast<std::size_t>(picture.width) * 3;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string out(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&info);
  std::free(buffer);
  return out;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Picture, PngRoundTripsExactly) {
  const Picture picture = procedural_picture(37, 23, 1);
  const Picture back = parse_picture(bytes_of(png_bytes(picture)), "x");
  EXPECT_EQ(back.width, 37);
  EXPECT_EQ(back.pixels, picture.pixels);
  const Picture gray = with_channels(picture, 1);
  EXPECT_EQ(parse_picture(bytes_of(png_bytes(gray)), "x").pixels, gray.pixels);
}

TEST(Picture, JpegComesBackClose) {
  const Picture picture = crop_and_resize(procedural_picture(64, 64, 0), 32, 32);
  const Picture back = parse_picture(bytes_of(jpeg_bytes(picture)), "x");
  ASSERT_EQ(back.pixels.size(), picture.pixels.size());
  double error = 0;
  for (std::size_t i = 0; i < back.pixels.size(); ++i) {
    error += std::abs(double(back.pixels[i]) - double(picture.pixels[i]));
  }
  EXPECT_LT(error / static_cast<double>(back.pixels.size()), 12);
}

TEST(Picture, DamagedFilesAreRefusedInOneLine) {
  Random random(3);
  for (const std::string& whole :
       {png_bytes(procedural_picture(20, 20, 0)), jpeg_bytes(procedural_picture(20, 20, 0))}) {
    for (int i = 0; i < 300; ++i) {
      std::string damaged = whole;
      damaged.resize(
          static_cast<std::size_t>(random.integer(1, static_cast<std::int64_t>(whole.size()) - 1)));
      const auto at = random.integer(0, static_cast<std::int64_t>(damaged.size()) - 1);
      damaged[static_cast<std::size_t>(at)] ^= 0x55;
      try {
        parse_picture(bytes_of(damaged), "x");
        ADD_FAILURE() << "a truncated picture was accepted";
      } catch (const InputError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      }
    }
  }
}

TEST(Picture, ResizingKeepsFlatColorsAndAveragesDetail) {
  const Picture flat{10, 6, 1, std::vector<std::uint8_t>(60, 77)};
  for (const std::uint8_t pixel : crop_and_resize(flat, 4, 4).pixels) EXPECT_EQ(pixel, 77);
  for (const std::uint8_t pixel : crop_and_resize(flat, 31, 9).pixels) EXPECT_EQ(pixel, 77);
  Picture stripes{64, 64, 1, {}};
  for (int i = 0; i < 64 * 64; ++i) stripes.pixels.push_back(i % 2 == 0 ? 0 : 255);
  for (const std::uint8_t pixel : crop_and_resize(stripes, 8, 8).pixels) EXPECT_NEAR(pixel, 127, 6);
}

TEST(Picture, ResizingToTheSameSizeIsTheIdentity) {
  const Picture picture = procedural_picture(19, 19, 2);
  EXPECT_EQ(crop_and_resize(picture, 19, 19).pixels, picture.pixels);
}

TEST(Picture, CropsTheCenter) {
  Picture picture{30, 10, 1, std::vector<std::uint8_t>(300, 0)};
  for (int y = 0; y < 10; ++y) {
    for (int x = 10; x < 20; ++x) picture.pixels[static_cast<std::size_t>(y * 30 + x)] = 200;
  }
  for (const std::uint8_t pixel : crop_and_resize(picture, 10, 10).pixels) EXPECT_EQ(pixel, 200);
}

}  // namespace
}  // namespace syncopate::data

#include "flow/inputs.h"

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>

#include <filesystem>

#include "base/files.h"
#include "base/random.h"
#include "flow/image.h"
#include "flow/npy.h"

namespace syncopate::flow {
namespace {

namespace fs = std::filesystem;

std::string png_bytes(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = picture.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, picture.pixels.data(), 0, nullptr);
  std::string out(size, '\0');
  png_image_write_to_memory(&image, out.data(), &size, 0, picture.pixels.data(), 0, nullptr);
  out.resize(size);
  return out;
}

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

ir::Graph graph_with_input(Shape shape) {
  ir::Graph graph;
  graph.source = "net.onnx";
  graph.inputs = {graph.add_value({"input", DType::f32, std::move(shape), std::nullopt})};
  return graph;
}

/// A folder of its own, removed afterwards.
class InputsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / (std::string("syncopate_inputs_") +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& contents) {
    const std::string path = folder_ / name;
    base::write_file_atomically(path, contents);
    return path;
  }
  std::string error_of(const ir::Graph& graph, const InputOptions& options) {
    try {
      const Inputs inputs(graph, options);
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs.load(i);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path folder_;
};

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

TEST_F(InputsTest, ProceduralByDefaultAndSaysSo) {
  const ir::Graph graph = graph_with_input({1, 3, 8, 8});
  const Inputs inputs(graph, {});
  EXPECT_TRUE(inputs.procedural());
  EXPECT_NE(inputs.description().find("procedural"), std::string::npos);
  EXPECT_TRUE(inputs.load(0)[0] == Inputs(graph, {}).load(0)[0]);
}

TEST_F(InputsTest, NormalizesAsAsked) {
  Picture picture{2, 2, 3, {}};
  picture.pixels = {10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30};
  InputOptions options;
  options.paths = {write("p.png", png_bytes(picture))};
  options.scale = 1;
  options.mean = {{1, 2, 3}};
  options.deviation = {{2}};
  options.preset = "raw";
  options.bgr = true;
  const Tensor tensor = Inputs(graph_with_input({1, 3, 2, 2}), options).load(0)[0];
  EXPECT_FLOAT_EQ(tensor.data<float>()[0], (30 - 1) / 2.0F);
  EXPECT_FLOAT_EQ(tensor.data<float>()[4], (20 - 2) / 2.0F);
  EXPECT_FLOAT_EQ(tensor.data<float>()[8], (10 - 3) / 2.0F);
}

TEST_F(InputsTest, SplitsArraysAlongTheFirstAxis) {
  std::vector<float> values(3 * 4);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  InputOptions options;
  options.paths = {write("a.npy", npy_bytes(Tensor::from<float>({3, 1, 2, 2}, values)))};
  const ir::Graph graph = graph_with_input({1, 1, 2, 2});
  const Inputs inputs(graph, options);
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_EQ(inputs.name(1), "a.npy[1]");
  EXPECT_EQ(inputs.load(2)[0].data<float>()[0], 8);
  options.limit = 2;
  EXPECT_EQ(Inputs(graph, options).size(), 2U);
}

TEST_F(InputsTest, FoldersAreReadInOrder) {
  write("b.png", png_bytes(procedural_picture(4, 4, 0)));
  write("a.jpg", jpeg_bytes(procedural_picture(8, 8, 0)));
  write("notes.txt", "not a picture");
  InputOptions options;
  options.paths = {folder_.string()};
  const Inputs inputs(graph_with_input({1, 3, 4, 4}), options);
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs.name(0), "a.jpg");
}

TEST_F(InputsTest, RefusesWithTheReason) {
  const ir::Graph graph = graph_with_input({1, 3, 4, 4});
  InputOptions options;
  options.paths = {"/nonexistent/x.png"};
  EXPECT_EQ(error_of(graph, options), "--input /nonexistent/x.png: no such file or folder");
  options.paths = {folder_.string()};
  EXPECT_EQ(error_of(graph, options),
            "--input " + folder_.string() + ": the folder holds no .png, .jpg or .npy file");
  options.paths = {write("a.npy", npy_bytes(Tensor(DType::f32, {2, 5})))};
  EXPECT_EQ(
      error_of(graph, options),
      "--input " + options.paths[0] +
          ": the array is 2x5, the input input takes 1x3x4x4 (or several along the first axis)");
  options.paths = {
      write("n.npy", npy_bytes(Tensor::from<float>({1, 3, 4, 4}, std::vector<float>(48, NAN))))};
  EXPECT_EQ(error_of(graph, options), options.paths[0] + ": holds NaN or infinite values");
  options.paths = {write("t.png", "text")};
  EXPECT_EQ(error_of(graph, options), options.paths[0] + ": neither a PNG nor a JPEG picture");
  options.paths = {};
  options.preset = "nonsense";
  EXPECT_EQ(error_of(graph, options),
            "unknown normalization 'nonsense' (known: auto, imagenet, caffe, signed, unit, raw)");
  options.preset = "auto";
  options.mean = {{1, 2}};
  EXPECT_EQ(error_of(graph, options), "--mean and --std: expected 1 or 3 values, got 2");
}

TEST_F(InputsTest, FeedsSeveralInputsByName) {
  ir::Graph graph = graph_with_input({1, 1, 2, 2});
  graph.inputs.push_back(graph.add_value({"other", DType::f32, {2}, std::nullopt}));
  InputOptions options;
  options.paths = {"other=" + write("o.npy", npy_bytes(Tensor::from<float>({2}, {5, 6})))};
  const std::vector<Tensor> tensors = Inputs(graph, options).load(0);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[1].data<float>()[1], 6);
  options.paths = {"othr=x.npy"};
  EXPECT_EQ(error_of(graph, options),
            "--input othr=x.npy: the network has no input 'othr' (it has: input, other)");
}

}  // namespace
}  // namespace syncopate::flow

#include "prune/mask_image.h"

extern "C" {  // the header is plain C
#include <jbig.h>
}

namespace syncopate::prune {

MaskImage mask_image(const Weights& w, const Mask& mask) {
  MaskImage image;
  image.rows = w.inputs * w.kernel();
  image.columns = w.groups * w.outputs;
  image.pixels.resize(mask.size());
  auto pixel = image.pixels.begin();
  for (std::int64_t i = 0; i < w.inputs; ++i) {
    for (std::int64_t y = 0; y < w.height; ++y) {
      for (std::int64_t x = 0; x < w.width; ++x) {
        for (std::int64_t g = 0; g < w.groups; ++g) {
          for (std::int64_t o = 0; o < w.outputs; ++o) {
            *pixel++ = mask[static_cast<std::size_t>(w.address(g, o, i, y, x))];
          }
        }
      }
    }
  }
  return image;
}

MaskImage make_image(std::int64_t rows, std::int64_t columns,
                     const std::function<bool(std::int64_t, std::int64_t)>& pixel) {
  MaskImage image{rows, columns, {}};
  image.pixels.reserve(static_cast<std::size_t>(rows * columns));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) image.pixels.push_back(pixel(r, c) ? 1 : 0);
  }
  return image;
}

std::int64_t jbig_bytes(const MaskImage& image, bool typical_prediction) {
  if (image.pixels.empty()) return 0;
  const auto line = static_cast<std::size_t>((image.columns + 7) / 8);
  std::vector<unsigned char> bits(line * static_cast<std::size_t>(image.rows), 0);
  for (std::size_t r = 0; r < static_cast<std::size_t>(image.rows); ++r) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(image.columns); ++c) {
      if (image.pixels[r * static_cast<std::size_t>(image.columns) + c] == 0) continue;
      bits[r * line + c / 8] |= static_cast<unsigned char>(0x80U >> (c % 8));
    }
  }
  std::int64_t size = 0;
  const auto count = [](unsigned char*, std::size_t length, void* total) {
    *static_cast<std::int64_t*>(total) += static_cast<std::int64_t>(length);
  };
  unsigned char* plane = bits.data();
  jbg_enc_state state;
  jbg_enc_init(&state, static_cast<unsigned long>(image.columns),
               static_cast<unsigned long>(image.rows), 1, &plane, count, &size);
  constexpr int kMovablePixelReach = 8;  // the library's default
  jbg_enc_options(&state, JBG_ILEAVE | JBG_SMID, typical_prediction ? JBG_TPBON : 0,
                  static_cast<unsigned long>(image.rows), kMovablePixelReach, 0);
  jbg_enc_out(&state);
  jbg_enc_free(&state);
  return size;
}

}  // namespace syncopate::prune

// Included once per instruction set by dot_tile.cpp, inside a namespace that defines `Simd`; hence
// no include guard.

/// Adds products of weight and activation pairs in 32 bits; see TileArgs. `kVectors` vectors of
/// Simd::kLanes output channels by `kPixels` pixels.
template <int kPixels, int kVectors, bool kTwoDigits>
void tile(const TileArgs& args) {
  typename Simd::Wide high[kPixels * kVectors];
  typename Simd::Wide low[kPixels * kVectors];
  const std::int16_t* pixels[kPixels];
  const std::int64_t low_plane = args.low_plane;
  const std::int64_t weight_step = args.weight_step;
  const std::int16_t* weights = args.weights;
#pragma GCC unroll 32
  for (int i = 0; i < kPixels * kVectors; ++i) high[i] = low[i] = Simd::zero();
#pragma GCC unroll 32
  for (int p = 0; p < kPixels; ++p) pixels[p] = args.pixels[p];

  bool first = true;
  for (const Segment& segment : args.segments) {
    std::int64_t at = segment.offset;
    for (std::int32_t n = segment.pairs; n > 0; --n) {
      typename Simd::Narrow weight[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) weight[v] = Simd::load(weights + v * 2 * Simd::kLanes);
#pragma GCC unroll 32
      for (int p = 0; p < kPixels; ++p) {
        const typename Simd::Narrow x = Simd::pair(pixels[p] + at);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          high[p * kVectors + v] = Simd::dot(high[p * kVectors + v], weight[v], x);
        }
        if constexpr (kTwoDigits) {
          const typename Simd::Narrow y = Simd::pair(pixels[p] + low_plane + at);
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            low[p * kVectors + v] = Simd::dot(low[p * kVectors + v], weight[v], y);
          }
        }
      }
      at += 2;
      weights += weight_step;
    }
    if (!segment.flush) continue;
#pragma GCC unroll 32
    for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const int i = p * kVectors + v;
        Simd::template flush<kTwoDigits>(high[i], low[i], first,
                                         args.sums + p * args.sum_step + v * Simd::kLanes);
        high[i] = low[i] = Simd::zero();
      }
    }
    first = false;
  }
}

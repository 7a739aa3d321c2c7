// Included once per instruction set by dot_tile.cpp, inside a namespace that defines `Simd`; hence
// no include guard.

/// Keeps index registers as they are: compilers like to replace each by several that are derived
/// from it, and then run out of registers.
template <int kPixels>
void keep(std::int64_t (&pixels)[kPixels]) {
#pragma GCC unroll 32
  for (int p = 0; p < kPixels; ++p) asm volatile("" : "+r"(pixels[p]));
}

/// Adds the accumulators of a tile to its sums: (upper << kShift) + lower.
template <int kPixels, int kVectors, int kShift>
void flush(const TileArgs& args, const typename Simd::Wide* upper, const typename Simd::Wide* lower,
           bool first) {
#pragma GCC unroll 32
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const int i = p * kVectors + v;
      Simd::template flush<kShift>(upper[i], lower[i], first,
                                   args.sums + p * args.sum_step + v * Simd::kLanes);
    }
  }
}

/// Adds products of weight and activation pairs in 32 bits; see TileArgs. `kVectors` vectors of
/// Simd::kLanes output channels by `kPixels` pixels. Split::digits, or none.
template <int kPixels, int kVectors, bool kTwoDigits>
void tile(const TileArgs& args) {
  typename Simd::Wide high[kPixels * kVectors];
  typename Simd::Wide low[kPixels * kVectors];
  std::int64_t pixels[kPixels];
  const std::int16_t* weights = args.weights;
#pragma GCC unroll 32
  for (int i = 0; i < kPixels * kVectors; ++i) high[i] = low[i] = Simd::zero();
#pragma GCC unroll 32
  for (int p = 0; p < kPixels; ++p) pixels[p] = args.pixels[p];

  bool first = true;
  for (const Segment& segment : args.segments) {
    const std::int16_t* x = args.first + segment.offset;
    const std::int16_t* y = static_cast<const std::int16_t*>(args.second) + segment.offset;
    for (std::int32_t n = segment.pairs; n > 0; --n) {
      keep(pixels);
      typename Simd::Narrow weight[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) weight[v] = Simd::load(weights + v * 2 * Simd::kLanes);
#pragma GCC unroll 32
      for (int p = 0; p < kPixels; ++p) {
        const typename Simd::Narrow both = Simd::four_bytes(x + pixels[p]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          high[p * kVectors + v] = Simd::dot(high[p * kVectors + v], weight[v], both);
        }
        if constexpr (kTwoDigits) {
          const typename Simd::Narrow lower = Simd::four_bytes(y + pixels[p]);
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            low[p * kVectors + v] = Simd::dot(low[p * kVectors + v], weight[v], lower);
          }
        }
      }
      x += 2;
      y += 2;
      weights += 2 * kVectors * Simd::kLanes;
    }
    if (!segment.flush) continue;
    if constexpr (kTwoDigits) {
      flush<kPixels, kVectors, 8>(args, high, low, first);
    } else {
      flush<kPixels, kVectors, 0>(args, low, high, first);
    }
#pragma GCC unroll 32
    for (int i = 0; i < kPixels * kVectors; ++i) high[i] = low[i] = Simd::zero();
    first = false;
  }
}

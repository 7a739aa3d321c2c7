// Included after dot_tile-inl.h for instruction sets whose `Simd` has `dot_bytes`; hence no include
// guard.

/// Split::bytes: sums of whole products modulo 2^32 and of products of upper bytes, which differ
/// from the true sum by less than 2^31 after scaling (the packer saw to that).
template <int kPixels, int kVectors>
void tile_bytes(const TileArgs& args) {
  using Wide = typename Simd::Wide;
  Wide whole[kPixels * kVectors];
  Wide upper[kPixels * kVectors];
  std::int64_t pixels[kPixels];
  const std::int16_t* weights = args.weights;
  const std::int32_t* starts = args.starts;
  const auto start = [&] {
#pragma GCC unroll 32
    for (int i = 0; i < kPixels * kVectors; ++i) {
      whole[i] = Simd::zero();
      upper[i] = Simd::load_any(starts + i % kVectors * Simd::kLanes);
    }
    starts += kVectors * Simd::kLanes;
  };
#pragma GCC unroll 32
  for (int p = 0; p < kPixels; ++p) pixels[p] = args.pixels[p];

  start();
  bool first = true;
  for (const Segment& segment : args.segments) {
    const std::int16_t* x = args.first + segment.offset;
    const std::uint8_t* y = static_cast<const std::uint8_t*>(args.second) + segment.offset;
    for (std::int32_t n = segment.pairs; n > 0; n -= 2) {
      keep(pixels);
      typename Simd::Narrow weight[kVectors];
#pragma GCC unroll 2
      for (int pair = 0; pair < 2; ++pair) {
        const std::int16_t* from = weights + pair * kVectors * 2 * Simd::kLanes;
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) weight[v] = Simd::load(from + v * 2 * Simd::kLanes);
#pragma GCC unroll 32
        for (int p = 0; p < kPixels; ++p) {
          const typename Simd::Narrow both = Simd::four_bytes(x + 2 * pair + pixels[p]);
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            whole[p * kVectors + v] = Simd::dot(whole[p * kVectors + v], weight[v], both);
          }
        }
      }
      const std::int16_t* from = weights + 2 * kVectors * 2 * Simd::kLanes;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) weight[v] = Simd::load(from + v * 2 * Simd::kLanes);
#pragma GCC unroll 32
      for (int p = 0; p < kPixels; ++p) {
        const typename Simd::Narrow four = Simd::four_bytes(y + pixels[p]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          upper[p * kVectors + v] = Simd::dot_bytes(upper[p * kVectors + v], four, weight[v]);
        }
      }
      x += 4;
      y += 4;
      weights += 6 * kVectors * Simd::kLanes;
    }
    if (!segment.flush) continue;
#pragma GCC unroll 32
    for (int i = 0; i < kPixels * kVectors; ++i) {
      whole[i] = Simd::minus_shifted(whole[i], upper[i]);
    }
    flush<kPixels, kVectors, 16>(args, upper, whole, first);
    if (&segment != &args.segments.back()) start();
    first = false;
  }
}

// Included inside a target region with avx512f; hence no include guard.

/// Transposes 16 rows of 16 elements of 32 bits in registers.
[[gnu::always_inline]] inline void transpose_16x16(__m512i (&rows)[16]) {
  __m512i a[16];
  __m512i b[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  // b[4*g + c] has column 4*l + c of rows 4*g to 4*g + 3 in its quarter l.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  constexpr int kEven = 0x88;  // Quarters 0 and 2 of both operands,
  constexpr int kOdd = 0xdd;   // 1 and 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i upper_even = _mm512_shuffle_i32x4(b[c], b[4 + c], kEven);
    const __m512i upper_odd = _mm512_shuffle_i32x4(b[c], b[4 + c], kOdd);
    const __m512i lower_even = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], kEven);
    const __m512i lower_odd = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], kOdd);
    rows[c] = _mm512_shuffle_i32x4(upper_even, lower_even, kEven);
    rows[4 + c] = _mm512_shuffle_i32x4(upper_odd, lower_odd, kEven);
    rows[8 + c] = _mm512_shuffle_i32x4(upper_even, lower_even, kOdd);
    rows[12 + c] = _mm512_shuffle_i32x4(upper_odd, lower_odd, kOdd);
  }
}

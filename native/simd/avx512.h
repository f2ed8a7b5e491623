// What the two levels of 512 bits share. Only for their files. Threads: free functions.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined registers of its own header for a mistake of whoever includes it.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

#define JVDB_AVX512 JVDB_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

namespace jvdb::simd {
namespace {  // a copy for each file: the linker must not choose one of these for all

// A register for each row of a tile. Members, because compilers keep arrays in memory.
struct IntRows {
  __m512i a, b, c, d;
};
struct FloatRows {
  __m512 a, b, c, d;
};

// The four totals of four registers.
JVDB_AVX512 inline void store_totals(std::int32_t* out, const IntRows& sums) noexcept {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(sums.a, sums.b),
                                      _mm512_unpackhi_epi32(sums.a, sums.b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(sums.c, sums.d),
                                      _mm512_unpackhi_epi32(sums.c, sums.d));
  const __m512i all =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  const __m128i four =
      _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), four);
}
JVDB_AVX512 inline void store_totals(float* out, const FloatRows& sums) noexcept {
  const __m512 ab =
      _mm512_add_ps(_mm512_unpacklo_ps(sums.a, sums.b), _mm512_unpackhi_ps(sums.a, sums.b));
  const __m512 cd =
      _mm512_add_ps(_mm512_unpacklo_ps(sums.c, sums.d), _mm512_unpackhi_ps(sums.c, sums.d));
  const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}

}  // namespace
}  // namespace jvdb::simd

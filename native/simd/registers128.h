// Registers of 128 bits on both architectures, so that the kernels of this width are written once:
// SSE4.1, and NEON. Only for the files of these levels. Names differ where types do, for some
// compilers have one type for all. Threads: free functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

#if defined(JVDB_X86_64)
#include <immintrin.h>
#define JVDB_128 JVDB_TARGET("ssse3,sse4.1")
#else
#include <arm_neon.h>
#define JVDB_128
#endif

namespace jvdb::simd {
namespace {  // a copy for each file: the linker must not choose one of these for all

#if defined(JVDB_X86_64)

using Quad = __m128;    // four float32
using Pair = __m128d;   // two float64
using Words = __m128i;  // four int32
using Bytes = __m128i;  // sixteen int8

// Queries of a tile: 16 registers hold two times four sums.
constexpr std::size_t kQueriesAtOnce = 2;

JVDB_128 inline Quad fill(float value) noexcept {
  return _mm_set1_ps(value);
}
JVDB_128 inline Quad load(const float* from) noexcept {
  return _mm_loadu_ps(from);
}
JVDB_128 inline void store(float* to, Quad values) noexcept {
  _mm_storeu_ps(to, values);
}
JVDB_128 inline Quad add(Quad a, Quad b) noexcept {
  return _mm_add_ps(a, b);
}
JVDB_128 inline Quad subtract(Quad a, Quad b) noexcept {
  return _mm_sub_ps(a, b);
}
JVDB_128 inline Quad multiply(Quad a, Quad b) noexcept {
  return _mm_mul_ps(a, b);
}
JVDB_128 inline Quad add_product(Quad sum, Quad a, Quad b) noexcept {
  return _mm_add_ps(sum, _mm_mul_ps(a, b));
}
JVDB_128 inline Quad larger(Quad a, Quad b) noexcept {
  return _mm_max_ps(a, b);
}
JVDB_128 inline Quad magnitudes(Quad values) noexcept {
  return _mm_andnot_ps(_mm_set1_ps(-0.0F), values);
}
JVDB_128 inline float largest(Quad values) noexcept {
  const Quad two = _mm_max_ps(values, _mm_movehl_ps(values, values));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
JVDB_128 inline float total(Quad sums) noexcept {
  const Quad two = _mm_add_ps(sums, _mm_movehl_ps(sums, sums));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
// The four totals of four registers.
JVDB_128 inline Quad totals(Quad a, Quad b, Quad c, Quad d) noexcept {
  return _mm_hadd_ps(_mm_hadd_ps(a, b), _mm_hadd_ps(c, d));
}
// Bit i where a is below b in lane i; a NaN is not.
JVDB_128 inline unsigned below(Quad a, Quad b) noexcept {
  return static_cast<unsigned>(_mm_movemask_ps(_mm_cmplt_ps(a, b)));
}

JVDB_128 inline Pair fill_pair(double value) noexcept {
  return _mm_set1_pd(value);
}
// Of two floats.
JVDB_128 inline Pair load_pair(const float* from) noexcept {
  return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
JVDB_128 inline Pair low_pair_of_words(Words values) noexcept {
  return _mm_cvtepi32_pd(values);
}
JVDB_128 inline Pair high_pair_of_words(Words values) noexcept {
  return _mm_cvtepi32_pd(_mm_unpackhi_epi64(values, values));
}
JVDB_128 inline Pair add_pairs(Pair a, Pair b) noexcept {
  return _mm_add_pd(a, b);
}
JVDB_128 inline Pair subtract_pairs(Pair a, Pair b) noexcept {
  return _mm_sub_pd(a, b);
}
JVDB_128 inline Pair multiply_pairs(Pair a, Pair b) noexcept {
  return _mm_mul_pd(a, b);
}
// Only where the product is exact: it may be rounded or not.
JVDB_128 inline Pair add_exact_product(Pair sum, Pair a, Pair b) noexcept {
  return _mm_add_pd(sum, _mm_mul_pd(a, b));
}
JVDB_128 inline double total_of_pair(Pair sums) noexcept {
  return _mm_cvtsd_f64(_mm_add_sd(sums, _mm_unpackhi_pd(sums, sums)));
}

JVDB_128 inline Words zero_words() noexcept {
  return _mm_setzero_si128();
}
JVDB_128 inline Quad load_as_floats(const std::int32_t* from) noexcept {
  return _mm_cvtepi32_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
JVDB_128 inline void store_words(std::int32_t* to, Words values) noexcept {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), values);
}
JVDB_128 inline Words add_words(Words a, Words b) noexcept {
  return _mm_add_epi32(a, b);
}
JVDB_128 inline Words totals_of_words(Words a, Words b, Words c, Words d) noexcept {
  return _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
}
// To nearest, ties to even, as lrintf.
JVDB_128 inline Words round_to_words(Quad values) noexcept {
  return _mm_cvtps_epi32(values);
}

// Sixteen bytes that begin on a boundary of sixteen.
JVDB_128 inline Bytes load_bytes(const void* from) noexcept {
  return _mm_load_si128(static_cast<const __m128i*>(from));
}
// Biased codes as int8, and back.
JVDB_128 inline Bytes flip_bias(Bytes codes) noexcept {
  return _mm_xor_si128(codes, _mm_set1_epi8(static_cast<char>(128)));
}
// Eight int32 in −127 … 127 as eight biased bytes.
JVDB_128 inline void store_codes(std::uint8_t* to, Words low, Words high) noexcept {
  const __m128i words = _mm_packs_epi32(low, high);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), flip_bias(_mm_packs_epi16(words, words)));
}

#else

using Quad = float32x4_t;
using Pair = float64x2_t;
using Words = int32x4_t;
using Bytes = int8x16_t;

constexpr std::size_t kQueriesAtOnce = 4;  // of 32 registers, half

inline Quad fill(float value) noexcept {
  return vdupq_n_f32(value);
}
inline Quad load(const float* from) noexcept {
  return vld1q_f32(from);
}
inline void store(float* to, Quad values) noexcept {
  vst1q_f32(to, values);
}
inline Quad add(Quad a, Quad b) noexcept {
  return vaddq_f32(a, b);
}
inline Quad subtract(Quad a, Quad b) noexcept {
  return vsubq_f32(a, b);
}
inline Quad multiply(Quad a, Quad b) noexcept {
  return vmulq_f32(a, b);
}
inline Quad add_product(Quad sum, Quad a, Quad b) noexcept {
  return vfmaq_f32(sum, a, b);
}
inline Quad larger(Quad a, Quad b) noexcept {
  return vmaxq_f32(a, b);
}
inline Quad magnitudes(Quad values) noexcept {
  return vabsq_f32(values);
}
inline float largest(Quad values) noexcept {
  return vmaxvq_f32(values);
}
inline float total(Quad sums) noexcept {
  return vaddvq_f32(sums);
}
inline Quad totals(Quad a, Quad b, Quad c, Quad d) noexcept {
  return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}
inline unsigned below(Quad a, Quad b) noexcept {
  static constexpr std::uint32_t kBits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcltq_f32(a, b), vld1q_u32(kBits)));
}

inline Pair fill_pair(double value) noexcept {
  return vdupq_n_f64(value);
}
inline Pair load_pair(const float* from) noexcept {
  return vcvt_f64_f32(vld1_f32(from));
}
inline Pair low_pair_of_words(Words values) noexcept {
  return vcvtq_f64_s64(vmovl_s32(vget_low_s32(values)));
}
inline Pair high_pair_of_words(Words values) noexcept {
  return vcvtq_f64_s64(vmovl_high_s32(values));
}
inline Pair add_pairs(Pair a, Pair b) noexcept {
  return vaddq_f64(a, b);
}
inline Pair subtract_pairs(Pair a, Pair b) noexcept {
  return vsubq_f64(a, b);
}
inline Pair multiply_pairs(Pair a, Pair b) noexcept {
  return vmulq_f64(a, b);
}
inline Pair add_exact_product(Pair sum, Pair a, Pair b) noexcept {
  return vfmaq_f64(sum, a, b);
}
inline double total_of_pair(Pair sums) noexcept {
  return vaddvq_f64(sums);
}

inline Words zero_words() noexcept {
  return vdupq_n_s32(0);
}
inline Quad load_as_floats(const std::int32_t* from) noexcept {
  return vcvtq_f32_s32(vld1q_s32(from));
}
inline void store_words(std::int32_t* to, Words values) noexcept {
  vst1q_s32(to, values);
}
inline Words add_words(Words a, Words b) noexcept {
  return vaddq_s32(a, b);
}
inline Words totals_of_words(Words a, Words b, Words c, Words d) noexcept {
  return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}
inline Words round_to_words(Quad values) noexcept {
  return vcvtnq_s32_f32(values);
}

inline Bytes load_bytes(const void* from) noexcept {
  return vld1q_s8(static_cast<const std::int8_t*>(from));
}
inline Bytes flip_bias(Bytes codes) noexcept {
  return veorq_s8(codes, vdupq_n_s8(-128));
}
inline void store_codes(std::uint8_t* to, Words low, Words high) noexcept {
  const int8x8_t bytes = vqmovn_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high)));
  vst1_s8(reinterpret_cast<std::int8_t*>(to), veor_s8(bytes, vdup_n_s8(-128)));
}

#endif

}  // namespace
}  // namespace jvdb::simd

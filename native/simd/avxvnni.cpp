// AVX-VNNI (Alder Lake 2021, Zen 5 2024 and later): vpdpbusd in 256 bits, without AVX-512. All else
// is avx2.cpp's.
// Throughput: two 256-bit vpdpbusd of latency 5 a cycle on the large cores, 32 products each.
// Error: none; as in avx512vnni.cpp.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#include <immintrin.h>

#include "simd/encode.h"
#include "simd/tiles.h"

#define JVDB_AVX_VNNI JVDB_TARGET("avx2,fma,avxvnni")

namespace jvdb::simd {
namespace {

JVDB_AVX_VNNI __m256i load(const void* from) noexcept {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}

// The four totals of four vectors.
JVDB_AVX_VNNI void store_totals(std::int32_t* out, const __m256i (&sums)[4]) noexcept {
  const __m256i all =
      _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), four);
}

JVDB_AVX_VNNI std::int32_t total(__m256i sum) noexcept {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 1)));
}

// 128·Σ queryᵢ.
JVDB_AVX_VNNI std::int32_t bias_of(const std::int8_t* query, std::size_t stride) noexcept {
  const __m256i bias = _mm256_set1_epi8(static_cast<char>(kZeroCode));
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < stride; i += 32) {
    sum = _mm256_dpbusd_avx_epi32(sum, bias, load(query + i));
  }
  return total(sum);
}

JVDB_AVX_VNNI __m256i sum_row(const std::int8_t* query, const std::uint8_t* row,
                              std::size_t stride) noexcept {
  __m256i low = _mm256_setzero_si256();
  __m256i high = low;
  for (std::size_t i = 0; i < stride; i += 64) {
    low = _mm256_dpbusd_avx_epi32(low, load(row + i), load(query + i));
    high = _mm256_dpbusd_avx_epi32(high, load(row + i + 32), load(query + i + 32));
  }
  return _mm256_add_epi32(low, high);
}

// Sums of the biased rows.
struct CodeTile {
  static constexpr std::size_t kQueries = 3;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX_VNNI static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                                 std::size_t stride, std::int32_t* out) noexcept {
    __m256i sums[kQueries][kRows] = {};
    for (std::size_t i = 0; i < stride; i += 32) {
      __m256i query[kQueries];
      for (std::size_t q = 0; q < kQueries; ++q) query[q] = load(queries + q * stride + i);
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m256i row = load(rows + r * stride + i);
        for (std::size_t q = 0; q < kQueries; ++q) {
          sums[q][r] = _mm256_dpbusd_avx_epi32(sums[q][r], row, query[q]);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) store_totals(out + q * kRowsAtOnce, sums[q]);
  }
  JVDB_AVX_VNNI static void single(const std::int8_t* query, const std::uint8_t* rows,
                                   std::size_t count, std::size_t stride,
                                   std::int32_t* out) noexcept {
    for (std::size_t r = 0; r < count; ++r)
      out[r] = total(sum_row(query, rows + r * stride, stride));
  }
};

JVDB_AVX_VNNI void code_dots(const std::int8_t* queries, std::size_t query_count,
                             const std::uint8_t* rows, std::size_t row_count, std::size_t stride,
                             std::int32_t* out) noexcept {
  over_tiles<CodeTile>(queries, query_count, rows, row_count, stride, out);
  for (std::size_t q = 0; q < query_count; ++q) {
    subtract(bias_of(queries + q * stride, stride), out + q * kRowsAtOnce, row_count);
  }
}

}  // namespace

const Kernels* avxvnni() noexcept {
  static const Kernels kernels = with_code_dots(*avx2(), "avxvnni", code_dots);
  return &kernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* avxvnni() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

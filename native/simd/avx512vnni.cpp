// AVX-512 VNNI (Cascade Lake 2019, Ice Lake, Zen 4 2022 and later): products of bytes, summed in
// one instruction. All else is avx512.cpp's.
// Throughput: one 512-bit vpdpbusd of latency 4–5 a cycle, 64 products each, twice that with a
// second unit: more than any memory delivers.
// Error: none. vpdpbusd does not saturate (vpdpbusds would); it takes the rows as they are stored,
// biased by 128, and 128·Σ queryᵢ is subtracted at the end. The biased sum of 65,536 values is at
// most 65,536·255·127 < 2³¹.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#include "simd/avx512.h"
#include "simd/encode.h"
#include "simd/tiles.h"

#define JVDB_AVX512_VNNI JVDB_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")

namespace jvdb::simd {
namespace {

JVDB_AVX512_VNNI __m512i load(const void* from) noexcept {
  return _mm512_load_si512(from);
}

JVDB_AVX512_VNNI __m256i load_half(const void* from) noexcept {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}

// 128·Σ queryᵢ.
JVDB_AVX512_VNNI std::int32_t bias_of(const std::int8_t* query, std::size_t stride) noexcept {
  const __m512i bias = _mm512_set1_epi8(static_cast<char>(kZeroCode));
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < stride; i += 64) {
    sum = _mm512_dpbusd_epi32(sum, bias, load(query + i));
  }
  return _mm512_reduce_add_epi32(sum);
}

JVDB_AVX512_VNNI __m256i sum_row(const std::int8_t* query, const std::uint8_t* row,
                                 std::size_t stride) noexcept {
  __m256i low = _mm256_setzero_si256();
  __m256i high = low;
  for (std::size_t i = 0; i < stride; i += 64) {
    low = _mm256_dpbusd_epi32(low, load_half(row + i), load_half(query + i));
    high = _mm256_dpbusd_epi32(high, load_half(row + i + 32), load_half(query + i + 32));
  }
  return _mm256_add_epi32(low, high);
}

JVDB_AVX512_VNNI std::int32_t total(__m256i sum) noexcept {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 1)));
}

JVDB_AVX512_VNNI void add_products(IntRows& sums, const IntRows& rows, __m512i query) noexcept {
  sums.a = _mm512_dpbusd_epi32(sums.a, rows.a, query);
  sums.b = _mm512_dpbusd_epi32(sums.b, rows.b, query);
  sums.c = _mm512_dpbusd_epi32(sums.c, rows.c, query);
  sums.d = _mm512_dpbusd_epi32(sums.d, rows.d, query);
}

// Sums of the biased rows.
struct CodeTile {
  static constexpr std::size_t kQueries = 4;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX512_VNNI static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                                    std::size_t stride, std::int32_t* out) noexcept {
    const __m512i zero = _mm512_setzero_si512();
    IntRows first{zero, zero, zero, zero};
    IntRows second = first;
    IntRows third = first;
    IntRows fourth = first;
    for (std::size_t i = 0; i < stride; i += 64) {
      const std::uint8_t* row = rows + i;
      const IntRows four{load(row), load(row + stride), load(row + 2 * stride),
                         load(row + 3 * stride)};
      const std::int8_t* query = queries + i;
      add_products(first, four, load(query));
      add_products(second, four, load(query + stride));
      add_products(third, four, load(query + 2 * stride));
      add_products(fourth, four, load(query + 3 * stride));
    }
    store_totals(out, first);
    store_totals(out + kRowsAtOnce, second);
    store_totals(out + 2 * kRowsAtOnce, third);
    store_totals(out + 3 * kRowsAtOnce, fourth);
  }
  // Memory is the limit: 256 bits at a time are read from it up to a seventh faster than 512 (Zen
  // 4).
  JVDB_AVX512_VNNI static void single(const std::int8_t* query, const std::uint8_t* rows,
                                      std::size_t count, std::size_t stride,
                                      std::int32_t* out) noexcept {
    for (std::size_t r = 0; r < count; ++r)
      out[r] = total(sum_row(query, rows + r * stride, stride));
  }
};

JVDB_AVX512_VNNI void code_dots(const std::int8_t* queries, std::size_t query_count,
                                const std::uint8_t* rows, std::size_t row_count, std::size_t stride,
                                std::int32_t* out) noexcept {
  over_tiles<CodeTile>(queries, query_count, rows, row_count, stride, out);
  for (std::size_t q = 0; q < query_count; ++q) {
    subtract(bias_of(queries + q * stride, stride), out + q * kRowsAtOnce, row_count);
  }
}

}  // namespace

const Kernels* avx512vnni() noexcept {
  static const Kernels kernels = with_code_dots(*avx512(), "avx512vnni", code_dots);
  return &kernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* avx512vnni() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

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
#include "simd/tiles.h"

#define JVDB_AVX512_VNNI JVDB_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")

namespace jvdb::simd {
namespace {

JVDB_AVX512_VNNI __m512i load(const void* from) noexcept {
  return _mm512_load_si512(from);
}

// 128·Σ queryᵢ.
JVDB_AVX512_VNNI std::int32_t bias_of(const std::int8_t* query, std::size_t stride) noexcept {
  const __m512i bias = _mm512_set1_epi8(static_cast<char>(128));
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < stride; i += 64) {
    sum = _mm512_dpbusd_epi32(sum, bias, load(query + i));
  }
  return _mm512_reduce_add_epi32(sum);
}

JVDB_AVX512_VNNI void store_unbiased(std::int32_t* out, const __m512i (&sums)[4],
                                     std::int32_t bias) noexcept {
  store_totals(out, sums);
  auto* four = reinterpret_cast<__m128i*>(out);
  _mm_storeu_si128(four, _mm_sub_epi32(_mm_loadu_si128(four), _mm_set1_epi32(bias)));
}

JVDB_AVX512_VNNI __m512i sum_row(const std::int8_t* query, const std::uint8_t* row,
                                 std::size_t stride) noexcept {
  __m512i sums[4] = {};
  std::size_t i = 0;
  for (; i + 256 <= stride; i += 256) {
    for (std::size_t part = 0; part < 4; ++part) {
      const std::size_t at = i + part * 64;
      sums[part] = _mm512_dpbusd_epi32(sums[part], load(row + at), load(query + at));
    }
  }
  for (; i < stride; i += 64) {
    sums[0] = _mm512_dpbusd_epi32(sums[0], load(row + i), load(query + i));
  }
  return _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
}

struct CodeTile {
  static constexpr std::size_t kQueries = 4;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX512_VNNI static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                                    std::size_t stride, std::int32_t* out) noexcept {
    __m512i sums[kQueries][kRows] = {};
    __m512i biases[kQueries] = {};
    const __m512i bias = _mm512_set1_epi8(static_cast<char>(128));
    for (std::size_t i = 0; i < stride; i += 64) {
      __m512i row[kRows];
      for (std::size_t r = 0; r < kRows; ++r) row[r] = load(rows + r * stride + i);
      for (std::size_t q = 0; q < kQueries; ++q) {
        const __m512i query = load(queries + q * stride + i);
        biases[q] = _mm512_dpbusd_epi32(biases[q], bias, query);
        for (std::size_t r = 0; r < kRows; ++r) {
          sums[q][r] = _mm512_dpbusd_epi32(sums[q][r], row[r], query);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) {
      for (__m512i& sum : sums[q]) sum = _mm512_sub_epi32(sum, biases[q]);
      store_totals(out + q * kRowsAtOnce, sums[q]);
    }
  }
  JVDB_AVX512_VNNI static void single(const std::int8_t* query, const std::uint8_t* rows,
                                      std::size_t count, std::size_t stride,
                                      std::int32_t* out) noexcept {
    const std::int32_t bias = bias_of(query, stride);
    std::size_t r = 0;
    for (; r + 4 <= count; r += 4) {
      const std::uint8_t* row = rows + r * stride;
      const __m512i sums[4] = {sum_row(query, row, stride), sum_row(query, row + stride, stride),
                               sum_row(query, row + 2 * stride, stride),
                               sum_row(query, row + 3 * stride, stride)};
      store_unbiased(out + r, sums, bias);
    }
    for (; r < count; ++r) {
      out[r] = _mm512_reduce_add_epi32(sum_row(query, rows + r * stride, stride)) - bias;
    }
  }
};

JVDB_AVX512_VNNI void code_dots(const std::int8_t* queries, std::size_t query_count,
                                const std::uint8_t* rows, std::size_t row_count, std::size_t stride,
                                std::int32_t* out) noexcept {
  over_tiles<CodeTile>(queries, query_count, rows, row_count, stride, out);
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

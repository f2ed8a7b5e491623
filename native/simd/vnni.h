// What AVX-VNNI and AVX-512 VNNI do alike, in registers of 256 bits. Whoever includes this has
// defined JVDB_VNNI, the target attribute of its own `Products`: add(sum, row, query) adds 32
// products to eight sums. vpdpbusd takes the rows as they are stored, biased by 128, and
// 128·Σ queryᵢ is subtracted at the end. Threads: free functions.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "simd/encode.h"
#include "simd/tiles.h"

namespace jvdb::simd {
namespace {  // a copy for each file, for its processors

JVDB_VNNI __m256i load(const void* from) noexcept {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}

JVDB_VNNI std::int32_t total(__m256i sum) noexcept {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 1)));
}

template <typename Products>
JVDB_VNNI std::int32_t bias_of(const std::int8_t* query, std::size_t stride) noexcept {
  const __m256i bias = _mm256_set1_epi8(static_cast<char>(kZeroCode));
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < stride; i += 32) sum = Products::add(sum, bias, load(query + i));
  return total(sum);
}

// A query and rows one after the other, biased.
template <typename Products>
JVDB_VNNI void row_sums(const std::int8_t* query, const std::uint8_t* rows, std::size_t count,
                        std::size_t stride, std::int32_t* out) noexcept {
  for (std::size_t r = 0; r < count; ++r) {
    const std::uint8_t* row = rows + r * stride;
    __m256i low = _mm256_setzero_si256();
    __m256i high = low;
    for (std::size_t i = 0; i < stride; i += 64) {
      low = Products::add(low, load(row + i), load(query + i));
      high = Products::add(high, load(row + i + 32), load(query + i + 32));
    }
    out[r] = total(_mm256_add_epi32(low, high));
  }
}

// `Tile` makes sums of the biased rows.
template <typename Tile, typename Products>
void code_dots(const std::int8_t* queries, std::size_t query_count, const std::uint8_t* rows,
               std::size_t row_count, std::size_t stride, std::int32_t* out) noexcept {
  over_tiles<Tile>(queries, query_count, rows, row_count, stride, out);
  for (std::size_t q = 0; q < query_count; ++q) {
    const std::int32_t bias = bias_of<Products>(queries + q * stride, stride);
    for (std::size_t r = 0; r < row_count; ++r) out[q * kRowsAtOnce + r] -= bias;
  }
}

}  // namespace
}  // namespace jvdb::simd

// AVX2 and FMA (Haswell 2013, Zen 2017 and later).
// Throughput: two 256-bit FMAs of latency 4 a cycle (5 on Haswell), fed by two loads: from L1 a dot
// product runs at 8 elements a cycle with eight sums in flight; four are enough for data from
// memory, the limit of anything larger than the cache. Tiles have twelve, and a load for two FMAs.
// Error of the float32 sums: γ_(n/32+8)·Σ|aᵢbᵢ|, in tiles γ_(n/8+4). The float64 ones use
// no FMA where it would change a rounding: a product of two floats is exact in float64, a square of
// a difference is not.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#include <immintrin.h>

#include <cmath>
#include <cstring>

#include "simd/encode.h"
#include "simd/tiles.h"

#define JVDB_AVX2 JVDB_TARGET("avx2,fma")

namespace jvdb::simd {
namespace {

// Ones in the first `count` of eight 32-bit lanes.
JVDB_AVX2 __m256i first_lanes(std::size_t count) noexcept {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
}

JVDB_AVX2 __m256 load_first(const float* from, std::size_t count) noexcept {
  return _mm256_maskload_ps(from, first_lanes(count));
}

JVDB_AVX2 float total(__m256 sum) noexcept {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

JVDB_AVX2 float total(const __m256 (&sums)[4]) noexcept {
  return total(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
}

struct AddProduct {
  JVDB_AVX2 static __m256 step(__m256 a, __m256 b, __m256 sum) noexcept {
    return _mm256_fmadd_ps(a, b, sum);
  }
  JVDB_AVX2 static __m256d step(__m256d a, __m256d b, __m256d sum) noexcept {
    return _mm256_fmadd_pd(a, b, sum);
  }
};

struct AddSquaredDifference {
  JVDB_AVX2 static __m256 step(__m256 a, __m256 b, __m256 sum) noexcept {
    const __m256 difference = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(difference, difference, sum);
  }
  JVDB_AVX2 static __m256d step(__m256d a, __m256d b, __m256d sum) noexcept {
    const __m256d difference = _mm256_sub_pd(a, b);
    return _mm256_add_pd(sum, _mm256_mul_pd(difference, difference));
  }
};

template <typename Add>
JVDB_AVX2 float sum_float(const float* a, const float* b, std::size_t n) noexcept {
  __m256 sums[4] = {};
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (std::size_t part = 0; part < 4; ++part) {
      const std::size_t at = i + part * 8;
      sums[part] = Add::step(_mm256_loadu_ps(a + at), _mm256_loadu_ps(b + at), sums[part]);
    }
  }
  for (; i + 8 <= n; i += 8) {
    sums[0] = Add::step(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), sums[0]);
  }
  if (i < n) sums[1] = Add::step(load_first(a + i, n - i), load_first(b + i, n - i), sums[1]);
  return total(sums);
}

// Eight float64 sums: lanes 0–3 and 4–7 of the fixed order. A masked lane adds +0, which changes
// no sum: none of them is ever −0.
struct Sums {
  __m256d low, high;

  JVDB_AVX2 double total() const noexcept {
    const __m256d four = _mm256_add_pd(low, high);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

JVDB_AVX2 __m256d low_half(__m256 values) noexcept {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(values));
}
JVDB_AVX2 __m256d high_half(__m256 values) noexcept {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1));
}

JVDB_AVX2 CosineSums cosine(const float* a, const float* b, std::size_t n) noexcept {
  __m256 ab[4] = {};
  __m256 aa[4] = {};
  __m256 bb[4] = {};
  const auto step = [&](__m256 x, __m256 y, std::size_t part) JVDB_AVX2 {
    ab[part] = _mm256_fmadd_ps(x, y, ab[part]);
    aa[part] = _mm256_fmadd_ps(x, x, aa[part]);
    bb[part] = _mm256_fmadd_ps(y, y, bb[part]);
  };
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (std::size_t part = 0; part < 4; ++part) {
      step(_mm256_loadu_ps(a + i + part * 8), _mm256_loadu_ps(b + i + part * 8), part);
    }
  }
  for (; i < n; i += 8) step(load_first(a + i, n - i), load_first(b + i, n - i), 0);
  return {total(ab), total(aa), total(bb)};
}

template <typename Add>
JVDB_AVX2 double sum_double(const float* a, const float* b, std::size_t n) noexcept {
  Sums sums{_mm256_setzero_pd(), _mm256_setzero_pd()};
  for (std::size_t i = 0; i < n; i += 8) {
    const bool whole = i + 8 <= n;
    const __m256 left = whole ? _mm256_loadu_ps(a + i) : load_first(a + i, n - i);
    const __m256 right = whole ? _mm256_loadu_ps(b + i) : load_first(b + i, n - i);
    sums.low = Add::step(low_half(left), low_half(right), sums.low);
    sums.high = Add::step(high_half(left), high_half(right), sums.high);
  }
  return sums.total();
}

JVDB_AVX2 ExactSums cosine_exact(const float* a, const float* b, std::size_t n) noexcept {
  Sums ab{_mm256_setzero_pd(), _mm256_setzero_pd()};
  Sums bb = ab;
  for (std::size_t i = 0; i < n; i += 8) {
    const bool whole = i + 8 <= n;
    const __m256 left = whole ? _mm256_loadu_ps(a + i) : load_first(a + i, n - i);
    const __m256 right = whole ? _mm256_loadu_ps(b + i) : load_first(b + i, n - i);
    const __m256d low = low_half(right);
    const __m256d high = high_half(right);
    ab.low = _mm256_fmadd_pd(low_half(left), low, ab.low);
    ab.high = _mm256_fmadd_pd(high_half(left), high, ab.high);
    bb.low = _mm256_fmadd_pd(low, low, bb.low);
    bb.high = _mm256_fmadd_pd(high, high, bb.high);
  }
  return {ab.total(), bb.total()};
}

JVDB_AVX2 float largest_of(const float* v, std::size_t n) noexcept {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
  __m256 largest = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    largest = _mm256_max_ps(largest, _mm256_and_ps(_mm256_loadu_ps(v + i), magnitude));
  }
  if (i < n) largest = _mm256_max_ps(largest, _mm256_and_ps(load_first(v + i, n - i), magnitude));
  const __m128 four =
      _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

struct Levels {
  __m256 factor;
  __m256d scale;
  Sums errors;

  // Eight values: their codes as int32, and their share of the squared error.
  JVDB_AVX2 __m256i take(__m256 values) noexcept {
    const __m256i levels = _mm256_cvtps_epi32(_mm256_mul_ps(values, factor));
    errors.low = add(errors.low, low_half(values), _mm256_castsi256_si128(levels));
    errors.high = add(errors.high, high_half(values), _mm256_extracti128_si256(levels, 1));
    return levels;
  }

 private:
  JVDB_AVX2 __m256d add(__m256d sum, __m256d values, __m128i levels) const noexcept {
    const __m256d rest = _mm256_sub_pd(values, _mm256_mul_pd(_mm256_cvtepi32_pd(levels), scale));
    return _mm256_add_pd(sum, _mm256_mul_pd(rest, rest));
  }
};

// Eight int32 in −127 … 127 as eight biased bytes.
JVDB_AVX2 void store_codes(__m256i levels, std::uint8_t* to) noexcept {
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(levels), _mm256_extracti128_si256(levels, 1));
  const __m128i bytes = _mm_packs_epi16(words, words);
  const __m128i biased = _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(kZeroCode)));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), biased);
}

JVDB_AVX2 Encoded encode(const float* v, std::size_t n, std::uint8_t* code,
                         std::size_t stride) noexcept {
  const double squared_norm = sum_double<AddProduct>(v, v, n);
  const Quantizer quantizer =
      std::isfinite(squared_norm) ? quantizer_for(largest_of(v, n)) : Quantizer{0, 0, false};
  if (!quantizer.usable) {
    std::memset(code, kZeroCode, stride);
    return without_code(squared_norm);
  }
  Levels levels{_mm256_set1_ps(quantizer.inverse),
                _mm256_set1_pd(static_cast<double>(quantizer.scale)),
                {_mm256_setzero_pd(), _mm256_setzero_pd()}};
  // The stride is a multiple of 64, so whole groups of eight fit; a masked lane gets the zero code.
  std::size_t i = 0;
  for (; i < n; i += 8) {
    const __m256 values = i + 8 <= n ? _mm256_loadu_ps(v + i) : load_first(v + i, n - i);
    store_codes(levels.take(values), code + i);
  }
  std::memset(code + i, kZeroCode, stride - i);
  return finish_encoding(squared_norm, quantizer.scale, levels.errors.total());
}

// The four totals of four vectors of eight.
JVDB_AVX2 __m128 totals(__m256 a, __m256 b, __m256 c, __m256 d) noexcept {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}
JVDB_AVX2 __m128i totals(__m256i a, __m256i b, __m256i c, __m256i d) noexcept {
  const __m256i sums = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
}

struct FloatTile {
  static constexpr std::size_t kQueries = 3;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX2 static void tile(const float* queries, const float* rows, std::size_t stride,
                             float* out) noexcept {
    __m256 sums[kQueries][kRows] = {};
    for (std::size_t i = 0; i < stride; i += 8) {
      __m256 query[kQueries];
      for (std::size_t q = 0; q < kQueries; ++q)
        query[q] = _mm256_load_ps(queries + q * stride + i);
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m256 row = _mm256_load_ps(rows + r * stride + i);
        for (std::size_t q = 0; q < kQueries; ++q) {
          sums[q][r] = _mm256_fmadd_ps(row, query[q], sums[q][r]);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) {
      _mm_storeu_ps(out + q * kRowsAtOnce, totals(sums[q][0], sums[q][1], sums[q][2], sums[q][3]));
    }
  }
  JVDB_AVX2 static void single(const float* query, const float* rows, std::size_t count,
                               std::size_t stride, float* out) noexcept {
    for (std::size_t r = 0; r < count; ++r) {
      out[r] = sum_float<AddProduct>(query, rows + r * stride, stride);
    }
  }
};

JVDB_AVX2 void dots(const float* queries, std::size_t query_count, const float* rows,
                    std::size_t row_count, std::size_t stride, float* out) noexcept {
  over_tiles<FloatTile>(queries, query_count, rows, row_count, stride, out);
}

// vpmaddubsw saturates on biased codes (2·255·127 > 32,767) but not on magnitudes (2·127·127).
JVDB_AVX2 __m256i add_code_products(__m256i sum, __m256i row, __m256i query,
                                    __m256i magnitudes) noexcept {
  const __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(row, query));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
JVDB_AVX2 __m256i load_bytes(const void* from) noexcept {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}
JVDB_AVX2 __m256i load_row(const std::uint8_t* from) noexcept {
  return _mm256_xor_si256(load_bytes(from), _mm256_set1_epi8(static_cast<char>(kZeroCode)));
}

struct CodeTile {
  static constexpr std::size_t kQueries = 2;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX2 static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                             std::size_t stride, std::int32_t* out) noexcept {
    __m256i sums[kQueries][kRows] = {};
    for (std::size_t i = 0; i < stride; i += 32) {
      for (std::size_t q = 0; q < kQueries; ++q) {
        const __m256i query = load_bytes(queries + q * stride + i);
        const __m256i magnitudes = _mm256_abs_epi8(query);
        for (std::size_t r = 0; r < kRows; ++r) {
          sums[q][r] =
              add_code_products(sums[q][r], load_row(rows + r * stride + i), query, magnitudes);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + q * kRowsAtOnce),
                       totals(sums[q][0], sums[q][1], sums[q][2], sums[q][3]));
    }
  }
  JVDB_AVX2 static void single(const std::int8_t* query, const std::uint8_t* rows,
                               std::size_t count, std::size_t stride, std::int32_t* out) noexcept {
    for (std::size_t r = 0; r < count; ++r) {
      const std::uint8_t* row = rows + r * stride;
      __m256i even = _mm256_setzero_si256();
      __m256i odd = even;
      for (std::size_t i = 0; i < stride; i += 64) {
        const __m256i low = load_bytes(query + i);
        const __m256i high = load_bytes(query + i + 32);
        even = add_code_products(even, load_row(row + i), low, _mm256_abs_epi8(low));
        odd = add_code_products(odd, load_row(row + i + 32), high, _mm256_abs_epi8(high));
      }
      const __m256i zero = _mm256_setzero_si256();
      out[r] = _mm_cvtsi128_si32(totals(_mm256_add_epi32(even, odd), zero, zero, zero));
    }
  }
};

JVDB_AVX2 void code_dots(const std::int8_t* queries, std::size_t query_count,
                         const std::uint8_t* rows, std::size_t row_count, std::size_t stride,
                         std::int32_t* out) noexcept {
  over_tiles<CodeTile>(queries, query_count, rows, row_count, stride, out);
}

JVDB_AVX2 std::uint64_t mask_of(__m256 lanes) noexcept {
  return static_cast<unsigned>(_mm256_movemask_ps(lanes));
}

struct Coefficients {
  __m256 dot, error, norm, norm_squared, limit;

  JVDB_AVX2 explicit Coefficients(const Bound& bound) noexcept
      : dot(_mm256_set1_ps(bound.dot_factor)),
        error(_mm256_set1_ps(bound.error_factor)),
        norm(_mm256_set1_ps(bound.norm_factor)),
        norm_squared(_mm256_set1_ps(bound.norm_squared_factor)),
        limit(_mm256_set1_ps(bound.limit)) {}

  JVDB_AVX2 std::uint64_t reaching(__m256 scaled_dots, __m256 errors, __m256 norms) const noexcept {
    const __m256 of_norm = _mm256_fnmadd_ps(norm_squared, norms, norm);
    const __m256 sum = _mm256_fmadd_ps(
        scaled_dots, dot, _mm256_fmadd_ps(errors, error, _mm256_mul_ps(norms, of_norm)));
    return mask_of(_mm256_cmp_ps(sum, limit, _CMP_NLT_UQ));
  }
};

JVDB_AVX2 std::uint64_t codes_reaching(const Bound& bound, const std::int32_t* dots,
                                       const CodeTerms& terms, std::size_t count) noexcept {
  const Coefficients coefficients(bound);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; i += 8) {
    const __m256i sums = _mm256_maskload_epi32(dots + i, first_lanes(count - i));
    const __m256 scaled =
        _mm256_mul_ps(_mm256_cvtepi32_ps(sums), load_first(terms.scales + i, count - i));
    out |= coefficients.reaching(scaled, load_first(terms.errors + i, count - i),
                                 load_first(terms.norms + i, count - i))
           << i;
  }
  return out & first_bits(count);
}

JVDB_AVX2 std::uint64_t dots_reaching(const Bound& bound, const float* dots, const float* norms,
                                      std::size_t count) noexcept {
  const Coefficients coefficients(bound);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; i += 8) {
    const __m256 norm = load_first(norms + i, count - i);
    const __m256 outside =
        _mm256_or_ps(_mm256_cmp_ps(norm, _mm256_set1_ps(bound.smallest_norm), _CMP_NGE_UQ),
                     _mm256_cmp_ps(norm, _mm256_set1_ps(bound.largest_norm), _CMP_NLE_UQ));
    const __m256 sums = load_first(dots + i, count - i);
    out |= (coefficients.reaching(sums, _mm256_setzero_ps(), norm) | mask_of(outside)) << i;
  }
  return out & first_bits(count);
}

constexpr Kernels kKernels = {"avx2",
                              sum_float<AddProduct>,
                              sum_float<AddSquaredDifference>,
                              cosine,
                              sum_double<AddProduct>,
                              sum_double<AddSquaredDifference>,
                              cosine_exact,
                              encode,
                              dots,
                              code_dots,
                              codes_reaching,
                              dots_reaching};

}  // namespace

const Kernels* avx2() noexcept {
  return &kKernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* avx2() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

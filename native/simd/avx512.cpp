// AVX-512 F, BW, DQ and VL (Skylake-X 2017, Zen 4 2022 and later). What AVX2 does as well is
// AVX2's: encoding, and the cosine of two arrays, most of which lie across cache lines. Throughput:
// one 512-bit FMA of latency 4 a cycle, two where the processor has a second unit (all Xeons above
// the smallest); Zen 4 splits each in two of 256 bits. 16 to 32 elements a cycle from L1; from
// memory, one core reads 10 to 12 bytes a cycle, which leaves all of it time. Error of the float32
// sums: γ_(n/64+7)·Σ|aᵢbᵢ|. The float64 ones: see avx2.cpp. Loads that cross cache lines take twice
// as long: scans have both operands aligned.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#include "simd/avx512.h"
#include "simd/encode.h"
#include "simd/tiles.h"

namespace jvdb::simd {
namespace {

JVDB_AVX512 __mmask16 first_lanes(std::size_t count) noexcept {
  return static_cast<__mmask16>(count >= 16 ? 0xFFFF : (1U << count) - 1);
}

JVDB_AVX512 __m512 load_first(const float* from, std::size_t count) noexcept {
  return _mm512_maskz_loadu_ps(first_lanes(count), from);
}

JVDB_AVX512 float total(__m512 sum) noexcept {
  return _mm512_reduce_add_ps(sum);
}

struct AddProduct {
  JVDB_AVX512 static __m512 step(__m512 a, __m512 b, __m512 sum) noexcept {
    return _mm512_fmadd_ps(a, b, sum);
  }
  JVDB_AVX512 static __m512d step(__m512d a, __m512d b, __m512d sum) noexcept {
    return _mm512_fmadd_pd(a, b, sum);
  }
};

struct AddSquaredDifference {
  JVDB_AVX512 static __m512 step(__m512 a, __m512 b, __m512 sum) noexcept {
    const __m512 difference = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(difference, difference, sum);
  }
  JVDB_AVX512 static __m512d step(__m512d a, __m512d b, __m512d sum) noexcept {
    const __m512d difference = _mm512_sub_pd(a, b);
    return _mm512_add_pd(sum, _mm512_mul_pd(difference, difference));
  }
};

template <typename Add>
JVDB_AVX512 __m512 sum_floats(const float* a, const float* b, std::size_t n) noexcept {
  __m512 sum0 = _mm512_setzero_ps();
  __m512 sum1 = sum0;
  __m512 sum2 = sum0;
  __m512 sum3 = sum0;
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    sum0 = Add::step(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sum0);
    sum1 = Add::step(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), sum1);
    sum2 = Add::step(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), sum2);
    sum3 = Add::step(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), sum3);
  }
  for (; i + 16 <= n; i += 16) {
    sum0 = Add::step(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sum0);
  }
  if (i < n) sum1 = Add::step(load_first(a + i, n - i), load_first(b + i, n - i), sum1);
  return _mm512_add_ps(_mm512_add_ps(sum0, sum1), _mm512_add_ps(sum2, sum3));
}

template <typename Add>
JVDB_AVX512 float sum_float(const float* a, const float* b, std::size_t n) noexcept {
  return total(sum_floats<Add>(a, b, n));
}

// Eight elements from i on as float64, zeros behind the last.
JVDB_AVX512 __m512d widen(const float* from, std::size_t i, std::size_t n) noexcept {
  const auto lanes = static_cast<__mmask8>(i + 8 <= n ? 0xFF : (1U << (n - i)) - 1);
  return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(lanes, from + i));
}

// The eight sums of the fixed order lie in one register.
JVDB_AVX512 double total(__m512d sums) noexcept {
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(sums), _mm512_extractf64x4_pd(sums, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

template <typename Add>
JVDB_AVX512 double sum_double(const float* a, const float* b, std::size_t n) noexcept {
  __m512d sums = _mm512_setzero_pd();
  for (std::size_t i = 0; i < n; i += 8) sums = Add::step(widen(a, i, n), widen(b, i, n), sums);
  return total(sums);
}

JVDB_AVX512 ExactSums cosine_exact(const float* a, const float* b, std::size_t n) noexcept {
  __m512d ab = _mm512_setzero_pd();
  __m512d bb = ab;
  for (std::size_t i = 0; i < n; i += 8) {
    const __m512d y = widen(b, i, n);
    ab = _mm512_fmadd_pd(widen(a, i, n), y, ab);
    bb = _mm512_fmadd_pd(y, y, bb);
  }
  return {total(ab), total(bb)};
}

struct FloatTile {
  static constexpr std::size_t kQueries = 4;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX512 static void tile(const float* queries, const float* rows, std::size_t stride,
                               float* out) noexcept {
    __m512 sums[kQueries][kRows] = {};
    for (std::size_t i = 0; i < stride; i += 16) {
      __m512 row[kRows];
      for (std::size_t r = 0; r < kRows; ++r) row[r] = _mm512_load_ps(rows + r * stride + i);
      for (std::size_t q = 0; q < kQueries; ++q) {
        const __m512 query = _mm512_load_ps(queries + q * stride + i);
        for (std::size_t r = 0; r < kRows; ++r) {
          sums[q][r] = _mm512_fmadd_ps(row[r], query, sums[q][r]);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) store_totals(out + q * kRowsAtOnce, sums[q]);
  }
  JVDB_AVX512 static void single(const float* query, const float* rows, std::size_t count,
                                 std::size_t stride, float* out) noexcept {
    for (std::size_t r = 0; r < count; ++r) {
      out[r] = sum_float<AddProduct>(query, rows + r * stride, stride);
    }
  }
};

JVDB_AVX512 void dots(const float* queries, std::size_t query_count, const float* rows,
                      std::size_t row_count, std::size_t stride, float* out) noexcept {
  over_tiles<FloatTile>(queries, query_count, rows, row_count, stride, out);
}

JVDB_AVX512 __m512i load_row(const std::uint8_t* from) noexcept {
  return _mm512_xor_si512(_mm512_load_si512(from), _mm512_set1_epi8(static_cast<char>(kZeroCode)));
}

// As in avx2.cpp, but there is no sign instruction of this width.
struct SignedQuery {
  __m512i magnitudes;
  __mmask64 negative;

  JVDB_AVX512 explicit SignedQuery(const std::int8_t* from) noexcept
      : magnitudes(_mm512_abs_epi8(_mm512_load_si512(from))),
        negative(_mm512_movepi8_mask(_mm512_load_si512(from))) {}

  JVDB_AVX512 __m512i add_products(__m512i sum, __m512i row) const noexcept {
    const __m512i turned = _mm512_mask_sub_epi8(row, negative, _mm512_setzero_si512(), row);
    const __m512i pairs = _mm512_maddubs_epi16(magnitudes, turned);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
};

struct CodeTile {
  static constexpr std::size_t kQueries = 2;
  static constexpr std::size_t kRows = 4;

  JVDB_AVX512 static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                               std::size_t stride, std::int32_t* out) noexcept {
    __m512i sums[kQueries][kRows] = {};
    for (std::size_t i = 0; i < stride; i += 64) {
      const SignedQuery first(queries + i);
      const SignedQuery second(queries + stride + i);
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m512i row = load_row(rows + r * stride + i);
        sums[0][r] = first.add_products(sums[0][r], row);
        sums[1][r] = second.add_products(sums[1][r], row);
      }
    }
    store_totals(out, sums[0]);
    store_totals(out + kRowsAtOnce, sums[1]);
  }
  JVDB_AVX512 static void single(const std::int8_t* query, const std::uint8_t* rows,
                                 std::size_t count, std::size_t stride,
                                 std::int32_t* out) noexcept {
    for (std::size_t r = 0; r < count; ++r) {
      __m512i sum = _mm512_setzero_si512();
      for (std::size_t i = 0; i < stride; i += 64) {
        sum = SignedQuery(query + i).add_products(sum, load_row(rows + r * stride + i));
      }
      out[r] = _mm512_reduce_add_epi32(sum);
    }
  }
};

JVDB_AVX512 void code_dots(const std::int8_t* queries, std::size_t query_count,
                           const std::uint8_t* rows, std::size_t row_count, std::size_t stride,
                           std::int32_t* out) noexcept {
  over_tiles<CodeTile>(queries, query_count, rows, row_count, stride, out);
}

struct Coefficients {
  __m512 dot, error, norm, norm_squared, limit;

  JVDB_AVX512 explicit Coefficients(const Bound& bound) noexcept
      : dot(_mm512_set1_ps(bound.dot_factor)),
        error(_mm512_set1_ps(bound.error_factor)),
        norm(_mm512_set1_ps(bound.norm_factor)),
        norm_squared(_mm512_set1_ps(bound.norm_squared_factor)),
        limit(_mm512_set1_ps(bound.limit)) {}

  JVDB_AVX512 std::uint64_t reaching(__m512 scaled_dots, __m512 errors,
                                     __m512 norms) const noexcept {
    const __m512 of_norm = _mm512_fnmadd_ps(norm_squared, norms, norm);
    const __m512 sum = _mm512_fmadd_ps(
        scaled_dots, dot, _mm512_fmadd_ps(errors, error, _mm512_mul_ps(norms, of_norm)));
    return _mm512_cmp_ps_mask(sum, limit, _CMP_NLT_UQ);
  }
};

JVDB_AVX512 std::uint64_t codes_reaching(const Bound& bound, const std::int32_t* dots,
                                         const CodeTerms& terms, std::size_t count) noexcept {
  const Coefficients coefficients(bound);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    const __m512i sums = _mm512_maskz_loadu_epi32(first_lanes(count - i), dots + i);
    const __m512 scaled =
        _mm512_mul_ps(_mm512_cvtepi32_ps(sums), load_first(terms.scales + i, count - i));
    out |= coefficients.reaching(scaled, load_first(terms.errors + i, count - i),
                                 load_first(terms.norms + i, count - i))
           << i;
  }
  return out & first_bits(count);
}

JVDB_AVX512 std::uint64_t dots_reaching(const Bound& bound, const float* dots, const float* norms,
                                        std::size_t count) noexcept {
  const Coefficients coefficients(bound);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    const __m512 norm = load_first(norms + i, count - i);
    const std::uint64_t outside =
        _mm512_cmp_ps_mask(norm, _mm512_set1_ps(bound.smallest_norm), _CMP_NGE_UQ) |
        _mm512_cmp_ps_mask(norm, _mm512_set1_ps(bound.largest_norm), _CMP_NLE_UQ);
    const __m512 sums = load_first(dots + i, count - i);
    out |= (coefficients.reaching(sums, _mm512_setzero_ps(), norm) | outside) << i;
  }
  return out & first_bits(count);
}

}  // namespace

const Kernels* avx512() noexcept {
  static const Kernels kernels = {
      "avx512",       sum_float<AddProduct>,  sum_float<AddSquaredDifference>,
      avx2()->cosine, sum_double<AddProduct>, sum_double<AddSquaredDifference>,
      cosine_exact,   avx2()->encode,         dots,
      code_dots,      codes_reaching,         dots_reaching};
  return &kernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* avx512() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

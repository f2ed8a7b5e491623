// AVX-512 F, BW, DQ and VL (Skylake-X 2017, Zen 4 2022 and later). What AVX2 does as well is
// AVX2's: encoding, and all that reads two arrays or one query's rows, which memory limits: 256
// bits at a time are read from it up to a seventh faster (Zen 4), and most arrays lie across cache
// lines. Throughput: one 512-bit FMA of latency 4 a cycle, two where the processor has a second
// unit (all Xeons above the smallest); Zen 4 splits each in two of 256 bits. 16 to 32 elements a
// cycle. Error of float32 sums in tiles: γ_(n/16+5)·Σ|aᵢbᵢ|. The float64 ones: see avx2.cpp.
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

struct AddProduct {
  JVDB_AVX512 static __m512d step(__m512d a, __m512d b, __m512d sum) noexcept {
    return _mm512_fmadd_pd(a, b, sum);
  }
};

struct AddSquaredDifference {
  JVDB_AVX512 static __m512d step(__m512d a, __m512d b, __m512d sum) noexcept {
    const __m512d difference = _mm512_sub_pd(a, b);
    return _mm512_add_pd(sum, _mm512_mul_pd(difference, difference));
  }
};

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

  JVDB_AVX512 static void add_products(FloatRows& sums, const FloatRows& rows,
                                       __m512 query) noexcept {
    sums.a = _mm512_fmadd_ps(rows.a, query, sums.a);
    sums.b = _mm512_fmadd_ps(rows.b, query, sums.b);
    sums.c = _mm512_fmadd_ps(rows.c, query, sums.c);
    sums.d = _mm512_fmadd_ps(rows.d, query, sums.d);
  }
  JVDB_AVX512 static void tile(const float* queries, const float* rows, std::size_t stride,
                               float* out) noexcept {
    const __m512 zero = _mm512_setzero_ps();
    FloatRows first{zero, zero, zero, zero};
    FloatRows second = first;
    FloatRows third = first;
    FloatRows fourth = first;
    for (std::size_t i = 0; i < stride; i += 16) {
      const float* row = rows + i;
      const FloatRows four{_mm512_load_ps(row), _mm512_load_ps(row + stride),
                           _mm512_load_ps(row + 2 * stride), _mm512_load_ps(row + 3 * stride)};
      const float* query = queries + i;
      add_products(first, four, _mm512_load_ps(query));
      add_products(second, four, _mm512_load_ps(query + stride));
      add_products(third, four, _mm512_load_ps(query + 2 * stride));
      add_products(fourth, four, _mm512_load_ps(query + 3 * stride));
    }
    store_totals(out, first);
    store_totals(out + kRowsAtOnce, second);
    store_totals(out + 2 * kRowsAtOnce, third);
    store_totals(out + 3 * kRowsAtOnce, fourth);
  }
  static void single(const float* query, const float* rows, std::size_t count, std::size_t stride,
                     float* out) noexcept {
    avx2()->dots(query, 1, rows, count, stride, out);
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

  JVDB_AVX512 static void add_products(IntRows& sums, const IntRows& rows,
                                       const SignedQuery& query) noexcept {
    sums.a = query.add_products(sums.a, rows.a);
    sums.b = query.add_products(sums.b, rows.b);
    sums.c = query.add_products(sums.c, rows.c);
    sums.d = query.add_products(sums.d, rows.d);
  }
  JVDB_AVX512 static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                               std::size_t stride, std::int32_t* out) noexcept {
    const __m512i zero = _mm512_setzero_si512();
    IntRows first{zero, zero, zero, zero};
    IntRows second = first;
    for (std::size_t i = 0; i < stride; i += 64) {
      const std::uint8_t* row = rows + i;
      const IntRows four{load_row(row), load_row(row + stride), load_row(row + 2 * stride),
                         load_row(row + 3 * stride)};
      add_products(first, four, SignedQuery(queries + i));
      add_products(second, four, SignedQuery(queries + stride + i));
    }
    store_totals(out, first);
    store_totals(out + kRowsAtOnce, second);
  }
  static void single(const std::int8_t* query, const std::uint8_t* rows, std::size_t count,
                     std::size_t stride, std::int32_t* out) noexcept {
    avx2()->code_dots(query, 1, rows, count, stride, out);
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
  static const Kernels kernels = {"avx512",
                                  avx2()->dot,
                                  avx2()->squared_l2,
                                  avx2()->cosine,
                                  sum_double<AddProduct>,
                                  sum_double<AddSquaredDifference>,
                                  cosine_exact,
                                  avx2()->encode,
                                  dots,
                                  code_dots,
                                  codes_reaching,
                                  dots_reaching};
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

// AVX-512 VNNI (Cascade Lake 2019, Ice Lake, Zen 4 2022 and later): products of bytes, summed in
// one instruction. All else is avx512.cpp's.
// Throughput: one 512-bit vpdpbusd of latency 4–5 a cycle, 64 products each, twice that with a
// second unit: more than any memory delivers.
// Error: none. vpdpbusd does not saturate (vpdpbusds would), and the biased sum of 65,536 values is
// at most 65,536·255·127 < 2³¹.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#include "simd/avx512.h"

#define JVDB_VNNI JVDB_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#include "simd/vnni.h"

namespace jvdb::simd {
namespace {

struct Products {
  JVDB_VNNI static __m256i add(__m256i sum, __m256i row, __m256i query) noexcept {
    return _mm256_dpbusd_epi32(sum, row, query);
  }
};

JVDB_VNNI __m512i load_wide(const void* from) noexcept {
  return _mm512_load_si512(from);
}

JVDB_VNNI void add_products(IntRows& sums, const IntRows& rows, __m512i query) noexcept {
  sums.a = _mm512_dpbusd_epi32(sums.a, rows.a, query);
  sums.b = _mm512_dpbusd_epi32(sums.b, rows.b, query);
  sums.c = _mm512_dpbusd_epi32(sums.c, rows.c, query);
  sums.d = _mm512_dpbusd_epi32(sums.d, rows.d, query);
}

struct CodeTile {
  static constexpr std::size_t kQueries = 4;
  static constexpr std::size_t kRows = 4;

  JVDB_VNNI static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                             std::size_t stride, std::int32_t* out) noexcept {
    const __m512i zero = _mm512_setzero_si512();
    IntRows first{zero, zero, zero, zero};
    IntRows second = first;
    IntRows third = first;
    IntRows fourth = first;
    for (std::size_t i = 0; i < stride; i += 64) {
      const std::uint8_t* row = rows + i;
      const IntRows four{load_wide(row), load_wide(row + stride), load_wide(row + 2 * stride),
                         load_wide(row + 3 * stride)};
      const std::int8_t* query = queries + i;
      add_products(first, four, load_wide(query));
      add_products(second, four, load_wide(query + stride));
      add_products(third, four, load_wide(query + 2 * stride));
      add_products(fourth, four, load_wide(query + 3 * stride));
    }
    store_totals(out, first);
    store_totals(out + kRowsAtOnce, second);
    store_totals(out + 2 * kRowsAtOnce, third);
    store_totals(out + 3 * kRowsAtOnce, fourth);
  }
  // Memory is the limit: it is read 256 bits at a time, up to a seventh faster than 512 (Zen 4).
  static constexpr auto single = row_sums<Products>;
};

}  // namespace

const Kernels* avx512vnni() noexcept {
  static const Kernels kernels =
      with_code_dots(*avx512(), "avx512vnni", code_dots<CodeTile, Products>);
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

// AVX-VNNI (Alder Lake 2021, Zen 5 2024 and later): vpdpbusd in 256 bits, without AVX-512. All else
// is avx2.cpp's.
// Throughput: two 256-bit vpdpbusd of latency 5 a cycle on the large cores, 32 products each.
// Error: none; as in avx512vnni.cpp.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#define JVDB_VNNI JVDB_TARGET("avx2,fma,avxvnni")
#include "simd/vnni.h"

namespace jvdb::simd {
namespace {

struct Products {
  JVDB_VNNI static __m256i add(__m256i sum, __m256i row, __m256i query) noexcept {
    return _mm256_dpbusd_avx_epi32(sum, row, query);
  }
};

// A register for each row of a tile. Members, because compilers keep arrays in memory.
struct Rows {
  __m256i a, b, c, d;
};

JVDB_VNNI void store_totals(std::int32_t* out, const Rows& sums) noexcept {
  const __m256i all =
      _mm256_hadd_epi32(_mm256_hadd_epi32(sums.a, sums.b), _mm256_hadd_epi32(sums.c, sums.d));
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), four);
}

// Twelve sums would be faster, but gcc 12 copies each before it adds, and runs out of registers.
struct CodeTile {
  static constexpr std::size_t kQueries = 2;
  static constexpr std::size_t kRows = 4;

  JVDB_VNNI static void add_products(Rows& sums, const Rows& rows, __m256i query) noexcept {
    sums.a = Products::add(sums.a, rows.a, query);
    sums.b = Products::add(sums.b, rows.b, query);
    sums.c = Products::add(sums.c, rows.c, query);
    sums.d = Products::add(sums.d, rows.d, query);
  }
  JVDB_VNNI static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                             std::size_t stride, std::int32_t* out) noexcept {
    const __m256i zero = _mm256_setzero_si256();
    Rows first{zero, zero, zero, zero};
    Rows second = first;
    for (std::size_t i = 0; i < stride; i += 32) {
      const std::uint8_t* row = rows + i;
      const Rows four{load(row), load(row + stride), load(row + 2 * stride),
                      load(row + 3 * stride)};
      add_products(first, four, load(queries + i));
      add_products(second, four, load(queries + stride + i));
    }
    store_totals(out, first);
    store_totals(out + kRowsAtOnce, second);
  }
  static constexpr auto single = row_sums<Products>;
};

}  // namespace

const Kernels* avxvnni() noexcept {
  static const Kernels kernels = with_code_dots(*avx2(), "avxvnni", code_dots<CodeTile, Products>);
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

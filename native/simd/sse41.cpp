// SSSE3 and SSE4.1 (Core 2 "Penryn" 2007, Bulldozer 2011 and later): what x86-64 without AVX2 has.
// Throughput: one 128-bit multiplication and one addition a cycle, fed by one load (Nehalem) or two
// (Sandy Bridge and later): 2 or 4 elements a cycle from L1, with four sums for the addition's
// latency of 3. The products of sixteen codes are eight instructions, some 6 codes a cycle.
// Limit: the loads, in L1 as in memory; for codes the decoder of four instructions a cycle.
// Error of the float32 sums: γ_(n/16+8)·Σ|aᵢbᵢ|, in cosine() γ_(n/8+8), in tiles γ_(n/4+4).
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_X86_64)
#define JVDB_CODES JVDB_TARGET("ssse3,sse4.1")
#include "simd/codes128.h"
#include "simd/kernels128.h"

namespace jvdb::simd {
namespace {

// pmaddubsw saturates on biased codes (2·255·127 > 32,767) but not on magnitudes (2·127·127).
struct Products {
  static constexpr std::size_t kQueries = kQueriesAtOnce;

  JVDB_CODES static Words add(Words sum, Bytes row, Bytes query) noexcept {
    const __m128i pairs = _mm_maddubs_epi16(_mm_abs_epi8(query), _mm_sign_epi8(row, query));
    return add_words(sum, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
  }
};

constexpr Kernels kKernels = level_of("sse41", code_dots<Products>);

}  // namespace

const Kernels* sse41() noexcept {
  return &kKernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* sse41() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

// NEON as every 64-bit ARM has it (Cortex-A53 2012, Apple A7 2013 and later).
// Throughput: two 128-bit FMAs of latency 4 a cycle on large cores (Cortex-A76, Neoverse N1), four
// on Apple's; one every other cycle on a Cortex-A53. Two loads a cycle feed one FMA of a dot
// product: 4 elements a cycle from L1, with the four sums that its latency needs. Tiles have 16
// sums and load half as often. The products of sixteen codes are four instructions.
// Limit: the loads, and memory for anything larger than the cache.
// Error of the float32 sums: γ_(n/16+8)·Σ|aᵢbᵢ|, in cosine() γ_(n/8+8), in tiles γ_(n/4+4).
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_ARM64)
#define JVDB_CODES
#include "simd/codes128.h"
#include "simd/kernels128.h"

namespace jvdb::simd {
namespace {

// At most two products in 16 bits: 2·127·127 fits, three would not.
struct Products {
  static constexpr std::size_t kQueries = kQueriesAtOnce;

  static Words add(Words sum, Bytes row, Bytes query) noexcept {
    const int16x8_t low = vmull_s8(vget_low_s8(row), vget_low_s8(query));
    return vpadalq_s16(sum, vmlal_high_s8(low, row, query));
  }
};

constexpr Kernels kKernels = level_of("neon", code_dots<Products>);

}  // namespace

const Kernels* neon() noexcept {
  return &kKernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* neon() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

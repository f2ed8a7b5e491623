// NEON with the dot product instructions of ARMv8.2 (Cortex-A55 and A75 2017, Apple A11 2017,
// Neoverse N1 2019 and later): products of codes, summed in one instruction. All else is
// neon.cpp's. Throughput: two sdot of latency 3 or less a cycle, sixteen products each; two loads a
// cycle feed one of them, 16 codes, more than memory delivers. A tile of 4 × 4 loads half as often.
// Error: none.
#include "base/cpu.h"
#include "simd/kernels.h"

#if defined(JVDB_ARM64)
// gcc has the intrinsic for this architecture, not for the feature alone.
#define JVDB_CODES JVDB_TARGET("arch=armv8.2-a+dotprod")
#include "simd/codes128.h"

namespace jvdb::simd {
namespace {

struct Products {
  static constexpr std::size_t kQueries = kQueriesAtOnce;

  JVDB_CODES static Words add(Words sum, Bytes row, Bytes query) noexcept {
    return vdotq_s32(sum, row, query);
  }
};

}  // namespace

const Kernels* neondot() noexcept {
  static const Kernels kernels = with_code_dots(*neon(), "neondot", code_dots<Products>);
  return &kernels;
}

}  // namespace jvdb::simd

#else

namespace jvdb::simd {
const Kernels* neondot() noexcept {
  return nullptr;
}
}  // namespace jvdb::simd

#endif

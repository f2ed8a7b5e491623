#include "base/cpu.h"

#if defined(JVDB_X86_64)

namespace jvdb {

#if defined(_MSC_VER)
namespace {

// Bits of leaf 1, register ecx.
constexpr int kPclmul = 1 << 1;
constexpr int kFma = 1 << 12;
constexpr int kSse42 = 1 << 20;
constexpr int kXsave = 1 << 27;

bool has_in_leaf_1(int bits) noexcept {
  int registers[4];
  __cpuid(registers, 1);
  return (registers[2] & bits) == bits;
}

}  // namespace

bool has_sse42_and_pclmul() noexcept {
  return has_in_leaf_1(kSse42 | kPclmul);
}

bool has_avx2_and_fma() noexcept {
  constexpr unsigned long long wide_registers = 6;  // of XCR0: the system keeps XMM and YMM
  constexpr int avx2 = 1 << 5;                      // of leaf 7, register ebx
  if (!has_in_leaf_1(kFma | kXsave) || (_xgetbv(0) & wide_registers) != wide_registers) {
    return false;
  }
  int registers[4];
  __cpuid(registers, 0);
  if (registers[0] < 7) return false;
  __cpuidex(registers, 7, 0);
  return (registers[1] & avx2) != 0;
}

#else

bool has_sse42_and_pclmul() noexcept {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

bool has_avx2_and_fma() noexcept {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#endif

}  // namespace jvdb

#endif

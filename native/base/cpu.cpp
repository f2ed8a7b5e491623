#include "base/cpu.h"

#if defined(JVDB_X86_64)

#include <cstdint>

#if !defined(_MSC_VER)
#include <cpuid.h>
#endif

namespace jvdb {
namespace {

// Of "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2A, CPUID.
struct Leaf {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
};

Leaf leaf(std::uint32_t number, std::uint32_t sub = 0) noexcept {
  Leaf out;
#if defined(_MSC_VER)
  int registers[4];
  __cpuid(registers, 0);
  if (static_cast<std::uint32_t>(registers[0]) < number) return out;
  __cpuidex(registers, static_cast<int>(number), static_cast<int>(sub));
  out = {static_cast<std::uint32_t>(registers[0]), static_cast<std::uint32_t>(registers[1]),
         static_cast<std::uint32_t>(registers[2]), static_cast<std::uint32_t>(registers[3])};
#else
  if (__get_cpuid_max(0, nullptr) < number) return out;
  __cpuid_count(number, sub, out.a, out.b, out.c, out.d);
#endif
  return out;
}

constexpr std::uint32_t bit(unsigned index) noexcept {
  return std::uint32_t{1} << index;
}

bool all(std::uint32_t word, std::uint32_t bits) noexcept {
  return (word & bits) == bits;
}

// Which registers the operating system keeps.
std::uint64_t kept_registers() noexcept {
  if (!all(leaf(1).c, bit(27))) return 0;  // XGETBV is not for programs
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  std::uint64_t low = 0;   // NOLINT(misc-const-correctness): the instruction writes both
  std::uint64_t high = 0;  // NOLINT(misc-const-correctness)
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return high << 32 | low;
#endif
}

constexpr std::uint64_t kYmm = 0x06;  // and XMM
constexpr std::uint64_t kZmm = 0xE6;  // and the masks, and all 32 of them

}  // namespace

bool has_sse41() noexcept {
  return all(leaf(1).c, bit(9) | bit(19));
}

bool has_sse42_and_pclmul() noexcept {
  return all(leaf(1).c, bit(1) | bit(20));
}

bool has_avx2_and_fma() noexcept {
  return (kept_registers() & kYmm) == kYmm && all(leaf(1).c, bit(12) | bit(28)) &&
         all(leaf(7).b, bit(5));
}

bool has_avx_vnni() noexcept {
  return has_avx2_and_fma() && leaf(7).a >= 1 && all(leaf(7, 1).a, bit(4));
}

bool has_avx512() noexcept {
  return has_avx2_and_fma() && (kept_registers() & kZmm) == kZmm &&
         all(leaf(7).b, bit(16) | bit(17) | bit(30) | bit(31));
}

bool has_avx512_vnni() noexcept {
  return has_avx512() && all(leaf(7).c, bit(11));
}

}  // namespace jvdb

#elif defined(JVDB_ARM64)

#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace jvdb {

bool has_dotprod() noexcept {
#if defined(__linux__)
  constexpr unsigned long asimddp = 1UL << 20;  // HWCAP_ASIMDDP of the kernel's uapi/asm/hwcap.h
  return (getauxval(AT_HWCAP) & asimddp) != 0;
#elif defined(_WIN32)
  constexpr unsigned long arm_v82_dp = 43;  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
  return IsProcessorFeaturePresent(arm_v82_dp) != 0;
#elif defined(__APPLE__)
  return true;  // every processor that runs macOS has it
#else
  return false;
#endif
}

}  // namespace jvdb

#endif

// What the compiler is told, and asked, of the processor. Threads: free functions, no state.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#define JVDB_X86_64
#elif defined(__aarch64__) || defined(_M_ARM64)
#define JVDB_ARM64
#endif

// Lets one function use instructions that the rest of the build doesn't. MSVC needs no leave. Never
// a flag for a whole file: of an inline function compiled in several, the linker takes any one for
// all, and a copy with AVX crashes an old processor.
#if defined(_MSC_VER) && !defined(__clang__)
#define JVDB_TARGET(features)
#else
#define JVDB_TARGET(features) __attribute__((target(features)))
#endif

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace jvdb {

// Asked of the processor and, for wide registers, of the operating system that must keep them.
#if defined(JVDB_X86_64)
bool has_sse41() noexcept;  // and SSSE3, which came before it
bool has_sse42_and_pclmul() noexcept;
bool has_avx2_and_fma() noexcept;
bool has_avx_vnni() noexcept;
bool has_avx512() noexcept;  // F, BW, DQ and VL
bool has_avx512_vnni() noexcept;
#elif defined(JVDB_ARM64)
bool has_dotprod() noexcept;
#endif

// Begins to bring a cache line in.
inline void prefetch(const void* address) noexcept {
#if defined(_MSC_VER) && !defined(__clang__)
#if defined(JVDB_X86_64)
  _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T0);
#else
  __prefetch(address);
#endif
#else
  __builtin_prefetch(address);
  asm volatile("");  // gcc drops calls of functions that do nothing but fetch
#endif
}

}  // namespace jvdb

// The arithmetic of vectors: one table of functions for each instruction set, the best one this
// processor has chosen at first use. Float32 values in, any alignment.
// Threads: free functions, no state; the choice is made once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace jvdb::simd {

struct Encoded {
  double squared_norm;  // as dot_exact(v, v); not finite exactly if a value is not
  float scale;          // 0 where the vector has no usable code
  float error;          // the vector is code × scale up to this L2 distance; +∞ without a code
};

// L2 norms outside of these could over- or underflow in float32 sums: such vectors have no usable
// code, and no bound but the exact score.
inline constexpr double kSmallestNorm = 0x1p-60;
inline constexpr double kLargestNorm = 0x1p60;

struct Kernels {
  const char* name;

  // Float32 sums in the level's own order: |result − exact| ≤ γ_n·Σ|aᵢbᵢ|, and for squared_l2
  // ≤ γ_(n+2)·exact, with γ_k = k·u / (1 − k·u), u = 2⁻²⁴ (Higham, "Accuracy and Stability of
  // Numerical Algorithms", 2002, §3.1), as long as nothing over- or underflows.
  float (*dot)(const float* a, const float* b, std::size_t n) noexcept;
  float (*squared_l2)(const float* a, const float* b, std::size_t n) noexcept;

  // Float64 sums in one fixed order, the same bits on every level: element i is added to sum
  // i mod 8, and the eight are joined as ((0+4)+(2+6)) + ((1+5)+(3+7)). Scores are made of these.
  double (*dot_exact)(const float* a, const float* b, std::size_t n) noexcept;
  double (*squared_l2_exact)(const float* a, const float* b, std::size_t n) noexcept;

  // Quantizes v to int8: `code` gets `stride` bytes, each round(v / scale) + 128, 128 behind the
  // last. The same bytes on every level.
  Encoded (*encode)(const float* v, std::size_t n, std::uint8_t* code, std::size_t stride) noexcept;
};

// The level in use: JVDB_SIMD (scalar, avx2) if set, else the best this processor has. A level it
// lacks, or an unknown name, is Code::invalid_argument.
Result<const Kernels*> choose();

// What choose() answered at first use. Only after a choose() that succeeded.
const Kernels& kernels();

// One function for each level; nullptr where it isn't compiled in. It says nothing about the
// processor: tests call these only where supported() does.
const Kernels* scalar() noexcept;
const Kernels* avx2() noexcept;
bool supported(const Kernels* level) noexcept;

}  // namespace jvdb::simd

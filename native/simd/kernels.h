// The arithmetic of vectors: one table of functions for each instruction set, the best one this
// processor has chosen at first use. Float32 values in, any alignment.
// Threads: free functions, no state; the choice is made once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "simd/bound.h"

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

// What fills a query's place behind its last value, and where the next begins: 64 bytes.
inline constexpr std::size_t kRowAlignment = 64;
// Rows at a time: a word of the live bits.
inline constexpr std::size_t kRowsAtOnce = 64;

struct CosineSums {
  float dot, a_squared, b_squared;
};
struct ExactSums {
  double dot, b_squared;
};

// `query_count` queries against up to kRowsAtOnce rows, both `stride` values apart. The result for
// query q and row r goes to out[q · kRowsAtOnce + r]. One query reads the rows in their order, as
// the processor's prefetching of memory needs it; for more of them, tiles stay in registers.
template <typename Query, typename Row, typename Sum>
using Tile = void (*)(const Query* queries, std::size_t query_count, const Row* rows,
                      std::size_t row_count, std::size_t stride, Sum* out) noexcept;

struct Kernels {
  const char* name;

  // Float32 sums in the level's own order: |result − exact| ≤ γ_n·Σ|aᵢbᵢ|, and for squared_l2
  // ≤ γ_(n+2)·exact, with γ_k = k·u / (1 − k·u), u = 2⁻²⁴ (Higham, "Accuracy and Stability of
  // Numerical Algorithms", 2002, §3.1), as long as nothing over- or underflows.
  float (*dot)(const float* a, const float* b, std::size_t n) noexcept;
  float (*squared_l2)(const float* a, const float* b, std::size_t n) noexcept;
  CosineSums (*cosine)(const float* a, const float* b, std::size_t n) noexcept;

  // Float64 sums in one fixed order, the same bits on every level: element i is added to sum
  // i mod 8, and the eight are joined as ((0+4)+(2+6)) + ((1+5)+(3+7)). Scores are made of these.
  double (*dot_exact)(const float* a, const float* b, std::size_t n) noexcept;
  double (*squared_l2_exact)(const float* a, const float* b, std::size_t n) noexcept;
  ExactSums (*cosine_exact)(const float* a, const float* b, std::size_t n) noexcept;

  // Quantizes v to int8: `code` gets `stride` bytes, each round(v / scale) + 128, 128 behind the
  // last. The same bytes on every level.
  Encoded (*encode)(const float* v, std::size_t n, std::uint8_t* code, std::size_t stride) noexcept;

  // Scans. Strides are whole multiples of kRowAlignment bytes, and both operands aligned to it;
  // queries end with zeros, so that what fills a row's end counts for nothing (a NaN there makes a
  // NaN, which reaches every bound). dots() has the error of dot(). code_dots() is exact: Σ
  // (rowᵢ − 128)·queryᵢ, for up to 65,536 values of 1 … 255 and −127 … 127.
  Tile<float, float, float> dots;
  Tile<std::int8_t, std::uint8_t, std::int32_t> code_dots;
  // Bit i unless row i certainly scores below the bound: see bound.h.
  std::uint64_t (*codes_reaching)(const Bound& bound, const std::int32_t* dots,
                                  const CodeTerms& terms, std::size_t count) noexcept;
  std::uint64_t (*dots_reaching)(const Bound& bound, const float* dots, const float* norms,
                                 std::size_t count) noexcept;
};

// The level in use: JVDB_SIMD if set, else the best this processor has. A level it lacks, or an
// unknown name, is Code::invalid_argument.
Result<const Kernels*> choose();

// What choose() answered at first use. Only after a choose() that succeeded.
const Kernels& kernels();

// The levels of this build that this processor has, from the plainest to the best.
std::span<const Kernels* const> supported_levels();

// One function for each level; nullptr where it isn't compiled in. It says nothing about the
// processor: call only what is among supported_levels().
const Kernels* scalar() noexcept;
const Kernels* sse41() noexcept;
const Kernels* avx2() noexcept;
const Kernels* avxvnni() noexcept;
const Kernels* avx512() noexcept;
const Kernels* avx512vnni() noexcept;
const Kernels* neon() noexcept;
const Kernels* neondot() noexcept;

}  // namespace jvdb::simd

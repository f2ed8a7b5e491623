// Arrays compared for callers who have no store, of any length and alignment. Up to kFloatLength
// values the sums are float32, in the level's own order: cosine similarities are then within
// 2·γ_n of the exact value, dot products within γ_n·Σ|aᵢbᵢ|, distances and norms within γ_(n+2) of
// themselves (kernels.h). Sums that might over- or underflow, and those of longer arrays, are
// float64, as those of scores are. A value that is not finite makes a result that is not.
// Threads: free functions. Only after a choose() that succeeded.
#pragma once

#include <cstddef>

namespace jvdb::simd {

inline constexpr std::size_t kFloatLength = 65536;

// In −1 … 1; 0 where either is zero.
double cosine_similarity(const float* a, const float* b, std::size_t n) noexcept;
double dot_product(const float* a, const float* b, std::size_t n) noexcept;
double euclidean_distance(const float* a, const float* b, std::size_t n) noexcept;
double norm(const float* a, std::size_t n) noexcept;

// Scales to a norm of 1; zeros stay zeros. `out` may be `a`.
void normalize(const float* a, std::size_t n, float* out) noexcept;

// The cosine similarity of each of `count` rows of n values, one after the other.
void cosine_similarities(const float* query, std::size_t n, const float* rows, std::size_t count,
                         float* out) noexcept;

}  // namespace jvdb::simd

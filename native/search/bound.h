// The bounds that let a search pass over a vector without computing its score.
// Threads: free functions.
//
// For a query q and a vector v with codes q̂ and v̂ (‖q − q̂‖ ≤ e_q, ‖v − v̂‖ ≤ e_v):
//
//   q·v = q̂·v̂ + q̂·(v − v̂) + (q − q̂)·v  ≤  U = q̂·v̂ + ‖q̂‖·e_v + e_q·‖v‖          (Cauchy–Schwarz)
//
// and from a float32 dot product instead, U = fl(q·v) + γ·‖q‖‖v‖ (kernels.h). Then
//
//   dot        q·v can reach t only if  U ≥ t
//   cosine     q·v / ‖q‖‖v‖ ≥ t         U − t·‖q‖‖v‖ ≥ 0
//   euclidean  −‖q − v‖ ≥ t             ‖q‖² + ‖v‖² − 2U ≤ t²,  since ‖q − v‖² = ‖q‖² + ‖v‖² − 2q·v
//
// All three are the form of simd::Bound, divided by ‖q‖: every term is then of the size of ‖v‖, and
// nothing over- or underflows in float32, as norms lie within 2^±60 (other vectors have no code).
// ‖v‖²/‖q‖ alone may overflow: then ‖v‖ is beyond any distance whose limit is finite.
// Its roundings, u = 2⁻²⁴ each: at most seven, that of int32 to float32 and of the stored ‖v‖ among
// them, on terms that sum to at most 9.2‖v‖ (e_v ≤ √n·max/254 ≤ 1.01‖v‖, so ‖v̂‖ ≤ 2.01‖v‖, likewise
// q, and |t| ≤ 2): 65u = 2⁻¹⁸ of ‖v‖, and 9u < 2⁻²⁰ of the term in ‖v‖². kSlack and kSquareSlack
// are nearly twice that. They also cover what the exact score is off by, at most 65,538·2⁻⁵³ of
// ‖q‖‖v‖ or of ‖q − v‖². A product that underflows in a float32 dot product errs by 2⁻¹⁵⁰, which is
// 2⁻⁶ of its share of γ: kGammaSlack.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "format/layout.h"
#include "simd/bound.h"
#include "simd/kernels.h"

namespace jvdb::search {

// What a bound needs to know of a query.
struct QueryTerms {
  double norm = 0;
  double code_scale = 0;
  double code_norm = 0;   // ‖q̂‖
  double code_error = 0;  // e_q
};

inline bool has_usable_norm(double norm) noexcept {
  return norm >= simd::kSmallestNorm && norm <= simd::kLargestNorm;
}

namespace detail {

inline constexpr double kSlack = 0x1p-17;
inline constexpr double kSquareSlack = 0x1p-18;
inline constexpr double kGammaSlack = 1.0 + 0x1p-4;

inline float below(double value) noexcept {
  constexpr double largest = std::numeric_limits<float>::max();
  return std::nextafterf(static_cast<float>(std::clamp(value, -largest, largest)),
                         -std::numeric_limits<float>::infinity());
}

// `dot_error`: what the dot product may be off by, over ‖q‖‖v‖.
inline simd::Bound bound_of(format::Metric metric, double norm, double dot_error,
                            double threshold) noexcept {
  simd::Bound out{};
  out.smallest_norm = static_cast<float>(simd::kSmallestNorm);
  out.largest_norm = static_cast<float>(simd::kLargestNorm);
  double norm_factor = dot_error + kSlack;
  double limit = 0;
  switch (metric) {
    case format::Metric::cosine:
      norm_factor -= std::clamp(threshold, -2.0, 2.0);
      break;
    case format::Metric::dot:
      limit = threshold / norm;
      break;
    case format::Metric::euclidean: {
      const double square = threshold * threshold * (1.0 + 0x1p-30) + norm * norm * 0x1p-40;
      limit = (norm * norm - square) / (2.0 * norm);
      out.norm_squared_factor = static_cast<float>((1.0 - kSquareSlack) / (2.0 * norm));
      break;
    }
  }
  out.norm_factor = static_cast<float>(norm_factor);
  out.limit = below(limit);
  return out;
}

}  // namespace detail

// Which rows may score `threshold` (finite) or more, by the dot product of their codes.
inline simd::Bound code_bound(format::Metric metric, const QueryTerms& query,
                              double threshold) noexcept {
  simd::Bound out = detail::bound_of(metric, query.norm, query.code_error / query.norm, threshold);
  out.dot_factor = static_cast<float>(query.code_scale / query.norm);
  out.error_factor = static_cast<float>(query.code_norm / query.norm * (1.0 + 0x1p-20));
  return out;
}

// The same by their float32 dot product of n terms.
inline simd::Bound dot_bound(format::Metric metric, const QueryTerms& query, std::size_t n,
                             double threshold) noexcept {
  const double nu = static_cast<double>(n + 4) * 0x1p-24;
  simd::Bound out =
      detail::bound_of(metric, query.norm, detail::kGammaSlack * nu / (1.0 - nu), threshold);
  out.dot_factor = static_cast<float>(1.0 / query.norm);
  return out;
}

}  // namespace jvdb::search

// The test that a scan makes of each row, in float32: may its exact score still reach a threshold?
// The search derives the coefficients (search/bound.h) with room for the roundings made here.
// Threads: values and free functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jvdb::simd {

// A row is passed over if  dot_factor·dot + error_factor·error + norm·(norm_factor −
// norm_squared_factor·norm) < limit,  where `dot` is scale × the dot product of the codes, or that
// of the vectors. A NaN is not below anything.
struct Bound {
  float dot_factor;
  float error_factor;
  float norm_factor;
  float norm_squared_factor;
  float limit;
  // dots_reaching() only: rows with norms outside always reach, for their sums may have overflowed.
  float smallest_norm;
  float largest_norm;
};

// Of consecutive rows.
struct CodeTerms {
  const float* scales;
  const float* errors;  // +∞ for a row without a usable code
  const float* norms;
};

// Bits 0 … count − 1.
inline std::uint64_t first_bits(std::size_t count) noexcept {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

inline bool code_reaches(const Bound& bound, std::int32_t dot, float scale, float error,
                         float norm) noexcept {
  const float of_norm = norm * (bound.norm_factor - bound.norm_squared_factor * norm);
  const float of_code =
      scale * bound.dot_factor * static_cast<float>(dot) + error * bound.error_factor;
  return !(of_code + of_norm < bound.limit);
}

inline bool dot_reaches(const Bound& bound, float dot, float norm) noexcept {
  const bool in_range = norm >= bound.smallest_norm && norm <= bound.largest_norm;
  const float of_norm = norm * (bound.norm_factor - bound.norm_squared_factor * norm);
  return !in_range || !(bound.dot_factor * dot + of_norm < bound.limit);
}

}  // namespace jvdb::simd

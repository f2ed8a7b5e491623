// The part of encode() that is the same on every level. Threads: free functions.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

#include "simd/kernels.h"

namespace jvdb::simd {

inline constexpr std::uint8_t kZeroCode = 128;  // a level of 0, and what fills a code's stride

struct Quantizer {
  float scale;
  float inverse;
  bool usable;  // both are normal numbers
};

// For a largest absolute value. A scale that isn't normal would lose the bound.
inline Quantizer quantizer_for(float largest) noexcept {
  const float scale = largest / 127.0F;
  const float inverse = 127.0F / largest;
  return {scale, inverse, std::isnormal(scale) && std::isnormal(inverse)};
}

// From the squared norm and the squared L2 distance between vector and code × scale, each a sum of
// at most 65,536 float64 terms: their rounding is far below 2⁻³⁰.
inline Encoded finish_encoding(double squared_norm, float scale, double squared_error) noexcept {
  const double norm = std::sqrt(squared_norm);
  const double bound = std::sqrt(squared_error) * (1.0 + 0x1p-30);
  auto error = static_cast<float>(bound);
  if (error < bound) error = std::nextafterf(error, std::numeric_limits<float>::infinity());
  if (error < FLT_MIN) error = FLT_MIN;
  const bool usable = norm >= kSmallestNorm && norm <= kLargestNorm && std::isnormal(error);
  return {squared_norm, scale, usable ? error : std::numeric_limits<float>::infinity()};
}

inline Encoded without_code(double squared_norm) noexcept {
  return {squared_norm, 0.0F, std::numeric_limits<float>::infinity()};
}

}  // namespace jvdb::simd

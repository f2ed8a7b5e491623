// Plain C++, for processors without AVX2 and as the reference of the other levels. Eight separate
// sums make the compiler's baseline vectors usable without reordering an addition.
// Limit: one multiplication and one addition for each element, 2–4 elements a cycle with SSE2.
// Error of the float32 sums: γ_(n/8+3)·Σ|aᵢbᵢ|.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "simd/encode.h"
#include "simd/kernels.h"

namespace jvdb::simd {
namespace {

constexpr std::size_t kLanes = 8;

template <typename Sum, typename Term>
Sum sum_of(std::size_t n, Term term) noexcept {
  Sum sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(i + lane);
  }
  for (std::size_t lane = 0; i + lane < n; ++lane) sums[lane] += term(i + lane);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

template <typename Sum>
Sum dot_as(const float* a, const float* b, std::size_t n) noexcept {
  return sum_of<Sum>(
      n, [=](std::size_t i) { return static_cast<Sum>(a[i]) * static_cast<Sum>(b[i]); });
}

template <typename Sum>
Sum squared_l2_as(const float* a, const float* b, std::size_t n) noexcept {
  return sum_of<Sum>(n, [=](std::size_t i) {
    const Sum difference = static_cast<Sum>(a[i]) - static_cast<Sum>(b[i]);
    return difference * difference;
  });
}

Encoded encode(const float* v, std::size_t n, std::uint8_t* code, std::size_t stride) noexcept {
  std::memset(code, kZeroCode, stride);
  const double squared_norm = dot_as<double>(v, v, n);
  if (!std::isfinite(squared_norm)) return without_code(squared_norm);
  float largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(v[i]));
  const Quantizer quantizer = quantizer_for(largest);
  if (!quantizer.usable) return without_code(squared_norm);
  for (std::size_t i = 0; i < n; ++i) {
    code[i] = static_cast<std::uint8_t>(std::lrintf(v[i] * quantizer.inverse) + kZeroCode);
  }
  const double squared_error = sum_of<double>(n, [=](std::size_t i) {
    const double level = static_cast<int>(code[i]) - static_cast<int>(kZeroCode);
    const double rest = static_cast<double>(v[i]) - level * static_cast<double>(quantizer.scale);
    return rest * rest;
  });
  return finish_encoding(squared_norm, quantizer.scale, squared_error);
}

constexpr Kernels kKernels = {"scalar",       dot_as<float>,         squared_l2_as<float>,
                              dot_as<double>, squared_l2_as<double>, encode};

}  // namespace

const Kernels* scalar() noexcept {
  return &kKernels;
}

}  // namespace jvdb::simd

// Plain C++, for processors without SSE4.1 and as the reference of the other levels. Eight separate
// sums make the compiler's baseline vectors usable without reordering an addition.
// Limit: one multiplication and one addition for each element, 2–4 elements a cycle with SSE2.
// Error of the float32 sums: γ_(n/8+4)·Σ|aᵢbᵢ|.
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

CosineSums cosine(const float* a, const float* b, std::size_t n) noexcept {
  return {dot_as<float>(a, b, n), dot_as<float>(a, a, n), dot_as<float>(b, b, n)};
}

ExactSums cosine_exact(const float* a, const float* b, std::size_t n) noexcept {
  return {dot_as<double>(a, b, n), dot_as<double>(b, b, n)};
}

void dots(const float* queries, std::size_t query_count, const float* rows, std::size_t row_count,
          std::size_t stride, float* out) noexcept {
  for (std::size_t q = 0; q < query_count; ++q) {
    for (std::size_t r = 0; r < row_count; ++r) {
      out[q * kRowsAtOnce + r] = dot_as<float>(queries + q * stride, rows + r * stride, stride);
    }
  }
}

void code_dots(const std::int8_t* queries, std::size_t query_count, const std::uint8_t* rows,
               std::size_t row_count, std::size_t stride, std::int32_t* out) noexcept {
  for (std::size_t q = 0; q < query_count; ++q) {
    const std::int8_t* query = queries + q * stride;
    for (std::size_t r = 0; r < row_count; ++r) {
      const std::uint8_t* row = rows + r * stride;
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < stride; ++i) {
        sum +=
            (static_cast<int>(row[i]) - static_cast<int>(kZeroCode)) * static_cast<int>(query[i]);
      }
      out[q * kRowsAtOnce + r] = sum;
    }
  }
}

std::uint64_t codes_reaching(const Bound& bound, const std::int32_t* dots, const CodeTerms& terms,
                             std::size_t count) noexcept {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bool reaches =
        code_reaches(bound, dots[i], terms.scales[i], terms.errors[i], terms.norms[i]);
    out |= static_cast<std::uint64_t>(reaches) << i;
  }
  return out;
}

std::uint64_t dots_reaching(const Bound& bound, const float* dots, const float* norms,
                            std::size_t count) noexcept {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; ++i) {
    out |= static_cast<std::uint64_t>(dot_reaches(bound, dots[i], norms[i])) << i;
  }
  return out;
}

constexpr Kernels kKernels = {"scalar",     dot_as<float>,  squared_l2_as<float>,
                              cosine,       dot_as<double>, squared_l2_as<double>,
                              cosine_exact, encode,         dots,
                              code_dots,    codes_reaching, dots_reaching};

}  // namespace

const Kernels* scalar() noexcept {
  return &kKernels;
}

}  // namespace jvdb::simd

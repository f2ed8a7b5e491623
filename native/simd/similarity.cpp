#include "simd/similarity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simd/kernels.h"

namespace jvdb::simd {
namespace {

// Up to kFloatLength products that underflow err by 2⁻¹⁵⁰ each, 2⁻¹³⁴ in all: nothing beside this.
constexpr float kSmallestSum = 0x1p-100F;
// Sums of squares up to this leave room for the sum of products, which is no larger.
constexpr float kLargestSquares = 0x1p120F;

// In float32 where that is sound: a sum that overflowed on the way is not finite at the end.
double sum_of(decltype(Kernels::dot) in_float, decltype(Kernels::dot_exact) exact, const float* a,
              const float* b, std::size_t n) noexcept {
  const float sum = n <= kFloatLength ? in_float(a, b, n) : 0.0F;
  const float magnitude = std::fabs(sum);
  const bool is_sound = magnitude >= kSmallestSum && magnitude <= std::numeric_limits<float>::max();
  return is_sound ? static_cast<double>(sum) : exact(a, b, n);
}

double cosine_of(double dot, double a_squared, double b_squared) noexcept {
  const double product = a_squared * b_squared;
  if (product == 0.0) return 0.0;
  return std::clamp(dot / std::sqrt(product), -1.0, 1.0);
}

}  // namespace

double cosine_similarity(const float* a, const float* b, std::size_t n) noexcept {
  const Kernels& level = kernels();
  const auto in_range = [](float squares) {
    return squares >= kSmallestSum && squares <= kLargestSquares;
  };
  if (n <= kFloatLength) {
    const CosineSums sums = level.cosine(a, b, n);
    if (in_range(sums.a_squared) && in_range(sums.b_squared)) {
      return cosine_of(static_cast<double>(sums.dot), static_cast<double>(sums.a_squared),
                       static_cast<double>(sums.b_squared));
    }
  }
  const ExactSums sums = level.cosine_exact(a, b, n);
  return cosine_of(sums.dot, level.dot_exact(a, a, n), sums.b_squared);
}

double dot_product(const float* a, const float* b, std::size_t n) noexcept {
  return sum_of(kernels().dot, kernels().dot_exact, a, b, n);
}

double euclidean_distance(const float* a, const float* b, std::size_t n) noexcept {
  return std::sqrt(sum_of(kernels().squared_l2, kernels().squared_l2_exact, a, b, n));
}

double norm(const float* a, std::size_t n) noexcept {
  return std::sqrt(dot_product(a, a, n));
}

void normalize(const float* a, std::size_t n, float* out) noexcept {
  const double length = std::sqrt(kernels().dot_exact(a, a, n));
  const double factor = length == 0.0 ? 0.0 : 1.0 / length;
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(static_cast<double>(a[i]) * factor);
  }
}

void cosine_similarities(const float* query, std::size_t n, const float* rows, std::size_t count,
                         float* out) noexcept {
  for (std::size_t row = 0; row < count; ++row) {
    out[row] = static_cast<float>(cosine_similarity(query, rows + row * n, n));
  }
}

}  // namespace jvdb::simd

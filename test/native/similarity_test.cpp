// Arrays compared without a store: their error, and the ranges in which float32 sums fail.
#include <cmath>
#include <limits>
#include <vector>

#include "simd/similarity.h"
#include "simd_fixture.h"

namespace jvdb::test {
namespace {

// Sums in long double.
struct Exact {
  long double dot = 0, magnitude = 0, a_squared = 0, b_squared = 0, squared_l2 = 0;

  Exact(const Vector& a, const Vector& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      const long double x = a[i];
      const long double y = b[i];
      dot += x * y;
      magnitude += std::fabs(x * y);
      a_squared += x * x;
      b_squared += y * y;
      squared_l2 += (x - y) * (x - y);
    }
  }
  long double cosine() const {
    return dot == 0 ? 0 : dot / (std::sqrt(a_squared) * std::sqrt(b_squared));
  }
};

Vector scaled(Vector v, float factor) {
  for (float& value : v) value *= factor;
  return v;
}

void expect_right(const Vector& a, const Vector& b) {
  const std::size_t n = a.size();
  const Exact exact(a, b);
  // Levels sum eight numbers side by side at least.
  const long double gamma =
      static_cast<long double>(std::min<std::size_t>(n, 65536) / 8 + 10) * 0x1p-24L;
  const auto near = [&](double found, long double wanted, long double error) {
    expect(std::fabs(found - wanted) <= error);
  };
  near(simd::cosine_similarity(a.data(), b.data(), n), exact.cosine(), 2 * gamma);
  near(simd::dot_product(a.data(), b.data(), n), exact.dot, gamma * exact.magnitude);
  const long double distance = std::sqrt(exact.squared_l2);
  near(simd::euclidean_distance(a.data(), b.data(), n), distance, gamma * distance);
  const long double norm = std::sqrt(exact.a_squared);
  near(simd::norm(a.data(), n), norm, gamma * norm);
}

const Test kLengths("similarity_test", "arrays of any length", [] {
  for (const std::size_t n : dimensions()) expect_right(vector_of(n, n), vector_of(n, n + 1));
  expect_right(vector_of(1'000'000, 1), vector_of(1'000'000, 2));
});

const Test kScales("similarity_test", "sums that would over- or underflow in float32", [] {
  for (const float x : {1e-44F, 1e-38F, 1e-24F, 1e-20F, 1e-15F, 1.0F, 1e15F, 1e19F, 3e37F, 3e38F}) {
    for (const float y : {1e-44F, 1e-38F, 1e-20F, 1e-7F, 1.0F, 1e7F, 1e20F, 3e38F}) {
      for (const std::size_t n : {1, 3, 100, 768}) {
        expect_right(scaled(vector_of(n, n), x), scaled(vector_of(n, n + 1), y));
      }
    }
  }
});

const Test kLong("similarity_test", "long arrays are summed in float64", [] {
  // In float32 the ones would vanish beside the first.
  Vector a(2'000'000, 1.0F);
  a[0] = 30'000.0F;
  expect_equal(simd::dot_product(a.data(), a.data(), a.size()), 900'000'000.0 + 1'999'999.0);
  expect_equal(simd::norm(a.data(), a.size()), std::sqrt(901'999'999.0));
  Vector ones(2'000'000, 1.0F);
  expect_equal(simd::cosine_similarity(a.data(), ones.data(), a.size()),
               2'029'999.0 / std::sqrt(901'999'999.0 * 2'000'000.0));
  Vector b = a;
  b[7] = 1.5F;
  expect_equal(simd::euclidean_distance(a.data(), b.data(), a.size()), 0.5);
});

const Test kEdges("similarity_test", "zero, parallel and not finite vectors", [] {
  const Vector v = vector_of(100, 1);
  const Vector zero(100, 0.0F);
  expect_equal(simd::cosine_similarity(v.data(), zero.data(), 100), 0.0);
  expect_equal(simd::cosine_similarity(zero.data(), zero.data(), 100), 0.0);
  expect_equal(simd::dot_product(v.data(), zero.data(), 100), 0.0);
  expect_equal(simd::euclidean_distance(v.data(), v.data(), 100), 0.0);
  expect_equal(simd::cosine_similarity(v.data(), v.data(), 100), 1.0);
  expect_equal(simd::cosine_similarity(v.data(), scaled(v, -1).data(), 100), -1.0);
  // Parallel vectors, whose sums are rounded differently.
  for (std::size_t seed = 1; seed < 1000; ++seed) {
    const std::size_t n = seed % 100 + 2;
    const Vector a = vector_of(n, seed);
    const Vector b = scaled(a, static_cast<float>(seed) * -0.013F);
    expect(simd::cosine_similarity(a.data(), b.data(), n) >= -1.0);
  }
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Vector other = v;
    other[50] = bad;
    expect(std::isnan(simd::cosine_similarity(v.data(), other.data(), 100)));
    expect(std::isnan(simd::cosine_similarity(zero.data(), other.data(), 100)));
    expect(!std::isfinite(simd::dot_product(v.data(), other.data(), 100)));
    expect(!std::isfinite(simd::euclidean_distance(v.data(), other.data(), 100)));
    expect(!std::isfinite(simd::norm(other.data(), 100)));
  }
});

const Test kNormalize("similarity_test", "vectors are scaled to a norm of 1, in place too", [] {
  for (const float scale : {1e-44F, 1e-20F, 1.0F, 1e20F, 3e38F}) {
    for (const std::size_t n : {1, 7, 100, 768}) {
      const Vector v = scaled(vector_of(n, n), scale);
      Vector out(n);
      simd::normalize(v.data(), n, out.data());
      const Exact exact(v, v);
      for (std::size_t i = 0; i < n; ++i) {
        const long double wanted = v[i] / std::sqrt(exact.a_squared);
        expect(std::fabs(out[i] - wanted) <= std::fabs(wanted) * 0x1.001p-24L + 0x1p-150L);
      }
      Vector same = v;
      simd::normalize(same.data(), n, same.data());
      expect(same == out);
    }
  }
  Vector zero(5, 0.0F);
  simd::normalize(zero.data(), 5, zero.data());
  expect(zero == Vector(5, 0.0F));
});

const Test kMatrix("similarity_test", "each row of a matrix", [] {
  for (const std::size_t n : {1, 7, 100, 768}) {
    const std::size_t count = 33;
    Vector rows;
    for (std::size_t r = 0; r < count; ++r) {
      const Vector row = scaled(vector_of(n, r), r % 5 == 0 ? 1e-30F : 1.0F);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    const Vector query = vector_of(n, 99);
    Vector out(count + 1, 77.0F);
    simd::cosine_similarities(query.data(), n, rows.data(), count, out.data());
    for (std::size_t r = 0; r < count; ++r) {
      const double one = simd::cosine_similarity(query.data(), rows.data() + r * n, n);
      expect_equal(out[r], static_cast<float>(one));
    }
    expect_equal(out[count], 77.0F);
  }
});

}  // namespace
}  // namespace jvdb::test

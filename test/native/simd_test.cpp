// Every level against long double sums, the exact kernels against each other bit for bit, and the
// int8 codes against the bound they promise.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "simd_fixture.h"

namespace jvdb::test {
namespace {

using simd::Kernels;

std::span<const Kernels* const> levels() {
  return simd::supported_levels();
}

// Offsets of one float make every load unaligned.
struct Pair {
  Pair(std::size_t n, float scale_a, float scale_b, std::uint64_t seed) : a_(n + 1), b_(n + 1) {
    const Vector x = vector_of(n, seed);
    const Vector y = vector_of(n, seed + 1);
    for (std::size_t i = 0; i < n; ++i) {
      a_[i + 1] = x[i] * scale_a;
      b_[i + 1] = y[i] * scale_b;
    }
  }
  const float* a() const { return a_.data() + 1; }
  const float* b() const { return b_.data() + 1; }

 private:
  Vector a_, b_;
};

struct Reference {
  long double dot = 0, magnitude = 0, squared_l2 = 0;
  Reference(const float* a, const float* b, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const long double x = a[i];
      const long double y = b[i];
      dot += x * y;
      magnitude += std::fabs(x * y);
      squared_l2 += (x - y) * (x - y);
    }
  }
};

long double gamma_of(std::size_t n, long double unit) {
  const long double nu = static_cast<long double>(n) * unit;
  return nu / (1 - nu);
}

const Test kFloat("simd_test", "float32 sums stay within their bound", [] {
  for (const Kernels* level : levels()) {
    for (const std::size_t n : dimensions()) {
      const Pair pair(n, 3.0F, 0.01F, n);
      const Reference exact(pair.a(), pair.b(), n);
      const long double u = 0x1p-24L;
      expect(std::fabs(level->dot(pair.a(), pair.b(), n) - exact.dot) <=
             gamma_of(n, u) * exact.magnitude);
      expect(std::fabs(level->squared_l2(pair.a(), pair.b(), n) - exact.squared_l2) <=
             gamma_of(n + 2, u) * exact.squared_l2);
    }
  }
});

const Test kCosine("simd_test", "cosine sums in one pass are those of three dot products", [] {
  for (const Kernels* level : levels()) {
    for (const std::size_t n : dimensions()) {
      const Pair pair(n, 3.0F, 0.01F, n);
      const auto within = [&](float found, const float* a, const float* b) {
        const Reference exact(a, b, n);
        expect(std::fabs(found - exact.dot) <= gamma_of(n, 0x1p-24L) * exact.magnitude);
      };
      const simd::CosineSums sums = level->cosine(pair.a(), pair.b(), n);
      within(sums.dot, pair.a(), pair.b());
      within(sums.a_squared, pair.a(), pair.a());
      within(sums.b_squared, pair.b(), pair.b());
      const simd::ExactSums exact = level->cosine_exact(pair.a(), pair.b(), n);
      expect_equal(exact.dot, level->dot_exact(pair.a(), pair.b(), n));
      expect_equal(exact.b_squared, level->dot_exact(pair.b(), pair.b(), n));
    }
  }
});

const Test kExact("simd_test", "float64 sums are right and the same on every level", [] {
  for (const std::size_t n : dimensions()) {
    // With 1e-5 the square of a difference has more bits than a float64.
    for (const float scale : {1.0F, 1e-5F, 1e-38F, 1e-44F, 1e30F, 3e38F}) {
      const Pair pair(n, scale, 1.0F, n);
      const Reference exact(pair.a(), pair.b(), n);
      const double dot = simd::scalar()->dot_exact(pair.a(), pair.b(), n);
      const double l2 = simd::scalar()->squared_l2_exact(pair.a(), pair.b(), n);
      const long double u = 0x1p-53L;
      expect(std::fabs(dot - exact.dot) <= gamma_of(n, u) * exact.magnitude);
      expect(std::fabs(l2 - exact.squared_l2) <= gamma_of(n + 2, u) * exact.squared_l2);
      for (const Kernels* level : levels()) {
        expect_equal(std::bit_cast<std::uint64_t>(level->dot_exact(pair.a(), pair.b(), n)),
                     std::bit_cast<std::uint64_t>(dot));
        expect_equal(std::bit_cast<std::uint64_t>(level->squared_l2_exact(pair.a(), pair.b(), n)),
                     std::bit_cast<std::uint64_t>(l2));
      }
    }
  }
});

struct Code {
  simd::Encoded encoded;
  std::vector<std::uint8_t> bytes;
};

Code encode(const Kernels& level, const float* v, std::size_t n) {
  Code out;
  out.bytes.resize((n + 63) / 64 * 64 + 1, 0xEE);
  out.encoded = level.encode(v, n, out.bytes.data(), out.bytes.size() - 1);
  expect_equal(static_cast<int>(out.bytes.back()), 0xEE);  // nothing behind the stride
  out.bytes.pop_back();
  return out;
}

void expect_bound(const Code& code, const float* v, std::size_t n) {
  long double squared = 0;
  for (std::size_t i = 0; i < n; ++i) {
    expect(code.bytes[i] != 0, "a code is never 0");
    const long double level = static_cast<int>(code.bytes[i]) - 128;
    const long double rest = v[i] - level * static_cast<long double>(code.encoded.scale);
    squared += rest * rest;
  }
  expect(std::sqrt(squared) <= code.encoded.error);
  for (std::size_t i = n; i < code.bytes.size(); ++i)
    expect_equal(static_cast<int>(code.bytes[i]), 128);
}

const Test kCodes("simd_test", "codes keep their bound and are the same on every level", [] {
  for (const std::size_t n : dimensions()) {
    for (const float scale : {1.0F, 1e-15F, 1e15F, 1e-30F, 1e-42F, 1e37F}) {
      const Pair pair(n, scale, 1.0F, n);
      const Code first = encode(*simd::scalar(), pair.a(), n);
      expect_bound(first, pair.a(), n);
      const bool small_or_large = scale < 1e-18F || scale > 1e18F;
      expect_equal(std::isinf(first.encoded.error), small_or_large);
      for (const Kernels* level : levels()) {
        const Code other = encode(*level, pair.a(), n);
        expect(other.bytes == first.bytes);
        expect_equal(other.encoded.scale, first.encoded.scale);
        expect_equal(other.encoded.error, first.encoded.error);
        expect_equal(other.encoded.squared_norm, first.encoded.squared_norm);
      }
    }
  }
});

const Test kExtremes("simd_test", "codes of vectors that are ±1, zero or not finite", [] {
  for (const Kernels* level : levels()) {
    for (const std::size_t n : {1, 7, 8, 64, 100, 768}) {
      Vector v(n);
      for (std::size_t i = 0; i < n; ++i) v[i] = i % 2 == 0 ? 1.0F : -1.0F;
      const Code ones = encode(*level, v.data(), n);
      expect_bound(ones, v.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        expect_equal(static_cast<int>(ones.bytes[i]), i % 2 == 0 ? 255 : 1);
      }
      for (std::size_t i = 0; i < n; ++i) v[i] = i % 2 == 0 ? 127.0F : -127.0F;
      expect(encode(*level, v.data(), n).encoded.error > 0, "an exact code has a normal error");
      v.assign(n, 0.0F);
      const Code zero = encode(*level, v.data(), n);
      expect_bound(zero, v.data(), n);
      expect_equal(zero.encoded.squared_norm, 0.0);
      expect(std::isinf(zero.encoded.error));
      for (const float bad :
           {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        v.assign(n, 1.0F);
        v[n / 2] = bad;
        const Code code = encode(*level, v.data(), n);
        expect(!std::isfinite(code.encoded.squared_norm));
        expect(std::isinf(code.encoded.error));
      }
    }
  }
});

const Test kHalves("simd_test", "codes of halves are even on every level", [] {
  for (const Kernels* level : levels()) {
    Vector v(100);
    for (std::size_t i = 1; i < v.size(); ++i) v[i] = static_cast<float>(i) - 50.5F;
    v[0] = 127.0F;  // a scale of 1
    const Code code = encode(*level, v.data(), v.size());
    expect_equal(code.encoded.scale, 1.0F);
    for (std::size_t i = 1; i < v.size(); ++i) {
      expect_equal(code.bytes[i] % 2, 0);
      expect_equal(std::fabs(static_cast<float>(code.bytes[i] - 128) - v[i]), 0.5F);
    }
  }
});

}  // namespace
}  // namespace jvdb::test

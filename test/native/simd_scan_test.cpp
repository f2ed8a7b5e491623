// The kernels of a scan, on every level: dot products of codes are exact whatever the codes are,
// those of floats keep their bound, and no row that may reach a bound is passed over.
#include <algorithm>
#include <cmath>
#include <limits>

#include "simd_fixture.h"

namespace jvdb::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Floats = Operands<float, float, float>;

const Shape kShapes[] = {{1, 64}, {1, 1}, {1, 7}, {4, 64}, {5, 63}, {9, 6}, {3, 3}};

const Test kCodes("simd_scan_test", "products of codes are exact, all ±127 among them", [] {
  for (const simd::Kernels* level : simd::supported_levels()) {
    for (const std::size_t n : dimensions()) {
      const bool small = n <= 1024;
      for (std::size_t pattern = 0; pattern < kPatterns; ++pattern) {
        expect_exact_codes(*level, n, small ? Shape{5, 6} : Shape{2, 5}, pattern);
      }
    }
    for (const Shape& shape : kShapes) expect_exact_codes(*level, 300, shape, 4);
  }
});

void expect_float_bound(const simd::Kernels& level, std::size_t n, const Shape& shape) {
  Floats floats(n, shape.queries, shape.rows);
  const auto put = [&](float* to, std::uint64_t seed) {
    const Vector vector = vector_of(n, seed);
    std::copy(vector.begin(), vector.end(), to);
  };
  for (std::size_t q = 0; q < shape.queries; ++q) put(floats.queries.data() + q * floats.stride, q);
  for (std::size_t r = 0; r < shape.rows; ++r) {
    float* row = floats.rows.data() + r * floats.stride;
    put(row, 100 + r);
    std::fill(row + n, row + floats.stride, 3e38F);
  }
  floats.run(level.dots);
  floats.each([&](const float* query, const float* row, float found) {
    long double exact = 0;
    long double magnitude = 0;
    for (std::size_t i = 0; i < n; ++i) {
      exact += static_cast<long double>(query[i]) * row[i];
      magnitude += std::fabs(static_cast<long double>(query[i]) * row[i]);
    }
    const long double nu = static_cast<long double>(n) * 0x1p-24L;
    expect(std::fabs(found - exact) <= nu / (1 - nu) * magnitude);
  });
}

const Test kFloats("simd_scan_test", "products of floats keep their bound", [] {
  for (const simd::Kernels* level : simd::supported_levels()) {
    for (const std::size_t n : dimensions()) {
      expect_float_bound(*level, n, n <= 1024 ? Shape{5, 6} : Shape{2, 5});
    }
    for (const Shape& shape : kShapes) expect_float_bound(*level, 300, shape);
  }
});

const Test kPadding("simd_scan_test", "a row whose padding is NaN has a NaN sum", [] {
  for (const simd::Kernels* level : simd::supported_levels()) {
    Floats floats(5, 1, 4);
    floats.rows[floats.stride + 5] = kNaN;
    floats.run(level->dots);
    expect_equal(floats.sums[0], 0.0F);
    expect(std::isnan(floats.sums[1]));
    expect_equal(floats.sums[2], 0.0F);
  }
});

// What the levels must agree on but for rows whose sum lies within some roundings of the limit.
long double exact_sum(const simd::Bound& bound, long double dot, float error, float norm) {
  return bound.dot_factor * dot + static_cast<long double>(bound.error_factor) * error +
         norm * (bound.norm_factor - static_cast<long double>(bound.norm_squared_factor) * norm);
}

struct Columns {
  std::int32_t dots[kRowsAtOnce];
  float float_dots[kRowsAtOnce], scales[kRowsAtOnce], errors[kRowsAtOnce], norms[kRowsAtOnce];

  explicit Columns(std::uint64_t seed) {
    const Vector random = vector_of(4 * kRowsAtOnce, seed);
    for (std::size_t i = 0; i < kRowsAtOnce; ++i) {
      dots[i] = static_cast<std::int32_t>(random[i] * 3e6F);
      scales[i] = 0.001F * (1.5F + random[64 + i]);
      errors[i] = 0.01F * (1.5F + random[128 + i]);
      norms[i] = 20.0F * (1.2F + random[192 + i]);
      float_dots[i] = static_cast<float>(dots[i]) * scales[i];
    }
  }
};

const Test kReaching("simd_scan_test", "rows above a bound reach it, rows below do not", [] {
  const simd::Bound bound{0.01F, 1.1F, -0.3F, 0.004F, -2.0F, 0x1p-60F, 0x1p60F};
  for (const simd::Kernels* level : simd::supported_levels()) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Columns columns(seed);
      const std::size_t count = seed % 64 + 1;
      const std::uint64_t codes = level->codes_reaching(
          bound, columns.dots, {columns.scales, columns.errors, columns.norms}, count);
      const std::uint64_t dots =
          level->dots_reaching(bound, columns.float_dots, columns.norms, count);
      expect((codes & ~simd::first_bits(count)) == 0 && (dots & ~simd::first_bits(count)) == 0);
      for (std::size_t i = 0; i < count; ++i) {
        const auto expect_bit = [&](std::uint64_t bits, long double sum) {
          if (std::fabs(sum - bound.limit) < 1e-3L) return;
          expect_equal((bits >> i & 1) != 0, sum >= bound.limit);
        };
        const long double dot = static_cast<long double>(columns.dots[i]) * columns.scales[i];
        expect_bit(codes, exact_sum(bound, dot, columns.errors[i], columns.norms[i]));
        expect_bit(dots, exact_sum(bound, columns.float_dots[i], 0, columns.norms[i]));
      }
    }
  }
});

const Test kAlwaysReaching("simd_scan_test", "what has no bound always reaches", [] {
  const simd::Bound high{0.01F, 1.0F, -0.5F, 0.001F, 1e9F, 0x1p-60F, 0x1p60F};
  for (const simd::Kernels* level : simd::supported_levels()) {
    for (std::size_t at = 0; at < kRowsAtOnce; ++at) {
      const std::uint64_t only = std::uint64_t{1} << at;
      Columns no_code(at);
      no_code.errors[at] = kInfinity;
      const auto codes = [&](const Columns& columns) {
        return level->codes_reaching(high, columns.dots,
                                     {columns.scales, columns.errors, columns.norms}, 64);
      };
      expect_equal(codes(no_code), only);
      no_code.norms[at] = kInfinity;  // ∞ − ∞
      expect_equal(codes(no_code), only);
      for (const float norm : {0.0F, 1e-30F, 1e30F, kInfinity, kNaN}) {
        Columns columns(at);
        columns.norms[at] = norm;
        expect_equal(level->dots_reaching(high, columns.float_dots, columns.norms, 64), only);
      }
      Columns columns(at);
      columns.float_dots[at] = kNaN;
      expect_equal(level->dots_reaching(high, columns.float_dots, columns.norms, 64), only);
    }
  }
});

}  // namespace
}  // namespace jvdb::test

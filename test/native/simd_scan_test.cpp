// The kernels of a scan, on every level: dot products of codes are exact whatever the codes are,
// those of floats keep their bound, and no row that may reach a bound is passed over.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "check.h"
#include "simd/kernels.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using simd::kRowsAtOnce;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Aligned as scans need it, zeros at first, nothing behind the last.
template <typename T>
class Aligned {
 public:
  explicit Aligned(std::size_t count)
      : bytes_((count * sizeof(T) + simd::kRowAlignment - 1) / simd::kRowAlignment *
               simd::kRowAlignment),
        data_(static_cast<T*>(::operator new(bytes_, std::align_val_t(simd::kRowAlignment)))) {
    std::fill_n(data_, count, T{});
  }
  ~Aligned() { ::operator delete(data_, std::align_val_t(simd::kRowAlignment)); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  T* data() noexcept { return data_; }
  T& operator[](std::size_t index) noexcept { return data_[index]; }

 private:
  std::size_t bytes_;
  T* data_;
};

// Rows and queries of one dimension, each beginning on 64 bytes.
template <typename Query, typename Row, typename Sum>
struct Operands {
  Operands(std::size_t dimension, std::size_t query_count, std::size_t row_count)
      : n(dimension),
        stride((dimension * sizeof(Row) + 63) / 64 * 64 / sizeof(Row)),
        query_count_(query_count),
        row_count_(row_count),
        queries(stride * query_count),
        rows(stride * row_count),
        sums(kRowsAtOnce * query_count) {}

  template <typename Kernel>
  void run(Kernel kernel) {
    std::fill_n(sums.data(), kRowsAtOnce * query_count_, Sum{77});
    kernel(queries.data(), query_count_, rows.data(), row_count_, stride, sums.data());
    for (std::size_t q = 0; q < query_count_; ++q) {
      for (std::size_t r = row_count_; r < kRowsAtOnce; ++r)
        expect_equal(sums[q * kRowsAtOnce + r], Sum{77});  // nothing behind the last row
    }
  }
  // Calls check(query, row, sum) for each pair.
  template <typename Check>
  void each(Check check) {
    for (std::size_t q = 0; q < query_count_; ++q) {
      for (std::size_t r = 0; r < row_count_; ++r)
        check(queries.data() + q * stride, rows.data() + r * stride, sums[q * kRowsAtOnce + r]);
    }
  }

  std::size_t n, stride, query_count_, row_count_;
  Aligned<Query> queries;
  Aligned<Row> rows;
  Aligned<Sum> sums;
};

using Codes = Operands<std::int8_t, std::uint8_t, std::int32_t>;
using Floats = Operands<float, float, float>;

struct Shape {
  std::size_t queries, rows;
};
const Shape kShapes[] = {{1, 64}, {1, 1}, {1, 7}, {4, 64}, {5, 63}, {9, 6}, {3, 3}};

std::vector<std::size_t> dimensions() {
  std::vector<std::size_t> out;
  for (std::size_t n = 1; n <= 260; ++n) out.push_back(n);
  for (std::size_t n : {384, 512, 767, 768, 769, 1024, 1536, 3072, 4096, 65536}) out.push_back(n);
  return out;
}

// Fills with the pattern's values, −127 … 127 or their biased form.
template <typename T>
void fill(T* out, std::size_t n, std::size_t pattern, std::uint64_t seed) {
  constexpr int bias = std::is_unsigned_v<T> ? 128 : 0;
  const Vector random = vector_of(n, seed);
  for (std::size_t i = 0; i < n; ++i) {
    const int levels[] = {127, -127, i % 2 == 0 ? 127 : -127, i % 3 == 0 ? 0 : -127,
                          static_cast<int>(std::lrintf(random[i] * 127))};
    out[i] = static_cast<T>(levels[pattern] + bias);
  }
}

void expect_exact_codes(const simd::Kernels& level, std::size_t n, const Shape& shape,
                        std::size_t pattern) {
  Codes codes(n, shape.queries, shape.rows);
  for (std::size_t q = 0; q < shape.queries; ++q)
    fill(codes.queries.data() + q * codes.stride, n, (pattern + q) % 5, q);
  for (std::size_t r = 0; r < shape.rows; ++r) {
    // What fills a row's end counts for nothing.
    std::fill_n(codes.rows.data() + r * codes.stride, codes.stride, std::uint8_t{255});
    fill(codes.rows.data() + r * codes.stride, n, (pattern + r) % 5, 100 + r);
  }
  codes.run(level.code_dots);
  codes.each([&](const std::int8_t* query, const std::uint8_t* row, std::int32_t found) {
    std::int64_t exact = 0;
    for (std::size_t i = 0; i < n; ++i) exact += (int{row[i]} - 128) * int{query[i]};
    expect_equal(std::int64_t{found}, exact);
  });
}

const Test kCodes("simd_scan_test", "products of codes are exact, all ±127 among them", [] {
  for (const simd::Kernels* level : simd::supported_levels()) {
    for (const std::size_t n : dimensions()) {
      const bool small = n <= 1024;
      for (std::size_t pattern = 0; pattern < 5; ++pattern) {
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

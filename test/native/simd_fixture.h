// Rows and queries for the kernels of scans, and what codes must give. Threads: one at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "base/aligned_array.h"
#include "check.h"
#include "simd/kernels.h"
#include "store_fixture.h"

namespace jvdb::test {

using simd::kRowsAtOnce;

inline std::vector<std::size_t> dimensions() {
  std::vector<std::size_t> out;
  for (std::size_t n = 1; n <= 260; ++n) out.push_back(n);
  for (std::size_t n : {384, 512, 767, 768, 769, 1024, 1536, 3072, 4096, 65536}) out.push_back(n);
  return out;
}

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
  AlignedArray<Query> queries;
  AlignedArray<Row> rows;
  AlignedArray<Sum> sums;
};

using Codes = Operands<std::int8_t, std::uint8_t, std::int32_t>;

struct Shape {
  std::size_t queries, rows;
};

inline constexpr std::size_t kPatterns = 5;

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

inline void expect_exact_codes(const simd::Kernels& level, std::size_t n, const Shape& shape,
                               std::size_t pattern) {
  Codes codes(n, shape.queries, shape.rows);
  for (std::size_t q = 0; q < shape.queries; ++q)
    fill(codes.queries.data() + q * codes.stride, n, (pattern + q) % kPatterns, q);
  for (std::size_t r = 0; r < shape.rows; ++r) {
    // What fills a row's end counts for nothing.
    std::fill_n(codes.rows.data() + r * codes.stride, codes.stride, std::uint8_t{255});
    fill(codes.rows.data() + r * codes.stride, n, (pattern + r) % kPatterns, 100 + r);
  }
  codes.run(level.code_dots);
  codes.each([&](const std::int8_t* query, const std::uint8_t* row, std::int32_t found) {
    std::int64_t exact = 0;
    for (std::size_t i = 0; i < n; ++i) exact += (int{row[i]} - 128) * int{query[i]};
    expect_equal(std::int64_t{found}, exact);
  });
}

}  // namespace jvdb::test

// The kernels of registers of 128 bits, but for the products of codes: the same on SSE4.1 and NEON,
// whose files include this. The float64 sums use a fused multiply-add only where it changes no
// rounding: a product of two floats is exact in float64, a square of a difference is not.
// Threads: free functions.
#pragma once

#include <cmath>
#include <cstring>

#include "simd/encode.h"
#include "simd/registers128.h"
#include "simd/tiles.h"

namespace jvdb::simd {
namespace {  // a copy for each file, for its processors

// The last values, fewer than eight, with zeros behind them.
struct Last {
  float values[8] = {};

  Last(const float* from, std::size_t count) noexcept {
    std::memcpy(values, from, count * sizeof(float));
  }
};

struct Eight {
  Quad low, high;
};

JVDB_128 inline Eight load_first(const float* from, std::size_t count) noexcept {
  if (count >= 8) return {load(from), load(from + 4)};
  const Last last(from, count);
  return {load(last.values), load(last.values + 4)};
}

struct AddProduct {
  JVDB_128 static Quad step(Quad sum, Quad a, Quad b) noexcept { return add_product(sum, a, b); }
  JVDB_128 static Pair step_exactly(Pair sum, Pair a, Pair b) noexcept {
    return add_exact_product(sum, a, b);
  }
};

struct AddSquaredDifference {
  JVDB_128 static Quad step(Quad sum, Quad a, Quad b) noexcept {
    const Quad difference = subtract(a, b);
    return add_product(sum, difference, difference);
  }
  JVDB_128 static Pair step_exactly(Pair sum, Pair a, Pair b) noexcept {
    const Pair difference = subtract_pairs(a, b);
    return add_pairs(sum, multiply_pairs(difference, difference));
  }
};

template <typename Add>
JVDB_128 float sum_float(const float* a, const float* b, std::size_t n) noexcept {
  Quad sum0 = fill(0);
  Quad sum1 = sum0;
  Quad sum2 = sum0;
  Quad sum3 = sum0;
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    sum0 = Add::step(sum0, load(a + i), load(b + i));
    sum1 = Add::step(sum1, load(a + i + 4), load(b + i + 4));
    sum2 = Add::step(sum2, load(a + i + 8), load(b + i + 8));
    sum3 = Add::step(sum3, load(a + i + 12), load(b + i + 12));
  }
  for (; i < n; i += 8) {
    const Eight left = load_first(a + i, n - i);
    const Eight right = load_first(b + i, n - i);
    sum0 = Add::step(sum0, left.low, right.low);
    sum1 = Add::step(sum1, left.high, right.high);
  }
  return total(add(add(sum0, sum1), add(sum2, sum3)));
}

JVDB_128 CosineSums cosine(const float* a, const float* b, std::size_t n) noexcept {
  Eight ab = {fill(0), fill(0)};
  Eight aa = ab;
  Eight bb = ab;
  for (std::size_t i = 0; i < n; i += 8) {
    const Eight x = load_first(a + i, n - i);
    const Eight y = load_first(b + i, n - i);
    ab = {add_product(ab.low, x.low, y.low), add_product(ab.high, x.high, y.high)};
    aa = {add_product(aa.low, x.low, x.low), add_product(aa.high, x.high, x.high)};
    bb = {add_product(bb.low, y.low, y.low), add_product(bb.high, y.high, y.high)};
  }
  return {total(add(ab.low, ab.high)), total(add(aa.low, aa.high)), total(add(bb.low, bb.high))};
}

// Eight float64 sums: lanes 0–1, 2–3, 4–5 and 6–7 of the fixed order. What fills the last eight
// adds +0, which changes no sum: none of them is ever −0.
struct Sums {
  Pair lanes01, lanes23, lanes45, lanes67;

  JVDB_128 Sums() noexcept
      : lanes01(fill_pair(0)), lanes23(lanes01), lanes45(lanes01), lanes67(lanes01) {}

  // Of eight values each.
  template <typename Add>
  JVDB_128 void take(const float* a, const float* b) noexcept {
    lanes01 = Add::step_exactly(lanes01, load_pair(a), load_pair(b));
    lanes23 = Add::step_exactly(lanes23, load_pair(a + 2), load_pair(b + 2));
    lanes45 = Add::step_exactly(lanes45, load_pair(a + 4), load_pair(b + 4));
    lanes67 = Add::step_exactly(lanes67, load_pair(a + 6), load_pair(b + 6));
  }
  JVDB_128 double joined() const noexcept {
    return total_of_pair(add_pairs(add_pairs(lanes01, lanes45), add_pairs(lanes23, lanes67)));
  }
};

template <typename Add>
JVDB_128 double sum_double(const float* a, const float* b, std::size_t n) noexcept {
  Sums sums;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) sums.take<Add>(a + i, b + i);
  if (i < n) sums.take<Add>(Last(a + i, n - i).values, Last(b + i, n - i).values);
  return sums.joined();
}

JVDB_128 ExactSums cosine_exact(const float* a, const float* b, std::size_t n) noexcept {
  Sums ab;
  Sums bb;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    ab.take<AddProduct>(a + i, b + i);
    bb.take<AddProduct>(b + i, b + i);
  }
  if (i < n) {
    const Last y(b + i, n - i);
    ab.take<AddProduct>(Last(a + i, n - i).values, y.values);
    bb.take<AddProduct>(y.values, y.values);
  }
  return {ab.joined(), bb.joined()};
}

JVDB_128 float largest_of(const float* v, std::size_t n) noexcept {
  Quad low = fill(0);
  Quad high = low;
  for (std::size_t i = 0; i < n; i += 8) {
    const Eight values = load_first(v + i, n - i);
    low = larger(low, magnitudes(values.low));
    high = larger(high, magnitudes(values.high));
  }
  return largest(larger(low, high));
}

struct Quantized {
  Quad factor;
  Pair scale;
  Sums errors;

  // Eight values: their biased codes, and their share of the squared error.
  JVDB_128 void take(const float* values, std::uint8_t* code) noexcept {
    const Words low = round_to_words(multiply(load(values), factor));
    const Words high = round_to_words(multiply(load(values + 4), factor));
    errors.lanes01 = add_rest(errors.lanes01, load_pair(values), low_pair_of_words(low));
    errors.lanes23 = add_rest(errors.lanes23, load_pair(values + 2), high_pair_of_words(low));
    errors.lanes45 = add_rest(errors.lanes45, load_pair(values + 4), low_pair_of_words(high));
    errors.lanes67 = add_rest(errors.lanes67, load_pair(values + 6), high_pair_of_words(high));
    store_codes(code, low, high);
  }

 private:
  JVDB_128 Pair add_rest(Pair sum, Pair values, Pair levels) const noexcept {
    const Pair rest = subtract_pairs(values, multiply_pairs(levels, scale));
    return add_pairs(sum, multiply_pairs(rest, rest));
  }
};

JVDB_128 Encoded encode(const float* v, std::size_t n, std::uint8_t* code,
                        std::size_t stride) noexcept {
  const double squared_norm = sum_double<AddProduct>(v, v, n);
  const Quantizer quantizer =
      std::isfinite(squared_norm) ? quantizer_for(largest_of(v, n)) : Quantizer{0, 0, false};
  if (!quantizer.usable) {
    std::memset(code, kZeroCode, stride);
    return without_code(squared_norm);
  }
  Quantized quantized{fill(quantizer.inverse), fill_pair(static_cast<double>(quantizer.scale)),
                      Sums()};
  // The stride is a multiple of 64, so whole groups of eight fit; the last zeros get the zero code.
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) quantized.take(v + i, code + i);
  if (i < n) {
    quantized.take(Last(v + i, n - i).values, code + i);
    i += 8;
  }
  std::memset(code + i, kZeroCode, stride - i);
  return finish_encoding(squared_norm, quantizer.scale, quantized.errors.joined());
}

struct FloatTile {
  static constexpr std::size_t kQueries = kQueriesAtOnce;
  static constexpr std::size_t kRows = 4;

  JVDB_128 static void tile(const float* queries, const float* rows, std::size_t stride,
                            float* out) noexcept {
    Quad sums[kQueries][kRows];
    for (auto& of_query : sums) {
      for (Quad& sum : of_query) sum = fill(0);
    }
    for (std::size_t i = 0; i < stride; i += 4) {
      Quad query[kQueries];
      for (std::size_t q = 0; q < kQueries; ++q) query[q] = load(queries + q * stride + i);
      for (std::size_t r = 0; r < kRows; ++r) {
        const Quad row = load(rows + r * stride + i);
        for (std::size_t q = 0; q < kQueries; ++q) {
          sums[q][r] = add_product(sums[q][r], row, query[q]);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) {
      store(out + q * kRowsAtOnce, totals(sums[q][0], sums[q][1], sums[q][2], sums[q][3]));
    }
  }
  JVDB_128 static void single(const float* query, const float* rows, std::size_t count,
                              std::size_t stride, float* out) noexcept {
    for (std::size_t r = 0; r < count; ++r) {
      out[r] = sum_float<AddProduct>(query, rows + r * stride, stride);
    }
  }
};

void dots(const float* queries, std::size_t query_count, const float* rows, std::size_t row_count,
          std::size_t stride, float* out) noexcept {
  over_tiles<FloatTile>(queries, query_count, rows, row_count, stride, out);
}

struct Coefficients {
  Quad dot, error, norm, norm_squared, limit;

  JVDB_128 explicit Coefficients(const Bound& bound) noexcept
      : dot(fill(bound.dot_factor)),
        error(fill(bound.error_factor)),
        norm(fill(bound.norm_factor)),
        norm_squared(fill(bound.norm_squared_factor)),
        limit(fill(bound.limit)) {}

  // Bits of four rows.
  JVDB_128 unsigned reaching(Quad scaled_dots, Quad errors, Quad norms) const noexcept {
    const Quad of_norm = multiply(norms, subtract(norm, multiply(norm_squared, norms)));
    const Quad sum = add_product(add_product(of_norm, errors, error), scaled_dots, dot);
    return below(sum, limit) ^ 15U;
  }
};

JVDB_128 std::uint64_t codes_reaching(const Bound& bound, const std::int32_t* dots,
                                      const CodeTerms& terms, std::size_t count) noexcept {
  const Coefficients coefficients(bound);
  std::uint64_t out = 0;
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const Quad scaled = multiply(load_as_floats(dots + i), load(terms.scales + i));
    const std::uint64_t bits =
        coefficients.reaching(scaled, load(terms.errors + i), load(terms.norms + i));
    out |= bits << i;
  }
  for (; i < count; ++i) {
    const bool reaches =
        code_reaches(bound, dots[i], terms.scales[i], terms.errors[i], terms.norms[i]);
    out |= static_cast<std::uint64_t>(reaches) << i;
  }
  return out;
}

JVDB_128 std::uint64_t dots_reaching(const Bound& bound, const float* dots, const float* norms,
                                     std::size_t count) noexcept {
  const Coefficients coefficients(bound);
  const Quad smallest = fill(bound.smallest_norm);
  const Quad largest_norm = fill(bound.largest_norm);
  std::uint64_t out = 0;
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const Quad norm = load(norms + i);
    // A NaN reaches by its sum.
    const unsigned outside = below(norm, smallest) | below(largest_norm, norm);
    const std::uint64_t bits = coefficients.reaching(load(dots + i), fill(0), norm) | outside;
    out |= bits << i;
  }
  for (; i < count; ++i) {
    out |= static_cast<std::uint64_t>(dot_reaches(bound, dots[i], norms[i])) << i;
  }
  return out;
}

// The level of this file.
constexpr Kernels level_of(const char* name, decltype(Kernels::code_dots) code_dots) noexcept {
  return {name,
          sum_float<AddProduct>,
          sum_float<AddSquaredDifference>,
          cosine,
          sum_double<AddProduct>,
          sum_double<AddSquaredDifference>,
          cosine_exact,
          encode,
          dots,
          code_dots,
          codes_reaching,
          dots_reaching};
}

}  // namespace
}  // namespace jvdb::simd

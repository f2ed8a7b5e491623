// The bounds of a search where they are tight: residues of the codes that point along the query,
// float32 sums that lose every later term, near ties, norms at the ends of the range. A vector must
// reach the threshold that is its own score, on every level; and a bound must not be idle.
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/aligned_array.h"
#include "check.h"
#include "search/query_set.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using format::Metric;

// One stored vector, as a scan meets it.
struct Row {
  explicit Row(const Vector& values)
      : vector((values.size() + 15) / 16 * 16), code((values.size() + 63) / 64 * 64) {
    std::copy(values.begin(), values.end(), vector.data());
    const simd::Encoded encoded = simd::kernels().encode(vector.data(), values.size(), code.data(),
                                                         (values.size() + 63) / 64 * 64);
    scale = encoded.scale;
    error = encoded.error;
    norm = static_cast<float>(std::sqrt(encoded.squared_norm));
  }
  AlignedArray<float> vector;
  AlignedArray<std::uint8_t> code;
  float scale, error, norm;
};

struct Reached {
  bool by_code, by_dot;
};

Reached reaches(const simd::Kernels& level, const search::QuerySet& query, const Row& row,
                double threshold) {
  Reached out{true, true};
  if (const auto bound = query.code_bound(0, threshold)) {
    std::int32_t dot = 0;
    level.code_dots(query.codes(0), 1, row.code.data(), 1, query.code_stride(), &dot);
    out.by_code = level.codes_reaching(*bound, &dot, {&row.scale, &row.error, &row.norm}, 1) != 0;
  }
  if (const auto bound = query.dot_bound(0, threshold)) {
    float dot = 0;
    level.dots(query.vectors(0), 1, row.vector.data(), 1, query.vector_stride(), &dot);
    out.by_dot = level.dots_reaching(*bound, &dot, &row.norm, 1) != 0;
  }
  return out;
}

void expect_reached(const Vector& q, const Vector& v,
                    std::source_location where = std::source_location::current()) {
  const Row row(v);
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
    const search::QuerySet query(q, q.size(), metric, true);
    const double score = query.score(0, row.vector.data());
    for (const simd::Kernels* level : simd::supported_levels()) {
      const Reached reached = reaches(*level, query, row, score);
      const std::string what = std::string(level->name) + ", metric " +
                               std::to_string(static_cast<int>(metric)) + ", dimension " +
                               std::to_string(q.size());
      expect(reached.by_code, "passed over by its code: " + what, where);
      expect(reached.by_dot, "passed over by its dot product: " + what, where);
    }
  }
}

// Values of `level` + `rest` quantization steps, the sign by `sign`; the first sets the scale.
Vector off_by(std::size_t n, float level, float rest,
              const std::function<float(std::size_t)>& sign) {
  Vector out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = sign(i) * (level + rest);
  out[0] = sign(0) * 127.0F;
  return out;
}

const Test kAlongTheQuery(
    "bound_test", "residues along the query, and of the query along a vector", [] {
      const auto sign = [](std::size_t i) { return i % 3 == 0 ? -1.0F : 1.0F; };
      for (const std::size_t n : {64U, 100U, 768U, 1536U, 4096U}) {
        for (const float level : {1.0F, 10.0F, 60.0F}) {
          for (const float rest : {-0.49F, 0.49F}) {
            expect_reached(off_by(n, level, 0, sign), off_by(n, level, rest, sign));
            expect_reached(off_by(n, level, rest, sign), off_by(n, level, 0, sign));
            expect_reached(off_by(n, level, rest, sign), off_by(n, level, rest, sign));
            expect_reached(off_by(n, level, rest, sign), off_by(n, level, -rest, sign));
          }
        }
      }
    });

const Test kLostTerms("bound_test", "float32 sums that lose all but their first terms", [] {
  for (const std::size_t n : {4096U, 65536U}) {
    for (const std::size_t large : {1U, 8U, 32U, 64U}) {
      Vector v(n, 0x1.6p-13F);
      std::fill_n(v.begin(), large, 1.0F);
      expect_reached(v, v);
      Vector q = v;
      for (std::size_t i = 0; i < large; ++i) q[i] = -1.0F;
      expect_reached(q, v);
    }
  }
});

const Test kNear("bound_test", "near ties and random vectors of all norms", [] {
  for (const std::size_t n : {1U, 3U, 16U, 100U, 769U}) {
    for (const float scale : {1.0F, 0x1p-50F, 0x1p50F, 0x1p-59F, 0x1p54F}) {
      for (std::uint64_t seed = 0; seed < 30; ++seed) {
        Vector q = vector_of(n, seed);
        Vector v = vector_of(n, seed + 1000);
        for (float& value : v) value *= scale;
        expect_reached(q, v);
        expect_reached(v, q);
        v = q;
        v[seed % n] = std::nextafterf(v[seed % n], 9.0F);
        expect_reached(q, v);
      }
    }
  }
});

const Test kNotIdle("bound_test", "what scores far below is passed over", [] {
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
    int by_code = 0;
    int by_dot = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const Vector q = vector_of(768, seed);
      const Row row(vector_of(768, seed + 1000));
      const search::QuerySet query(q, 768, metric, true);
      const double score = query.score(0, row.vector.data());
      const double step = metric == Metric::cosine ? 1.0 : metric == Metric::dot ? 256.0 : 22.6;
      by_code += reaches(simd::kernels(), query, row, score + 0.04 * step).by_code ? 1 : 0;
      by_dot += reaches(simd::kernels(), query, row, score + 0.0002 * step).by_dot ? 1 : 0;
    }
    expect_equal(by_code, 0);
    expect_equal(by_dot, 0);
  }
});

}  // namespace
}  // namespace jvdb::test

// Search results against a scan that scores every vector exactly: ids, order and scores are equal,
// on data made to mislead float32 sums.
#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "simd/kernels.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Hit;
using engine::Store;
using format::Metric;

constexpr char kPath[] = "db.jvdb";
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Scored {
  std::uint64_t id;
  double score;
};

double score_of(const Vector& q, const Vector& v, Metric metric) {
  const simd::Kernels& exact = *simd::scalar();
  if (metric == Metric::dot) return exact.dot_exact(q.data(), v.data(), q.size());
  if (metric == Metric::euclidean)
    return 0.0 - std::sqrt(exact.squared_l2_exact(q.data(), v.data(), q.size()));
  const double qq = exact.dot_exact(q.data(), q.data(), q.size());
  const double vv = exact.dot_exact(v.data(), v.data(), v.size());
  if (!std::isfinite(vv)) return vv;
  if (qq == 0 || vv == 0) return 0;
  return std::clamp(exact.dot_exact(q.data(), v.data(), q.size()) / (std::sqrt(qq) * std::sqrt(vv)),
                    -1.0, 1.0);
}

std::vector<Scored> reference(const std::map<std::uint64_t, Vector>& all, const Vector& query,
                              Metric metric) {
  std::vector<Scored> out;
  for (const auto& [id, vector] : all) {
    const double score = score_of(query, vector, metric);
    if (std::isfinite(score)) out.push_back({id, score});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  return out;
}

class Case {
 public:
  Case(std::uint32_t dimension, Metric metric, bool codes, bool allow_non_finite = false)
      : metric_(metric) {
    format::Schema schema = schema_of(dimension, format::IdType::int64, metric);
    schema.has_codes = codes;
    schema.allow_non_finite = allow_non_finite;
    store_ = create(disk_, kPath, schema, 8);
  }
  // Ids in an order that isn't that of the slots.
  void add(const Vector& vector) {
    const std::uint64_t id = next_ * 7919 % 100003;
    ++next_;
    (void)take(store_->append(Group(ids_).put(id, vector)));
    all_[id] = vector;
  }
  void remove_some() {
    for (auto at = all_.begin(); at != all_.end();) {
      if (at->first % 3 != 0) {
        ++at;
        continue;
      }
      (void)take(store_->append(Group(ids_).remove(at->first)));
      at = all_.erase(at);
    }
  }
  void expect_exact(const Vector& query,
                    std::source_location where = std::source_location::current()) const {
    const std::vector<Scored> expected = reference(all_, query, metric_);
    for (const std::size_t k : {std::size_t{1}, std::size_t{10}, all_.size(), all_.size() + 5}) {
      if (k == 0) continue;
      const std::vector<Hit> hits = take(search(*store_, query, best(k)), where);
      expect_equal(hits.size(), std::min(k, expected.size()), where);
      for (std::size_t i = 0; i < hits.size(); ++i) {
        expect_equal(hits[i].id_number, expected[i].id, where);
        expect_equal(hits[i].score, expected[i].score, where);
        const double distance =
            metric_ == Metric::cosine ? 1 - expected[i].score : -expected[i].score;
        expect_equal(hits[i].distance, distance, where);
      }
    }
  }
  Store& store() { return *store_; }

 private:
  Metric metric_;
  SimFileSystem disk_;
  Ids ids_{format::IdType::int64};
  std::unique_ptr<Store> store_;
  std::map<std::uint64_t, Vector> all_;
  std::uint64_t next_ = 1;
};

// For each metric, with codes and without.
void for_metrics(const std::function<void(Metric, bool codes)>& body) {
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
    for (const bool codes : {true, false}) body(metric, codes);
  }
}

const Test kRandom("search_test", "random vectors, some deleted", [] {
  for_metrics([](Metric metric, bool codes) {
    for (const std::uint32_t dimension : {1U, 2U, 7U, 8U, 31U, 33U, 100U, 768U}) {
      Case test(dimension, metric, codes);
      for (std::uint64_t i = 0; i < 400; ++i) test.add(vector_of(dimension, i));
      test.remove_some();
      for (std::uint64_t q = 0; q < 5; ++q) test.expect_exact(vector_of(dimension, 5000 + q));
    }
  });
});

const Test kNearTies("search_test", "vectors that float32 sums can't tell apart, and equal ones",
                     [] {
                       for_metrics([](Metric metric, bool codes) {
                         for (const std::uint32_t dimension : {3U, 64U, 300U}) {
                           Case test(dimension, metric, codes);
                           const Vector base = vector_of(dimension, 1);
                           for (std::uint64_t i = 0; i < 500; ++i) {
                             Vector near = base;
                             if (i % 5 != 0)
                               near[i % dimension] =
                                   std::nextafterf(near[i % dimension], i % 2 == 0 ? 2.0F : -2.0F);
                             test.add(near);
                           }
                           test.expect_exact(base);
                           test.expect_exact(vector_of(dimension, 2));
                         }
                       });
                     });

const Test kScales("search_test", "zero, denormal and huge vectors among ordinary ones", [] {
  for_metrics([](Metric metric, bool codes) {
    Case test(20, metric, codes);
    for (const float scale :
         {0.0F, 1e-45F, 1e-38F, 1e-30F, 1e-19F, 1e-10F, 1.0F, 1e10F, 1e18F, 1e19F, 1e30F, 3e38F}) {
      for (std::uint64_t i = 0; i < 20; ++i) {
        Vector vector = vector_of(20, i);
        for (float& value : vector) value *= scale;
        test.add(vector);
      }
    }
    for (const float scale : {0.0F, 1e-42F, 1e-25F, 1.0F, 1e25F, 3e38F}) {
      Vector query = vector_of(20, 3);
      for (float& value : query) value *= scale;
      test.expect_exact(query);
    }
  });
});

const Test kNotFinite("search_test", "vectors that aren't finite are never hits", [] {
  for_metrics([](Metric metric, bool codes) {
    Case test(5, metric, codes, true);
    for (std::uint64_t i = 0; i < 40; ++i) {
      Vector vector = vector_of(5, i);
      if (i % 4 == 1) vector[i % 5] = kNaN;
      if (i % 4 == 2) vector[i % 5] = i % 8 < 4 ? kInfinity : -kInfinity;
      test.add(vector);
    }
    test.expect_exact(vector_of(5, 77));
    test.expect_exact(Vector(5, 0.0F));
  });
});

const Test kTies("search_test", "equal scores come by id, strings by their bytes", [] {
  SimFileSystem disk;
  const auto store = create(disk, kPath, schema_of(2, format::IdType::string));
  const Vector vector = {1, 2};
  for (const std::string id : {"b", "a", "\xC3\xA4", "aa", "B", "\xE2\x82\xAC", "z"}) {
    engine::Mutation mutation;
    mutation.id.text = id;
    mutation.vector = vector.data();
    (void)take(store->append(engine::OneMutation(mutation)));
  }
  std::string order;
  for (const Hit& hit : take(search(*store, vector, best(5)))) order += hit.id_text + " ";
  expect_equal(order, "B a aa b z ");
});

const Test kRefused("search_test", "queries of the wrong kind, and a cancelled search", [] {
  Case test(3, Metric::dot, true);
  test.add({1, 2, 3});
  const std::atomic<bool> cancelled{true};
  expect_code(search(test.store(), {1, 2}).status(), Code::dimension_mismatch);
  expect_code(search(test.store(), {}).status(), Code::dimension_mismatch);
  expect_code(search(test.store(), {1, kNaN, 2}).status(), Code::invalid_vector);
  expect_code(search(test.store(), {1, 2, kInfinity}).status(), Code::invalid_vector);
  expect_code(test.store().search(Vector{1, 2, 3}, {}, cancelled).status(), Code::aborted);
  expect(take(search(test.store(), {1, 2, 3}, best(0))).empty());
});

const Test kDamaged("search_test", "a damaged vector is an error, not an answer", [] {
  SimFileSystem disk;
  Ids ids(format::IdType::int64);
  const format::Schema schema = schema_of(16);
  {
    const auto store = create(disk, kPath, schema);
    for (std::uint64_t i = 0; i < 10; ++i)
      (void)take(store->append(Group(ids).put(i, vector_of(16, i))));
    expect_ok(store->close());
  }
  const auto geometry =
      *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(16));
  disk.damage(kPath, geometry.vectors_offset + 5 * schema.vector_stride() + 3, std::byte{0x7F});
  const auto store = open(disk, kPath);
  expect_code(search(*store, vector_of(16, 1)).status(), Code::corrupt);
});

}  // namespace
}  // namespace jvdb::test

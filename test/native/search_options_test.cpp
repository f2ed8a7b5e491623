// What a search may ask for besides the k best: pages, limits, some ids only, many queries, more
// threads; and one snapshot's answer while a writer changes everything. Expected results come from
// a search for all that there is, whose exactness search_test shows.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <thread>

#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Hit;
using engine::SearchOptions;
using engine::Store;
using format::IdType;
using format::Metric;

constexpr char kPath[] = "db.jvdb";
constexpr std::size_t kDimension = 40;
constexpr std::uint64_t kCount = 9000;  // several blocks, extents and words

class Filled {
 public:
  explicit Filled(Metric metric, bool codes = true, IdType ids = IdType::int64) : ids_(ids) {
    format::Schema schema = schema_of(kDimension, ids, metric);
    schema.has_codes = codes;
    store = create(disk_, kPath, schema, 8);
    for (std::uint64_t begin = 0; begin < kCount; begin += 100) {
      Group group(ids_);
      for (std::uint64_t id = begin; id < begin + 100; ++id)
        group.put(id, vector_of(kDimension, id % 4000));  // ties
      (void)take(store->append(group));
    }
    for (std::uint64_t id = 0; id < kCount; id += 7)
      (void)take(store->append(Group(ids_).remove(id)));
  }
  std::vector<Hit> all(const Vector& query) const {
    return take(search(*store, query, best(kCount)));
  }
  engine::Id id(std::uint64_t number) { return ids_(number); }

 private:
  SimFileSystem disk_;
  Ids ids_;

 public:
  std::unique_ptr<Store> store;
};

void expect_same(const std::vector<Hit>& found, const std::vector<Hit>& expected,
                 std::source_location where = std::source_location::current()) {
  expect_equal(found.size(), expected.size(), where);
  for (std::size_t i = 0; i < found.size(); ++i) {
    expect_equal(found[i].id_number, expected[i].id_number, where);
    expect_equal(found[i].score, expected[i].score, where);
  }
}

std::vector<Hit> those(const std::vector<Hit>& all, const std::function<bool(const Hit&)>& wanted,
                       std::size_t k = kCount) {
  std::vector<Hit> out;
  for (const Hit& hit : all) {
    if (out.size() < k && wanted(hit)) out.push_back(hit);
  }
  return out;
}

void for_stores(const std::function<void(Filled&)>& body) {
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
    for (const bool codes : {true, false}) {
      Filled filled(metric, codes);
      body(filled);
    }
  }
}

const Test kPages("search_options_test", "pages put together are the whole", [] {
  for_stores([](Filled& filled) {
    const Vector query = vector_of(kDimension, 77777);
    const std::vector<Hit> all = filled.all(query);
    std::vector<Hit> pages;
    for (SearchOptions options = best(1000);; options.offset += 1000) {
      const std::vector<Hit> page = take(search(*filled.store, query, options));
      pages.insert(pages.end(), page.begin(), page.end());
      if (page.size() < 1000) break;
    }
    expect_same(pages, all);
    SearchOptions far = best(~std::size_t{0});
    far.offset = ~std::size_t{0};
    expect(take(search(*filled.store, query, far)).empty());
  });
});

const Test kLimits("search_options_test", "limits of score and distance are kept to the bit", [] {
  for_stores([](Filled& filled) {
    const Vector query = vector_of(kDimension, 77777);
    const std::vector<Hit> all = filled.all(query);
    for (const std::size_t place :
         {std::size_t{0}, std::size_t{5}, std::size_t{3000}, all.size() - 1}) {
      for (const double limit : {all[place].score, std::nextafter(all[place].score, 1e9)}) {
        SearchOptions options = best(kCount);
        options.min_score = limit;
        expect_same(take(search(*filled.store, query, options)),
                    those(all, [&](const Hit& hit) { return hit.score >= limit; }));
      }
      for (const double limit : {all[place].distance, std::nextafter(all[place].distance, -1e9)}) {
        SearchOptions options = best(100);
        options.max_distance = limit;
        expect_same(take(search(*filled.store, query, options)),
                    those(all, [&](const Hit& hit) { return hit.distance <= limit; }, 100));
      }
    }
    SearchOptions none = best(10);
    none.max_distance = -1e300;
    expect(take(search(*filled.store, query, none)).empty());
    none = best(10);
    none.min_score = 1e300;
    expect(take(search(*filled.store, query, none)).empty());
  });
});

const Test kIds("search_options_test", "some ids only, and all but some", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    Filled filled(Metric::cosine, true, type);
    const Vector query = vector_of(kDimension, 77777);
    const std::vector<Hit> all = filled.all(query);
    const auto with = [&](std::initializer_list<std::uint64_t> steps, auto&& set) {
      for (const std::uint64_t step : steps) {
        SearchOptions options = best(50);
        std::vector<engine::Id> ids;
        std::set<std::string> texts;
        for (std::uint64_t id = 3; id < 2 * kCount; id += step) {  // absent ones among them
          ids.push_back(filled.id(id));
          texts.insert(type == IdType::string ? std::string(filled.id(id).text)
                                              : std::to_string(id));
        }
        const auto listed = [&](const Hit& hit) {
          return texts.contains(type == IdType::string ? hit.id_text
                                                       : std::to_string(hit.id_number));
        };
        set(options, ids);
        const bool only = options.only.has_value();
        expect_same(take(search(*filled.store, query, options)),
                    those(all, [&](const Hit& hit) { return listed(hit) == only; }, 50));
      }
    };
    with({1, 2, 63, 1000, 100000}, [](SearchOptions& options, auto& ids) { options.only = ids; });
    with({2, 63, 100000}, [](SearchOptions& options, auto& ids) { options.except = ids; });
    SearchOptions options = best(10);
    options.only.emplace();
    expect(take(search(*filled.store, query, options)).empty());
  }
});

const Test kBatch("search_options_test", "many queries at once answer as one by one", [] {
  for_stores([](Filled& filled) {
    for (const std::size_t count : {1U, 2U, 5U, 64U, 65U, 150U}) {
      Vector queries;
      for (std::size_t q = 0; q < count; ++q) {
        Vector query = vector_of(kDimension, 50000 + q);
        const float scale = q % 9 == 3 ? 0.0F : q % 9 == 5 ? 1e-30F : 1.0F;
        for (const float value : query) queries.push_back(value * scale);
      }
      for (const unsigned threads : {1U, 2U, 7U}) {
        SearchOptions options = best(7);
        options.threads = threads;
        const std::atomic<bool> go_on{false};
        const auto found = take(filled.store->search(queries, options, go_on));
        expect_equal(found.size(), count);
        for (std::size_t q = 0; q < count; q += 1 + count / 20) {
          const auto first = queries.begin() + static_cast<std::ptrdiff_t>(q * kDimension);
          const Vector query(first, first + kDimension);
          expect_same(found[q], those(filled.all(query), [](const Hit&) { return true; }, 7));
        }
      }
    }
  });
});

// Each group moves all vectors at once: whatever a search finds is of one round.
const Test kNotFinite("search_options_test", "of many queries, the one that can't be is named", [] {
  const Filled filled(Metric::cosine);
  std::vector<float> queries(3 * kDimension, 1.0F);
  queries[2 * kDimension + 5] = std::numeric_limits<float>::infinity();
  const std::atomic<bool> go_on{false};
  const Status status = filled.store->search(queries, {}, go_on).status();
  expect_code(status, Code::invalid_vector);
  expect(status.message().find("component 5 of query 2 ") != std::string_view::npos,
         std::string(status.message()));
});

const Test kSnapshot("search_options_test", "a search under load sees one snapshot", [] {
  for (const bool codes : {true, false}) {
    SimFileSystem disk;
    Ids ids(IdType::int64);
    format::Schema schema = schema_of(8, IdType::int64, Metric::euclidean);
    schema.has_codes = codes;
    const auto store = create(disk, kPath, schema, 8);
    constexpr std::uint64_t ids_a_round = 300;
    constexpr std::uint64_t rounds = 150;
    const auto write = [&](std::uint64_t round) {
      Group group(ids);
      for (std::uint64_t id = 0; id < ids_a_round; ++id) {
        if (round > 0) group.remove((round - 1) * ids_a_round + id);
        group.put(round * ids_a_round + id,
                  Vector(8, static_cast<float>(round * ids_a_round + id)));
      }
      (void)take(store->append(group));
    };
    write(0);
    std::atomic<bool> done{false};
    std::thread writer([&] {
      for (std::uint64_t round = 1; round < rounds; ++round) write(round);
      done = true;
    });
    std::vector<engine::Id> looked_up;
    for (std::uint64_t id = 0; id < rounds * ids_a_round; ++id) looked_up.push_back(ids(id));
    std::uint64_t searches = 0;
    std::string wrong;
    do {
      SearchOptions options = best(ids_a_round / 2);
      options.threads = 2;
      options.except = {ids(5)};
      // Looking so many up takes as long as some rounds.
      if (++searches % 2 == 0) options.only = looked_up;
      options.vectors = true;
      const auto hits = search(*store, Vector(8, 0.0F), options);
      if (!hits || hits->size() != ids_a_round / 2) {
        wrong = "hits are missing";
        break;
      }
      const std::uint64_t first = hits->front().id_number / ids_a_round * ids_a_round;
      for (std::size_t i = 0; i < hits->size(); ++i) {
        const std::uint64_t expected = first + i + (first == 0 && i >= 5 ? 1 : 0);
        const Hit& hit = (*hits)[i];
        if (hit.id_number != expected || hit.vector[0] != static_cast<float>(expected))
          wrong = "a mixture of snapshots";
      }
    } while (!done && wrong.empty());
    writer.join();
    expect(wrong.empty(), wrong);
  }
});

const Test kGrowing(
    "search_options_test", "a search for all of a growing store misses nothing", [] {
      SimFileSystem disk;
      Ids ids(IdType::int64);
      const auto store = create(disk, kPath, schema_of(8, IdType::int64, Metric::euclidean), 8);
      std::atomic<bool> done{false};
      std::thread writer([&] {
        for (std::uint64_t id = 0; id < 20'000; ++id) {
          (void)take(store->append(Group(ids).put(id, Vector(8, static_cast<float>(id)))));
        }
        done = true;
      });
      std::string wrong;
      while (!done && wrong.empty()) {
        const auto hits = take(search(*store, Vector(8, 0.0F), best(1'000'000)));
        // By distance they come in the order in which they were added.
        for (std::size_t i = 0; i < hits.size(); ++i) {
          if (hits[i].id_number != i) wrong = "one is missing";
        }
        SearchOptions rest = best(1'000'000);
        rest.offset = hits.size();
        const auto later = take(search(*store, Vector(8, 0.0F), rest));
        if (!later.empty() && later.front().id_number != hits.size()) wrong = "the offset is off";
        const auto last = take(search(*store, Vector(8, 1e9F), best(1'000'000)));
        if (!last.empty() && last.back().id_number != 0) wrong = "the worst is missing";
      }
      writer.join();
      expect(wrong.empty(), wrong);
    });

const Test kDamagedCode("search_options_test", "a damaged code is an error, not an answer", [] {
  SimFileSystem disk;
  Ids ids(IdType::int64);
  const format::Schema schema = schema_of(16);
  {
    const auto store = create(disk, kPath, schema, 128);
    for (std::uint64_t i = 0; i < 100; ++i)
      (void)take(store->append(Group(ids).put(i, vector_of(16, i))));
    expect_ok(store->close());
  }
  const auto geometry =
      *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(128));
  disk.damage(kPath, geometry.codes_offset + 5 * schema.code_stride() + 3, std::byte{0x7F});
  const auto store = open(disk, kPath);
  for (std::uint64_t i = 0; i < 100; ++i)
    (void)take(store->read().vector(ids(i)));  // checks no code
  expect_code(search(*store, vector_of(16, 1), best(3)).status(), Code::corrupt);
  SearchOptions others = best(3);
  others.only = std::vector{ids(1), ids(2)};
  expect_equal(take(search(*store, vector_of(16, 1), others)).size(), 2U);
});

const Test kPool("search_options_test", "searches of several threads share the pool", [] {
  Filled filled(Metric::dot);
  const Vector query = vector_of(kDimension, 77777);
  const std::vector<Hit> expected = those(filled.all(query), [](const Hit&) { return true; }, 10);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        SearchOptions options = best(10);
        options.threads = 4;
        const auto hits = search(*filled.store, query, options);
        const bool same =
            hits && hits->size() == 10 &&
            std::equal(hits->begin(), hits->end(), expected.begin(),
                       [](const Hit& a, const Hit& b) { return a.id_number == b.id_number; });
        if (!same) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_equal(wrong.load(), 0);
});

}  // namespace
}  // namespace jvdb::test

// Stores that no file holds: the engine over anonymous memory.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>

#include "allocations.h"
#include "check.h"
#include "engine/in_memory.h"
#include "rounds.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::OpenRequest;
using engine::Registry;
using engine::Store;
using format::IdType;

Registry::Handle in_memory(const OpenRequest& request) {
  return take(engine::open_in_memory("name", request));
}

OpenRequest small_request(std::uint32_t dimension, IdType type = IdType::int64) {
  OpenRequest request = request_for(dimension);
  request.id_type = type;
  request.initial_capacity = 4;
  return request;
}

// Random groups for one or more stores.
class History {
 public:
  History(IdType type, std::uint32_t dimension) : ids_(type), type_(type), dimension_(dimension) {}

  void step(const std::vector<Store*>& stores) {
    Group group(ids_);
    const std::uint64_t size = random_() % 10 == 0 ? 1 + random_() % 100 : 1;
    for (std::uint64_t i = 0; i < size; ++i) add(group);
    for (Store* store : stores) (void)take(store->append(group));
  }
  const std::map<std::string, Stored>& expected() const noexcept { return expected_; }

 private:
  void add(Group& group) {
    const std::uint64_t id = random_() % 400;
    const std::string key = (type_ == IdType::string ? "id-" : "") + std::to_string(id);
    const auto found = expected_.find(key);
    const Vector vector = vector_of(dimension_, random_());
    const std::size_t length = random_() % 30 == 0 ? random_() % 20000 : random_() % 40;
    const std::string metadata = R"({"n":")" + std::string(length, 'x') + R"("})";
    switch (random_() % 6) {
      case 0:
        group.remove(id);
        expected_.erase(key);
        break;
      case 1:
        group.update(id, {}, metadata);
        if (found != expected_.end()) found->second.metadata = metadata;
        break;
      case 2:
        group.update_keeping_metadata(id, vector);
        if (found != expected_.end()) found->second.vector = vector;
        break;
      default:
        group.put(id, vector, metadata);
        expected_[key] = {vector, metadata};
    }
  }

  std::mt19937_64 random_{7};
  Ids ids_;
  IdType type_;
  std::uint32_t dimension_;
  std::map<std::string, Stored> expected_;
};

const Test kStore("in_memory_test", "a store in memory holds what it was given as it grows", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    const auto store = in_memory(small_request(16, type));
    History history(type, 16);
    for (int step = 0; step < 600; ++step) {
      history.step({&*store});
      if (step % 50 == 0) expect(contents(*store) == history.expected());
    }
    expect(contents(*store) == history.expected());
    expect(store->live() > 200);
    const auto stats = take(store->stats());
    expect(stats.extents > 3);
    expect(stats.capacity >= store->live());
  }
});

const Test kSearch("in_memory_test", "searches in memory find what they find on a disk", [] {
  using format::Metric;
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
    OpenRequest request = small_request(20, IdType::string);
    request.metric = metric;
    const auto store = in_memory(request);
    SimFileSystem disk;
    const auto other = create(disk, "db.jvdb", schema_of(20, IdType::string, metric), 4);
    History history(IdType::string, 20);
    for (int step = 0; step < 300; ++step) history.step({&*store, other.get()});
    expect(take(store->stats()).extents > 3);
    engine::SearchOptions options = best(50);
    options.vectors = true;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto found = take(search(*store, vector_of(20, seed), options));
      const auto expected = take(search(*other, vector_of(20, seed), options));
      expect_equal(found.size(), 50U);
      expect(std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                        [](const engine::Hit& a, const engine::Hit& b) {
                          return a.id_text == b.id_text && a.score == b.score &&
                                 a.distance == b.distance && a.metadata == b.metadata &&
                                 a.vector == b.vector;
                        }));
    }
  }
});

const Test kView("in_memory_test", "a vector is aligned, and a view of it to be copied", [] {
  for (const std::uint32_t dimension : {3U, 1024U}) {
    const auto store = in_memory(small_request(dimension));
    Ids ids(IdType::int64);
    for (std::uint64_t id = 0; id < 100; ++id) {
      (void)take(store->append(Group(ids).put(id, vector_of(dimension, id))));
    }
    expect_ok(store->flush());
    for (std::uint64_t id = 0; id < 100; ++id) {
      const engine::View view = take(store->read().view(ids(id)));
      expect(view.mapped == nullptr);
      expect(Vector(view.vector, view.vector + dimension) == vector_of(dimension, id));
      const auto address = reinterpret_cast<std::uintptr_t>(take(store->read().vector(ids(id))));
      expect_equal(address % 64, 0U);
    }
    expect(take(store->read().view(ids(100))).vector == nullptr);
  }
});

const Test kAlone("in_memory_test", "stores in memory share nothing, not even under one name", [] {
  auto first = in_memory(small_request(4));
  const auto second = in_memory(small_request(8));
  expect(&*first != &*second);
  expect_equal(first->path(), "name");
  Ids ids(IdType::int64);
  (void)take(first->append(Group(ids).put(1, vector_of(4, 1))));
  (void)take(second->append(Group(ids).put(1, vector_of(8, 2))));
  expect_ok(first.close());
  expect_equal(in_memory(small_request(4))->live(), 0U);
  expect(get(*second, ids(1)) == Stored{vector_of(8, 2), ""});
});

const Test kFlush("in_memory_test", "flushing succeeds, and what was written is durable", [] {
  auto store = in_memory(small_request(4));
  Ids ids(IdType::int64);
  for (std::uint64_t id = 1; id <= 50; ++id) {
    (void)take(store->append(Group(ids).put(id, vector_of(4, id))));
    if (id % 10 != 0) continue;
    expect_ok(id % 20 == 0 ? store->flush() : store->commit(id));
    expect_equal(store->durable_lsn(), id);
  }
  (void)take(store->append(Group(ids).remove(1)));
  expect_equal(take(store->stats()).durable_lsn, 50U);
  expect_ok(store.close());
  expect(!store);
});

const Test kRequests("in_memory_test", "a store in memory must be one that a file could hold", [] {
  const auto code = [](const OpenRequest& request) {
    return engine::open_in_memory("name", request).status().code();
  };
  expect(code(request_for(0)) == Code::invalid_argument);
  expect(code(request_for(format::kMaxDimension + 1)) == Code::invalid_argument);
  expect(code(OpenRequest()) == Code::not_found);
  OpenRequest request = request_for(4);
  request.read_only = true;
  expect(code(request) == Code::not_found);
  request = request_for(65536);
  request.initial_capacity = std::numeric_limits<std::uint32_t>::max();
  expect(code(request) == Code::invalid_argument);
  request = small_request(4, IdType::string);
  request.metric = format::Metric::dot;
  request.has_codes = false;
  request.allow_non_finite = true;
  const format::Schema schema = in_memory(request)->schema();
  expect(schema.dimension == 4 && schema.id_type == IdType::string &&
         schema.metric == format::Metric::dot && !schema.has_codes && schema.allow_non_finite);
});

const Test kExhausted("in_memory_test", "where memory runs out, a group leaves nothing", [] {
  for (std::int64_t nth = 0;; ++nth) {
    auto store = in_memory(small_request(16));
    Ids ids(IdType::int64);
    for (std::uint64_t id = 0; id < 4; ++id) {
      (void)take(store->append(Group(ids).put(id, vector_of(16, id))));
    }
    const auto before = contents(*store);
    Group group(ids);
    for (std::uint64_t id = 0; id < 50; ++id) group.put(id, vector_of(16, 100 + id), "{}");
    Allocations::here = {true, nth};
    const bool appended = store->append(group).ok();
    Allocations::here.fail = false;
    const bool reached = Allocations::here.left < 0;
    if (!appended) expect(contents(*store) == before, std::to_string(nth));
    if (!appended && store->append(group)) expect_equal(contents(*store).size(), 50U);
    if (!reached) {
      expect(appended && nth > 10);
      return;
    }
  }
});

const Test kThreads("in_memory_test", "one writer and readers at once, each with its snapshot", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    OpenRequest request = small_request(20, type);
    request.metric = format::Metric::dot;
    const auto store = in_memory(request);
    run_all(*store, 60);
    expect_equal(contents(*store).size(), 500U);
  }
});

}  // namespace
}  // namespace jvdb::test

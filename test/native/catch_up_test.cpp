// What is written while a database is compacted: all of it is in the new file, however much and
// whatever fails.
#include <algorithm>
#include <span>

#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr char kNewPath[] = "db.jvdb.compacting";
constexpr std::uint32_t kDimension = 20;

// A database with something dead in it, and a writer who comes while it is compacted.
class Busy {
 public:
  Busy() {
    store = create(disk, kPath, schema_of(kDimension, format::IdType::string), 8);
    for (std::uint64_t seed : {0, 100}) {
      for (std::uint64_t id = 0; id < 10; ++id) {
        (void)take(store->append(Group(ids_).put(id, vector_of(kDimension, seed + id), "{}")));
      }
    }
    expect_ok(store->flush());
    disk.hooks().before_change = [this] { come(3); };
  }

  static constexpr std::uint64_t kBegins = 1000;  // the id that the writer puts first

  // Writes `count` vectors, each on its own, and removes the first of them.
  void write(std::uint64_t first, std::uint64_t count) {
    came = writing = true;
    for (std::uint64_t id = first; id < first + count; ++id) {
      (void)take(store->append(Group(ids_).put(id, vector_of(kDimension, id), R"({"m":1})")));
    }
    (void)take(store->append(Group(ids_).remove(first)));
    expected = contents(*store);
    last_lsn = store->last_lsn();
    writing = false;
  }
  // Once the new file has more than its head.
  void come(std::uint64_t count) {
    if (came) return;
    writing = true;
    const auto made = disk.stat(kNewPath);
    writing = false;
    if (made && made->size > sizeof(format::Head)) write(kBegins, count);
  }
  void expect_whole() {
    expect(contents(*store) == expected);
    expect_equal(store->last_lsn(), last_lsn);
    engine::Job job;
    expect_equal(take(store->verify(true, job)).error_count, 0U);
    expect(contents(*open(disk, kPath, {true, {}, {}})) == expected);
  }

  SimFileSystem disk;
  std::unique_ptr<Store> store;
  std::map<std::string, Stored> expected;
  std::uint64_t last_lsn = 0;
  bool came = false;
  bool writing = false;  // the writer is at it: nothing fails then

 private:
  Ids ids_{format::IdType::string};
};

const Test kTaken("catch_up_test", "what is written meanwhile is taken over, removals too", [] {
  Busy at;
  expect(take(compact(at.disk, *at.store)).compacted);
  expect_equal(at.last_lsn, 24U);
  at.expect_whole();
  expect_code(at.disk.stat(kNewPath).status(), Code::not_found);
  expect_equal(at.store->durable_lsn(), at.last_lsn);
  expect(contents(*open(*at.disk.power_cut({}), kPath)) == at.expected);
  // One by one, with their LSNs.
  expect(lsns_since(*at.store, 20) == std::vector<std::uint64_t>{21, 22, 23, 24});
});

// Syncs of a compaction beside a writer who writes so many vectors at first, and in each sync
// again.
int syncs_beside(std::uint64_t first, const std::vector<std::uint64_t>& then) {
  Busy at;
  std::uint64_t next = Busy::kBegins + first;
  std::uint64_t groups = 1;
  at.disk.hooks().before_change = [&] { at.come(first); };
  std::size_t syncs = 0;
  at.disk.hooks().during_sync = [&] {
    const std::size_t now = syncs++;
    if (now >= then.size()) return;
    at.write(next, then[now]);
    next += then[now];
    ++groups;
  };
  expect(take(compact(at.disk, *at.store)).compacted);
  expect_equal(at.last_lsn, 20 + (next - Busy::kBegins) + groups);
  at.expect_whole();
  return static_cast<int>(syncs);
}

const Test kSlower("catch_up_test", "a slower writer is caught up with before it waits", [] {
  expect_equal(syncs_beside(100, {}), 2);
  expect_equal(syncs_beside(2000, {1000, 500, 100}), 5);
});

const Test kFaster("catch_up_test", "one as fast as the disk waits, or there would be no end", [] {
  expect_equal(syncs_beside(300, {300, 300}), 3);
  expect_equal(syncs_beside(300, {900, 2700}), 3);
  expect_equal(syncs_beside(1000, {990, 980, 970, 960, 950, 940, 930, 920}), 9);
});

const Test kFailures("catch_up_test", "whatever fails, the database has it", [] {
  for (const bool looks : {false, true}) {
    int nth = 0;
    for (bool failed = true; failed; ++nth) {
      Busy at;
      int left = nth;
      const auto fail_call = [&] { return !at.writing && left-- == 0; };
      (looks ? at.disk.hooks().fail_look : at.disk.hooks().fail_change) = fail_call;
      const auto report = compact(at.disk, *at.store);
      at.disk.hooks() = {};
      failed = left < 0;
      if (!at.came) at.write(Busy::kBegins, 3);
      at.expect_whole();
      if (report) continue;
      expect_code(report.status(), Code::io);
      // A name that may not be for good takes no more writes; else nothing is in the way.
      const auto again = compact(at.disk, *at.store);
      if (again || again.status().code() != Code::io) expect(take(again).compacted);
      at.expect_whole();
    }
    expect(nth > 10, std::to_string(nth));
  }
});

const Test kLost("catch_up_test", "a new file that does not keep what it is given", [] {
  Busy at;
  const Vector vector = vector_of(kDimension, Busy::kBegins + 1);
  const auto wanted = std::as_bytes(std::span(vector));
  bool damaged = false;
  at.disk.hooks().before_read = [&](std::uint64_t) {
    if (damaged || !at.disk.stat(kNewPath)) return;
    const auto bytes = at.disk.bytes(kNewPath);
    const auto found = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
    if (found == bytes.end()) return;
    at.disk.damage(kNewPath, static_cast<std::uint64_t>(found - bytes.begin()), std::byte{0x11});
    damaged = true;
  };
  const auto report = compact(at.disk, *at.store);
  at.disk.hooks() = {};
  expect(damaged);
  expect_code(report.status(), Code::io);
  expect(report.status().message().find("lacks what was written") != std::string_view::npos,
         std::string(report.status().message()));
  expect_code(at.disk.stat(kNewPath).status(), Code::not_found);
  at.expect_whole();
  expect(take(compact(at.disk, *at.store)).compacted);
  at.expect_whole();
});

}  // namespace
}  // namespace jvdb::test

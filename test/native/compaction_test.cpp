// Compaction (rule 13): nothing is lost, nobody is disturbed, and the space comes back.
#include <atomic>
#include <mutex>
#include <thread>

#include "check.h"
#include "engine/changes.h"
#include "engine/in_memory.h"
#include "engine/registry.h"
#include "passing_disk.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using engine::Registry;
using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 20;

std::string metadata_of(std::uint64_t id) {
  return id % 3 == 0 ? "" : R"({"n":)" + std::to_string(id) + "}";
}

// Ids 0 to 99, of which most were replaced or removed.
void fill(Store& store, Ids& ids) {
  Group all(ids);
  for (std::uint64_t id = 0; id < 100; ++id) {
    all.put(id, vector_of(kDimension, id), metadata_of(id));
  }
  (void)take(store.append(all));
  for (std::uint64_t id = 0; id < 100; ++id) {
    if (id % 10 == 0) continue;
    if (id % 10 == 1) {
      (void)take(store.append(Group(ids).remove(id)));
    } else {
      (void)take(
          store.append(Group(ids).put(id, vector_of(kDimension, 1000 + id), metadata_of(id + 1))));
    }
  }
}

struct Times {
  std::uint64_t created;
  std::uint64_t updated;
  bool operator==(const Times&) const = default;
};

std::vector<Times> times_of(const Store& store) {
  std::vector<Times> out;
  const auto snapshot = store.snapshot();
  for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
    const auto entry = take(snapshot->entry(*slot, 0));
    out.push_back({entry.created_us, entry.updated_us});
  }
  return out;
}

const Test kKept("compaction_test", "what lives keeps its content, order, LSNs and times", [] {
  for (const auto type : {format::IdType::int64, format::IdType::string}) {
    for (const bool codes : {true, false}) {
      SimFileSystem disk;
      Ids ids(type);
      format::Schema schema = schema_of(kDimension, type);
      schema.has_codes = codes;
      const auto store = create(disk, kPath, schema, 8);
      fill(*store, ids);
      const auto expected = contents(*store);
      const auto times = times_of(*store);
      const std::uint64_t lsn = store->last_lsn();
      const auto before = take(store->stats());
      const auto report = take(compact(disk, *store));
      expect(report.compacted);
      expect_equal(report.live, 90U);
      expect_equal(report.dead, before.dead);
      expect(report.bytes_after < report.bytes_before);
      const auto check = [&](const Store& now) {
        expect_equal(now.last_lsn(), lsn);
        expect_equal(take(now.stats()).dead, 0U);
        expect(contents(now) == expected);
        expect(times_of(now) == times);
        expect_equal(lsns_since(now, 0).size(), 90U);
        expect(lsns_since(now, lsn).empty());
        expect_equal(take(search(now, vector_of(kDimension, 1002), best(1)))[0].score, 1.0);
      };
      check(*store);
      expect_equal(store->durable_lsn(), lsn);
      check(*test::open(*disk.power_cut({}), kPath));
      expect_equal(take(store->append(Group(ids).put(500, vector_of(kDimension, 1)))).lsn, lsn + 1);
      expect(lsns_since(*store, lsn) == std::vector<std::uint64_t>{lsn + 1});
      const auto snapshot = store->snapshot();
      expect_code(engine::Changes::since(*snapshot, lsn - 1).status(), Code::not_found);
    }
  }
});

const Test kClock("compaction_test", "times go on behind that of a removal that was dropped", [] {
  SimFileSystem disk;
  Ids ids(format::IdType::int64);
  std::uint64_t last = 0;
  {
    const auto store = create(disk, kPath, schema_of(kDimension));
    (void)take(store->append(Group(ids).put(1, vector_of(kDimension, 1))));
    (void)take(store->append(Group(ids).remove(1)));
    const auto snapshot = store->snapshot();
    last = snapshot->time_at(2);
    (void)take(compact(disk, *store));
    expect_equal(store->snapshot()->time_at(2), last);
  }
  const auto store = open(disk, kPath);
  expect_equal(store->live(), 0U);
  expect_equal(store->last_lsn(), 2U);
  expect_equal(store->snapshot()->time_at(2), last);
  (void)take(store->append(Group(ids).put(1, vector_of(kDimension, 1))));
  expect(take(store->read().get(ids(1), 0))->updated_us > last);
});

const Test kAgain("compaction_test", "again and again, and not where nothing is dead", [] {
  SimFileSystem disk;
  Ids ids(format::IdType::string);
  const auto store = create(disk, kPath, schema_of(kDimension, format::IdType::string));
  expect(!take(compact(disk, *store)).compacted);
  for (std::uint64_t round = 0; round < 5; ++round) {
    fill(*store, ids);
    const auto expected = contents(*store);
    expect(take(compact(disk, *store)).compacted);
    expect(contents(*store) == expected);
    expect(!take(compact(disk, *store)).compacted);
  }
  const auto expected = contents(*store);
  expect(contents(*open(*disk.power_cut({}), kPath)) == expected);
  expect_equal(take(store->stats()).dead, 0U);
});

// What is left of a directory's names, and whether its database is whole.
void expect_untouched(SimFileSystem& disk, Store& store,
                      const std::map<std::string, Stored>& expected) {
  expect(contents(store) == expected);
  expect_code(disk.stat("db.jvdb.compacting").status(), Code::not_found);
  expect(contents(*open(*disk.power_cut({}), kPath)) == expected);
}

const Test kFailures("compaction_test", "whatever fails, the database is as it was", [] {
  for (int nth = 1, failed = 1; failed != 0; ++nth) {
    SimFileSystem disk;
    Ids ids(format::IdType::string);
    const auto store = create(disk, kPath, schema_of(kDimension, format::IdType::string), 8);
    fill(*store, ids);
    expect_ok(store->flush());
    const auto expected = contents(*store);
    int left = nth;
    disk.hooks().fail_change = [&] { return --left == 0; };
    const auto report = compact(disk, *store);
    disk.hooks().fail_change = nullptr;
    failed = left > 0 ? 0 : 1;
    if (report) continue;  // what failed is of no consequence
    const Code code = report.status().code();
    expect(code == Code::io || code == Code::no_space, std::string(report.status().message()));
    expect_untouched(disk, *store, expected);
    // The directory's sync may be what failed: then the name is not certain, and nothing is taken.
    const auto again = store->append(Group(ids).put(5, vector_of(kDimension, 5)));
    if (again) {
      expect(take(compact(disk, *store)).compacted);
    } else {
      expect_code(again.status(), Code::io);
    }
  }
});

const Test kAborted("compaction_test", "it can be given up at any time", [] {
  for (int nth = 1, done = 0; done == 0; ++nth) {
    SimFileSystem disk;
    Ids ids(format::IdType::int64);
    const auto store = create(disk, kPath, schema_of(kDimension));
    fill(*store, ids);
    const auto expected = contents(*store);
    engine::Job job;
    int left = nth;
    disk.hooks().before_change = [&] {
      if (--left == 0) job.cancelled = true;
    };
    const auto report = compact(disk, *store, job);
    disk.hooks().before_change = nullptr;
    if (report) {
      done = 1;
      expect_equal(job.done.load(), job.total.load());
    } else {
      expect_code(report.status(), Code::aborted);
    }
    expect_untouched(disk, *store, expected);
  }
});

const Test kDamaged("compaction_test", "a damaged database is refused, and stays as it is", [] {
  SimFileSystem disk;
  Ids ids(format::IdType::int64);
  const auto schema = schema_of(kDimension);
  {
    const auto store = create(disk, kPath, schema, 128);
    fill(*store, ids);
    expect_ok(store->close());
  }
  const auto first =
      *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(128));
  disk.damage(kPath, first.vectors_offset + 3, std::byte{0x55});  // of id 0, which lives
  const auto store = open(disk, kPath);
  expect_code(compact(disk, *store).status(), Code::corrupt);
  expect_code(disk.stat("db.jvdb.compacting").status(), Code::not_found);
  expect(take(store->read().has(ids(5))));
});

void compact_beside_everything(os::FileSystem& files) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(files);
  auto handle = take(registry.open(path, request_for(kDimension)));
  constexpr std::uint64_t each = 60;
  std::atomic<bool> done{false};
  std::mutex mutex;
  std::string problem;
  const auto thread = [&](auto body) {
    return std::thread([&, body] {
      try {
        for (std::uint64_t round = 1; !done; ++round) body(round);
      } catch (const Failure& failure) {
        const std::scoped_lock lock(mutex);
        problem = failure.what();
      }
    });
  };
  // Writer w writes all its ids with the round's number, as one group.
  const auto write = [&](std::uint64_t writer, std::uint64_t round) {
    Ids ids(format::IdType::int64);
    Group group(ids);
    for (std::uint64_t id = 0; id < each; ++id) {
      group.put(writer * 1000 + id, Vector(kDimension, static_cast<float>(round)), "{}");
    }
    (void)take(handle->append(group));
    if (round % 5 == 0) (void)take(handle->append(Group(ids).remove(writer * 1000 + round % each)));
  };
  std::vector<std::thread> threads;
  threads.push_back(thread([&](std::uint64_t round) { write(1, round); }));
  threads.push_back(thread([&](std::uint64_t round) { write(2, round); }));
  threads.push_back(thread([&](std::uint64_t) { expect_ok(handle->flush()); }));
  threads.push_back(thread([&](std::uint64_t) {
    const auto snapshot = handle->snapshot();
    std::map<std::uint64_t, float> rounds;
    for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
      const auto entry = take(snapshot->entry(*slot, Checker::vector | Checker::heap));
      const auto [at, added] = rounds.emplace(entry.id.number / 1000, entry.vector[0]);
      expect_equal(at->second, entry.vector[0]);
    }
    (void)take(search(*handle, Vector(kDimension, 1.0F), best(3)));
    const Store::Reader reader = handle->read();
    const auto vector = take(reader.vector({1001, {}}));
    if (vector != nullptr) expect_equal(vector[0], vector[kDimension - 1]);
  }));
  for (int round = 0; round < 30; ++round) {
    engine::Job job;
    (void)take(handle.compact(job));
  }
  done = true;
  for (std::thread& one : threads) one.join();
  expect(problem.empty(), problem);
  const auto expected = contents(*handle);
  expect_ok(handle.close());
  handle = take(registry.open(path, request_for(kDimension)));
  expect(contents(*handle) == expected);
}

const Test kWriters("compaction_test", "beside writers, readers, searches and flushes",
                    [] { compact_beside_everything(os::disk()); });

const Test kMindful("compaction_test", "the same where no file that is mapped is replaced", [] {
  MindfulDisk disk;
  compact_beside_everything(disk);
});

const Test kMemory("compaction_test", "a store in memory", [] {
  engine::OpenRequest request = request_for(kDimension);
  auto handle = take(engine::open_in_memory("memory", request));
  Ids ids(format::IdType::int64);
  fill(*handle, ids);
  const auto expected = contents(*handle);
  engine::Job job;
  const auto report = take(handle.compact(job));
  expect(report.compacted && report.bytes_after < report.bytes_before);
  expect(contents(*handle) == expected);
});

const Test kLeftover("compaction_test", "what a crash left is removed, and nothing else", [] {
  const std::string leftover = "db.jvdb.compacting";
  SimFileSystem disk;
  Registry registry(disk);
  Ids ids(format::IdType::int64);
  engine::Job job;
  {
    auto handle = take(registry.open(kPath, request_for(kDimension)));
    fill(*handle, ids);
  }
  // Another database of that name stays, and no compaction begins.
  expect_ok(engine::create_file(disk, leftover, schema_of(3), 8));
  {
    auto handle = take(registry.open(kPath, request_for(kDimension)));
    expect_code(handle.compact(job).status(), Code::exists);
  }
  expect_ok(disk.stat(leftover).status());
  expect_ok(disk.remove(leftover));
  // One that was cut off at any change goes at the next opening for writing.
  for (int nth = 1;; ++nth) {
    std::unique_ptr<SimFileSystem> image;
    auto handle = take(registry.open(kPath, request_for(kDimension)));
    (void)take(handle->append(
        Group(ids).put(5, vector_of(kDimension, 1)).put(5, vector_of(kDimension, 2))));
    int left = nth;
    disk.hooks().before_change = [&] {
      if (--left == 0) image = disk.power_cut({});
    };
    (void)take(handle.compact(job));
    disk.hooks().before_change = nullptr;
    if (!image) break;
    Registry other(*image);
    (void)take(other.open(kPath, request_for(kDimension)));
    expect_code(image->stat(leftover).status(), Code::not_found);
  }
});

}  // namespace
}  // namespace jvdb::test

// When there is no compacting: nothing of the database or beside it changes, and the message says
// why.
#include <filesystem>
#include <thread>
#include <utility>

#include "check.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::CompactReport;
using engine::Registry;
using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr char kNewPath[] = "db.jvdb.compacting";
constexpr std::uint32_t kDimension = 4;

void expect_refused(const Result<CompactReport>& report, Code code, std::string_view says) {
  expect_code(report.status(), code);
  expect(report.status().message().find(says) != std::string_view::npos,
         std::string(report.status().message()));
}

// Ids 0 to 9, each put twice.
void put_twice(Store& store, Ids& ids) {
  for (std::uint64_t seed : {0, 100}) {
    for (std::uint64_t id = 0; id < 10; ++id) {
      (void)take(store.append(Group(ids).put(id, vector_of(kDimension, seed + id), "{}")));
    }
  }
}

// A database with something dead in it.
struct Filled {
  Filled() {
    store = create(disk, kPath, schema_of(kDimension));
    put_twice(*store, ids);
    expect_ok(store->flush());
    expected = contents(*store);
  }
  void expect_whole() {
    expect(contents(*store) == expected);
    expect(take(compact(disk, *store)).compacted);
    expect(contents(*store) == expected);
    expect_code(disk.stat(kNewPath).status(), Code::not_found);
    expect(contents(*open(*disk.power_cut({}), kPath)) == expected);
  }

  SimFileSystem disk;
  Ids ids{format::IdType::int64};
  std::unique_ptr<Store> store;
  std::map<std::string, Stored> expected;
};

const Test kReadOnly("compaction_refused_test", "a store that was opened for reading", [] {
  Filled at;
  const auto reader = open(at.disk, kPath, {true, {}, {}});
  expect_refused(compact(at.disk, *reader), Code::read_only, "readOnly: true");
  const auto appended = reader->append(Group(at.ids).remove(1));
  expect_code(appended.status(), Code::read_only);
  for (const Status& nothing : {reader->flush(), reader->commit(1), reader->close()}) {
    expect_ok(nothing);
  }
  at.expect_whole();
});

const Test kHandle("compaction_refused_test", "a handle for reading, beside one that may write",
                   [] {
                     SimFileSystem disk;
                     engine::Registry registry(disk);
                     const auto writer = take(registry.open(kPath, request_for(kDimension)));
                     engine::OpenRequest request = request_for(kDimension);
                     request.read_only = true;
                     const auto reader = take(registry.open(kPath, request));
                     engine::Job job;
                     expect_code(reader.compact(job).status(), Code::read_only);
                     expect_ok(writer.compact(job).status());
                   });

const Test kTwice("compaction_refused_test", "while another is under way", [] {
  Filled at;
  Status second;
  bool begun = false;
  at.disk.hooks().before_change = [&] {
    if (std::exchange(begun, true)) return;
    std::thread([&] { second = compact(at.disk, *at.store).status(); }).join();
  };
  expect(take(compact(at.disk, *at.store)).compacted);
  at.disk.hooks().before_change = nullptr;
  expect_code(second, Code::conflict);
  expect(second.message().find("is being compacted already") != std::string_view::npos);
  (void)take(at.store->append(Group(at.ids).put(1, vector_of(kDimension, 500))));
  at.expected["1"] = {vector_of(kDimension, 500), ""};
  at.expect_whole();
});

const Test kMoved("compaction_refused_test", "a path that leads to another file, or to none", [] {
  Filled at;
  expect_ok(at.disk.rename_new(kPath, "moved"));
  expect_refused(compact(at.disk, *at.store), Code::not_found, kPath);
  expect_ok(engine::create_file(at.disk, kPath, schema_of(3), 8));
  const auto other = at.disk.bytes(kPath);
  expect_refused(compact(at.disk, *at.store), Code::conflict, "is another file by now");
  expect(at.disk.bytes(kPath) == other);
  expect_ok(at.disk.remove(kPath));
  expect_ok(at.disk.rename_new("moved", kPath));
  at.expect_whole();
});

const Test kLinks("compaction_refused_test", "a file with another name", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const std::string other = directory.path() + "/other.jvdb";
  Ids ids(format::IdType::int64);
  expect_ok(engine::create_file(os::disk(), path, schema_of(kDimension), 16));
  std::filesystem::create_hard_link(path, other);
  auto store = open(os::disk(), path);
  put_twice(*store, ids);
  expect_refused(compact(os::disk(), *store), Code::conflict, "has 2 names");
  expect_code(os::disk().stat(path + ".compacting").status(), Code::not_found);
  store.reset();  // Wine removes a name once nobody holds a lock of the file
  expect_ok(os::disk().remove(other));
  store = open(os::disk(), path);
  expect(take(compact(os::disk(), *store)).compacted);
  expect_equal(store->live(), 10U);
});

const Test kRemoved("compaction_refused_test", "a database that is removed meanwhile", [] {
  SimFileSystem disk;
  Registry registry(disk);
  Ids ids(format::IdType::int64);
  auto handle = take(registry.open(kPath, request_for(kDimension)));
  put_twice(*handle, ids);
  const auto expected = contents(*handle);
  bool removed = false;
  disk.hooks().before_change = [&] {
    if (std::exchange(removed, true)) return;
    expect_ok(registry.remove(kPath));
  };
  engine::Job job;
  const auto report = handle.compact(job);
  expect(removed);
  expect_refused(report, Code::not_found, "was deleted");
  expect_code(disk.stat(kPath).status(), Code::not_found);
  expect_code(disk.stat(kNewPath).status(), Code::not_found);
  expect(contents(*handle) == expected);
  expect_ok(handle.close());
});

const Test kFailed("compaction_refused_test", "a store whose sync failed; it can be backed up", [] {
  Filled at;
  (void)take(at.store->append(Group(at.ids).remove(3)));
  at.expected.erase("3");
  at.disk.hooks().fail_sync = [] { return true; };
  engine::Job job;
  expect_code(at.store->backup(at.disk, "copy", std::nullopt, job).status(), Code::io);
  at.disk.hooks().fail_sync = nullptr;
  expect_code(at.disk.stat("copy").status(), Code::not_found);
  expect_refused(compact(at.disk, *at.store), Code::io, "injected: sync failed");
  expect_code(at.disk.stat(kNewPath).status(), Code::not_found);
  const auto report = take(at.store->backup(at.disk, "copy", std::nullopt, job));
  expect_equal(report.last_lsn, 21U);
  expect(contents(*open(*at.disk.power_cut({}), "copy")) == at.expected);
});

const Test kInTheWay("compaction_refused_test", "something else where the new file would lie", [] {
  for (const std::size_t size : {std::size_t{5}, sizeof(format::Head), std::size_t{100000}}) {
    Filled at;
    const std::vector<std::byte> other(size, std::byte{0x55});
    expect_ok(take(at.disk.create(kNewPath))->write(0, other.data(), size));
    expect_refused(compact(at.disk, *at.store), Code::exists, kNewPath);
    expect(at.disk.bytes(kNewPath) == other);
    expect_ok(at.disk.remove(kNewPath));
    at.expect_whole();
  }
  // An empty one, or one that begins as this database does, is what was left of another attempt.
  for (const std::size_t size : {std::size_t{0}, sizeof(format::Head)}) {
    Filled at;
    const auto own = at.disk.bytes(kPath);
    const auto file = take(at.disk.create(kNewPath));
    if (size > 0) expect_ok(file->write(0, own.data(), size));
    at.expect_whole();
  }
});

}  // namespace
}  // namespace jvdb::test

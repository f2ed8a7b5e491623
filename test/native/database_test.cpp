// Databases by their names: making and removing them, and flushing all that are open.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <utility>

#include "at_once.h"
#include "check.h"
#include "database_fixture.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

namespace fs = std::filesystem;

using engine::OpenRequest;
using engine::Registry;
using format::IdType;
using format::Metric;

constexpr char kPath[] = "db.jvdb";  // on a simulated disk

const Test kCreate("database_test", "a database that is made opens as what it was asked to be", [] {
  for (int kind = 0; kind < 8; ++kind) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/db.jvdb";
    OpenRequest request = request_for(4);
    request.metric = kind % 2 == 0 ? Metric::dot : Metric::euclidean;
    request.id_type = kind / 2 % 2 == 0 ? IdType::int64 : IdType::string;
    request.has_codes = kind / 4 % 2 == 0;
    request.allow_non_finite = kind % 2 == 0;
    request.initial_capacity = 77;
    Registry registry(os::disk());
    expect_ok(registry.create(path, request));
    expect_equal(names_in(directory), 1U);
    auto handle = take(registry.open(path, existing()));
    const format::Schema& schema = handle->schema();
    expect(schema.dimension == 4 && schema.metric == *request.metric &&
           schema.id_type == *request.id_type && schema.has_codes == *request.has_codes &&
           schema.allow_non_finite == *request.allow_non_finite);
    expect_equal(handle->capacity(), 77U);
    expect_equal(handle->live(), 0U);
    expect(take(handle->stats()).recovery.clean);
    put(*handle, 0, 3);
    const auto before = contents(*handle);
    expect_code(registry.create(path, request), Code::exists);
    expect_ok(handle.close());
    expect_code(registry.create(path, request_for(8)), Code::exists);
    expect(contents(*take(registry.open(path, existing()))) == before);
    expect_equal(names_in(directory), 1U);
  }
});

const Test kNothingMade("database_test", "making a database fails without leaving anything", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  expect_code(registry.create(directory.path() + "/no/db.jvdb", request_for(4)), Code::not_found);
  expect_code(registry.create(path + "/", request_for(4)), Code::invalid_argument);
  expect_code(registry.create(path, OpenRequest()), Code::not_found);
  expect_code(registry.create(path, request_for(0)), Code::invalid_argument);
  expect_code(registry.create(path, request_for(format::kMaxDimension + 1)),
              Code::invalid_argument);
  OpenRequest request = request_for(4);
  request.initial_capacity = ~0U;
  expect_code(registry.create(path, request), Code::invalid_argument);
  expect_equal(names_in(directory), 0U);
  std::ofstream(directory.path() + "/text") << "text";
  expect_code(registry.create(directory.path() + "/text", request_for(4)), Code::exists);
  expect_code(registry.create(directory.path(), request_for(4)), Code::exists);
  expect_equal(names_in(directory), 1U);
  expect_equal(bytes_of(directory.path() + "/text"), "text");
});

const Test kMadeAtOnce("database_test", "of threads that make one database at once, one does", [] {
  for (int round = 0; round < 30; ++round) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/db.jvdb";
    Registry registry(os::disk());
    std::atomic<int> made{0};
    const auto make_it = [&] {
      const Status status = registry.create(path, request_for(4));
      expect_code(status, status ? Code::ok : Code::exists);
      made += status ? 1 : 0;
      expect_ok(registry.open(path, existing(true)).status());
    };
    at_once({make_it, make_it, make_it, make_it});
    expect_equal(made.load(), 1);
    expect_equal(names_in(directory), 1U);
  }
});

const Test kRemove("database_test", "a closed database is removed, whole or damaged", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  for (const std::uintmax_t size : {200000U, 70000U, 100U, 0U}) {
    expect_code(registry.remove(path), Code::not_found);
    if (size == 200000) {
      make(path, 10);
    } else {
      std::ofstream(path) << "text";
      fs::resize_file(path, size);
      expect_code(registry.open(path, existing()).status(), Code::corrupt);
    }
    expect_ok(registry.remove(path));
    expect_equal(names_in(directory), 0U);
    expect_code(registry.open(path, existing()).status(), Code::not_found);
  }
  expect_equal(take(registry.open(path, request_for(4)))->live(), 0U);
  expect_ok(registry.remove(path));
  expect_code(registry.remove(directory.path() + "/no/db.jvdb"), Code::not_found);
  fs::create_directory(directory.path() + "/folder");
  expect_code(registry.remove(directory.path() + "/folder"), Code::invalid_argument);
  expect_equal(names_in(directory), 1U);
});

// Where names change between two calls.
class Shifting final : public os::FileSystem {
 public:
  using FileSystem::open;
  Result<std::unique_ptr<os::File>> open(const std::string& path, os::Access access,
                                         os::Links links) override {
    auto file = files.open(path, access, links);
    if (after_open) std::exchange(after_open, nullptr)();
    return file;
  }
  Result<std::unique_ptr<os::File>> create(const std::string& path) override {
    if (before_create) std::exchange(before_create, nullptr)();
    return files.create(path);
  }
  Result<os::FileInfo> stat(const std::string& path) override {
    if (before_stat) before_stat();
    return files.stat(path);
  }
  Status rename_new(const std::string& from, const std::string& to) override {
    return files.rename_new(from, to);
  }
  Status replace(const std::string& from, const std::string& to) override {
    return files.replace(from, to);
  }
  Status remove(const std::string& path) override { return files.remove(path); }
  Status sync_directory(const std::string& path) override { return files.sync_directory(path); }

  SimFileSystem files;
  std::function<void()> before_stat;
  std::function<void()> before_create;  // once
  std::function<void()> after_open;     // once
};

const Test kWriterElsewhere("database_test", "what another process writes to is not removed", [] {
  SimFileSystem disk;
  expect_ok(engine::create_file(disk, kPath, schema_of(4), 4));
  auto writer = take(disk.open(kPath, os::Access::read_write));
  expect(take(writer->try_lock()));
  Registry registry(disk);
  expect_code(registry.remove(kPath), Code::locked);
  expect_ok(disk.stat(kPath).status());
  writer = nullptr;
  expect_ok(registry.remove(kPath));
  expect_code(disk.stat(kPath).status(), Code::not_found);
});

const Test kReplaced("database_test", "the file that is removed is the one that was locked", [] {
  for (const bool is_open : {false, true}) {
    Shifting disk;
    Registry registry(disk);
    auto handle = take(registry.open(kPath, request_for(4)));
    if (!is_open) expect_ok(handle.close());
    std::unique_ptr<os::File> writer;
    disk.before_stat = [&] {
      disk.before_stat = nullptr;
      expect_ok(engine::create_file(disk.files, "new", schema_of(4), 4));
      writer = take(disk.open("new", os::Access::read_write));
      expect(take(writer->try_lock()));
      expect_ok(disk.files.replace("new", kPath));
    };
    expect_code(registry.remove(kPath), Code::locked);
    expect(writer != nullptr);
    expect_ok(disk.stat(kPath).status());
    if (is_open) expect(!handle->removed());
    // Again and again.
    writer = nullptr;
    disk.before_stat = [&] {
      expect_ok(engine::create_file(disk.files, "new", schema_of(4), 4));
      expect_ok(disk.files.replace("new", kPath));
    };
    expect_code(registry.remove(kPath), Code::locked);
    disk.before_stat = nullptr;
    expect_ok(registry.remove(kPath));
    expect_code(disk.stat(kPath).status(), Code::not_found);
  }
});

const Test kDurable("database_test", "a removed database stays removed after a power cut", [] {
  SimFileSystem disk;
  Registry registry(disk);
  expect_ok(registry.create(kPath, request_for(4)));
  expect_ok(registry.remove(kPath));
  const auto after = disk.power_cut({.name = [](const std::string&, std::size_t) { return 0; }});
  expect_code(after->stat(kPath).status(), Code::not_found);
});

const Test kForgotten("database_test", "a removed database that is open asks no disk any more", [] {
  SimFileSystem disk;
  Registry registry(disk);
  auto handle = take(registry.open(kPath, request_for(4)));
  auto other = take(registry.open(kPath, request_for(4)));
  put(*handle, 0, 10);
  expect(!handle->removed());
  expect_ok(registry.remove(kPath));
  expect(handle->removed());
  expect_equal(contents(*handle).size(), 10U);
  disk.hooks().fail_sync = [] { return true; };
  expect_ok(handle->flush());
  expect_ok(registry.flush_all());
  expect_ok(other.close());
  expect_ok(handle.close());
  disk.hooks().fail_sync = nullptr;
  expect_equal(take(registry.open(kPath, request_for(4)))->live(), 0U);
});

const Test kVanished("database_test", "opening goes on where a name is taken and freed", [] {
  Shifting disk;
  Registry registry(disk);
  disk.before_create = [&] {
    expect_ok(engine::create_file(disk.files, kPath, schema_of(4), 4));
    disk.before_stat = [&] {
      disk.before_stat = nullptr;
      expect_ok(disk.remove(kPath));
    };
  };
  expect_equal(take(registry.open(kPath, request_for(4)))->live(), 0U);
});

const Test kMeanwhile("database_test", "what is removed as it is opened is not opened", [] {
  for (const bool is_open : {false, true}) {
    for (const bool create : {false, true}) {
      Shifting disk;
      Registry registry(disk);
      auto handle = take(registry.open(kPath, request_for(4)));
      put(*handle, 0, 10);
      if (!is_open) expect_ok(handle.close());
      disk.after_open = [&] { expect_ok(registry.remove(kPath)); };
      const auto anew = registry.open(kPath, create ? request_for(4) : existing());
      expect_code(anew.status(), create ? Code::ok : Code::not_found);
      if (create) expect((*anew)->live() == 0 && !(*anew)->removed());
      if (is_open) expect(handle->removed() && handle->live() == 10);
    }
  }
});

const Test kFlushAll("database_test", "what is open for writing is flushed, and stays open", [] {
  const TemporaryDirectory directory;
  const auto path = [&](int i) { return directory.path() + "/" + std::to_string(i) + ".jvdb"; };
  Registry registry(os::disk());
  expect_ok(registry.flush_all());
  std::vector<Registry::Handle> handles;
  for (const int i : {0, 1, 2, 2, 3})
    handles.push_back(take(registry.open(path(i), request_for(4))));
  for (const std::size_t i : {0U, 1U, 2U, 3U}) put(*handles[i], i, i + 7);
  expect_ok(handles[0].close());
  put(*handles[2], 20, 25);
  // What a process left that was killed, opened for reading.
  auto killed = take(registry.open(path(9), request_for(4)));
  put(*killed, 0, 7);
  expect_ok(killed.close(false));
  const auto reader = take(registry.open(path(9), existing(true)));
  const std::string before = bytes_of(path(9));

  expect_equal(handles[1]->durable_lsn(), 0U);
  expect_ok(registry.flush_all());
  for (std::size_t i = 1; i < handles.size(); ++i) {
    expect_equal(handles[i]->durable_lsn(), handles[i]->last_lsn());
  }
  expect_equal(handles[1]->last_lsn(), 7U);
  expect_equal(reader->durable_lsn(), 0U);
  expect(bytes_of(path(9)) == before);

  put(*handles[1], 50, 51);
  expect_equal(handles[1]->durable_lsn(), 7U);
  expect_ok(registry.flush_all());
  for (Registry::Handle& handle : handles) expect_ok(handle.close());
  expect_ok(registry.flush_all());
  // None of them is still open there.
  for (const int i : {1, 2, 3}) {
    const auto again = take(Registry(os::disk()).open(path(i), existing()));
    expect(take(again->stats()).recovery.clean);
  }
});

const Test kFlushFails("database_test", "a store that can't be flushed holds up no other", [] {
  SimFileSystem disk;
  Registry registry(disk);
  std::vector<Registry::Handle> handles;
  for (const char* path : {"a", "b", "c"}) {
    handles.push_back(take(registry.open(path, request_for(4))));
    put(*handles.back(), 0, 2);
  }
  disk.hooks().fail_sync = [&, next = 0]() mutable { return next++ == 1; };
  for (int turn = 0; turn < 2; ++turn) {
    expect_code(registry.flush_all(), Code::io);
    for (const std::size_t i : {0U, 1U, 2U}) {
      expect_equal(handles[i]->durable_lsn() == handles[i]->last_lsn(), i != 1);
    }
    put(*handles[0], 2, 4);
    put(*handles[2], 2, 4);
  }
  for (const std::size_t i : {0U, 1U, 2U}) {
    expect_code(handles[i].close(), i == 1 ? Code::io : Code::ok);
  }
});

const Test kFlushThreads("database_test", "flushing all beside threads that open and close", [] {
  const TemporaryDirectory directory;
  const auto path = [&](int i) { return directory.path() + "/" + std::to_string(i) + ".jvdb"; };
  Registry registry(os::disk());
  std::atomic<int> left{3};
  // Two files each: one of its own, and one that all write to.
  const auto write = [&](int own) {
    for (std::uint64_t turn = 0; turn < 40; ++turn) {
      for (const int i : {own, 0}) {
        auto handle = take(registry.open(path(i), request_for(4)));
        const std::uint64_t id = static_cast<std::uint64_t>(own) * 1000 + turn;
        put(*handle, id, id + 1);
        expect_ok(handle.close());
      }
    }
    --left;
  };
  const auto flush = [&] {
    while (left > 0) expect_ok(registry.flush_all());
  };
  at_once({[&] { write(1); }, [&] { write(2); }, [&] { write(3); }, flush, flush},
          [&] { left = 0; });
  for (const int i : {0, 1, 2, 3}) {
    const auto again = take(Registry(os::disk()).open(path(i), existing()));
    expect(take(again->stats()).recovery.clean);
    expect_equal(contents(*again).size(), i == 0 ? 120U : 40U);
  }
});

}  // namespace
}  // namespace jvdb::test

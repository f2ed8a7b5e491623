// Removing databases that are open in this process. On Windows a file that is mapped can't be.
#include <atomic>
#include <filesystem>

#include "at_once.h"
#include "check.h"
#include "database_fixture.h"
#include "engine/inspect.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Registry;

const Test kOpen("posix_database_test", "whoever has a removed database open keeps it", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto handle = take(registry.open(path, request_for(4)));
  auto second = take(registry.open(path, request_for(4)));
  auto reader = take(registry.open(path, existing(true)));
  put(*handle, 0, 500);
  expect_ok(handle->flush());
  put(*handle, 500, 510);
  const auto before = contents(*handle);
  const auto snapshot = handle->snapshot();
  expect(!handle->removed());

  expect_ok(registry.remove(path));
  expect_equal(names_in(directory), 0U);
  for (const Registry::Handle* each : {&handle, &second, &reader}) {
    expect((*each)->removed());
    expect(contents(**each) == before);
    expect(get(**each, {7, {}}) == Stored{vector_of(4, 7), "{}"});
    expect_equal(take(search(**each, vector_of(4, 7))).front().id_number, 7U);
    expect_ok((*each)->flush());
  }
  expect(snapshot->next(0).has_value());
  expect_code(registry.remove(path), Code::not_found);
  expect_code(registry.open(path, existing()).status(), Code::not_found);
  expect_code(registry.refresh(path, reader).status(), Code::not_found);
  expect_code(engine::inspect(os::disk(), path).status(), Code::not_found);
  expect_ok(registry.flush_all());

  expect_ok(second.close());
  put(*handle, 510, 600);
  expect_equal(contents(*reader).size(), 600U);
  expect_ok(handle.close());
  expect(contents(*reader).size() == 600U);
  expect_equal(names_in(directory), 0U);
});

const Test kAnew("posix_database_test", "a new database under the name of a removed one", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto old = take(registry.open(path, request_for(4)));
  const auto reader = take(registry.open(path, existing(true)));
  put(*old, 0, 10);
  expect_ok(registry.remove(path));
  auto anew = take(registry.open(path, request_for(4)));
  expect(&*anew != &*old);
  expect(old->removed() && !anew->removed());
  expect_equal(anew->live(), 0U);
  put(*anew, 100, 103);
  put(*old, 10, 20);
  expect_equal(old->live(), 20U);
  const auto before = contents(*anew);
  expect_equal(before.size(), 3U);
  // The one that was opened by the name is there still; who looks again finds the other.
  expect_equal(reader->live(), 20U);
  const auto fresh = take(registry.refresh(path, reader));
  expect(fresh && contents(*fresh) == before);

  expect_ok(old.close());
  expect_equal(names_in(directory), 1U);
  expect_ok(registry.flush_all());
  expect_equal(anew->durable_lsn(), 3U);
  expect(contents(*take(registry.open(path, existing()))) == before);
  expect_ok(anew.close());
  expect(contents(*take(Registry(os::disk()).open(path, existing(true)))) == before);
  expect_ok(registry.remove(path));
  expect_equal(names_in(directory), 0U);
});

const Test kSecondName("posix_database_test", "a database with another name goes on", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const std::string other = directory.path() + "/other.jvdb";
  Registry registry(os::disk());
  auto handle = take(registry.open(path, request_for(4)));
  put(*handle, 0, 10);
  std::filesystem::create_hard_link(path, other);
  expect_ok(registry.remove(path));
  expect(!handle->removed());
  put(*handle, 10, 20);
  expect_ok(handle.close());
  handle = take(registry.open(other, existing()));
  expect(take(handle->stats()).recovery.clean);
  expect_equal(handle->live(), 20U);
  expect_ok(registry.remove(other));
  expect(handle->removed());
});

const Test kReader("posix_database_test", "a reader can tell that its file was removed", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  make(path, 3);
  Registry registry(os::disk());
  const auto reader = take(registry.open(path, existing(true)));
  expect_ok(registry.remove(path));
  expect(reader->removed());
  expect_equal(contents(*reader).size(), 3U);
});

const Test kThreads("posix_database_test", "removing beside threads that open, write and make", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  std::atomic<int> left{3};
  const auto check = [](const Status& status, Code other) {
    if (status.code() != other) expect_ok(status);
  };
  const auto write = [&](std::uint64_t first, const engine::OpenRequest& request) {
    for (int turn = 0; turn < 60; ++turn) {
      auto handle = registry.open(path, request);
      check(handle.status(), Code::not_found);
      if (!handle) continue;
      put(**handle, first, first + 3);
      for (std::uint64_t id = first; id < first + 3; ++id) {
        expect(get(**handle, {id, {}}) == Stored{vector_of(4, id), "{}"});
      }
      expect_ok(handle->close());
    }
    --left;
  };
  const auto read = [&] {
    while (left > 0) {
      auto handle = registry.open(path, existing(true));
      check(handle.status(), Code::not_found);
      if (handle) (void)take((*handle)->read().get({1, {}}, engine::Checker::heap));
    }
  };
  const auto create = [&] {
    while (left > 0) check(registry.create(path, request_for(4)), Code::exists);
  };
  const auto remove = [&] {
    while (left > 0) check(registry.remove(path), Code::not_found);
  };
  const auto others = [&] {
    while (left > 0) {
      expect_ok(registry.flush_all());
      check(engine::inspect(os::disk(), path).status(), Code::not_found);
    }
  };
  at_once({[&] { write(0, request_for(4)); }, [&] { write(10, request_for(4)); },
           [&] { write(20, existing()); }, read, create, remove, remove, others},
          [&] { left = 0; });
  check(registry.remove(path), Code::not_found);
  expect_equal(names_in(directory), 0U);
});

}  // namespace
}  // namespace jvdb::test

// fork() without exec: the child shares the lock of the parent and none of its threads, so nothing
// of the parent's stores may be used there.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <utility>

#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Registry;

// What `body` says in a child that never execs.
bool in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = false;
    try {
      good = body();
    } catch (...) {
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  expect(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const Test kChild("fork_test", "a child is refused, and does the parent no harm", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto store = take(registry.open(path, request_for(4)));
  Ids ids(format::IdType::int64);
  (void)take(store->append(Group(ids).put(1, vector_of(4, 1))));

  engine::Job job;
  const auto forked = [](const Status& status) { return status.code() == Code::forked; };
  expect(in_child([&] {
    return forked(store->append(Group(ids).put(2, vector_of(4, 2))).status()) &&
           forked(store->read().has(ids(1)).status()) &&
           forked(store->read().vector(ids(1)).status()) &&
           forked(store->read().view(ids(1)).status()) &&
           forked(store->read().get(ids(1), 0).status()) &&
           forked(search(*store, vector_of(4, 1)).status()) && forked(store->stats().status()) &&
           forked(store->flush()) && forked(store->commit(1)) &&
           forked(store.compact(job).status()) &&
           forked(store->backup(os::disk(), path + ".copy", std::nullopt, job).status()) &&
           forked(registry.refresh(path, store).status()) &&
           forked(registry.open(path, request_for(4)).status()) && forked(registry.remove(path)) &&
           registry.flush_all().ok() &&
           forked(registry.open(directory.path() + "/other.jvdb", request_for(4)).status()) &&
           forked(store.close());
  }));

  (void)take(store->append(Group(ids).put(3, vector_of(4, 3))));
  expect_ok(store.close());
  const auto again = take(registry.open(path, request_for(4)));
  expect_equal(again->live(), std::uint64_t{2});
  expect_equal(again->last_lsn(), std::uint64_t{2});
});

const Test kLock("fork_test", "a child that lives on does not keep the lock", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto store = take(registry.open(path, request_for(4)));
  int pipe[2];
  expect(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[1]);
    char byte = 0;
    ::_exit(::read(pipe[0], &byte, 1) == 0 ? 0 : 1);  // until the parent closes its end
  }
  expect_ok(store.close());
  Registry other(os::disk());
  const auto status = other.open(path, request_for(4)).status();
  ::close(pipe[0]);
  ::close(pipe[1]);
  int ended = 0;
  expect(::waitpid(child, &ended, 0) == child && WIFEXITED(ended));
  expect_ok(status);
});

const Test kKept("fork_test", "nor does a child that closes the file give the lock back", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  auto parent = take(os::disk().create(path));
  expect(take(parent->try_lock()));
  expect(in_child([&] {
    parent = nullptr;
    return true;
  }));
  const auto other = take(os::disk().open(path, os::Access::read_write));
  expect(!take(other->try_lock()), "the lock is free");
  parent = nullptr;
  expect(take(other->try_lock()), "the lock is still taken");
});

}  // namespace
}  // namespace jvdb::test

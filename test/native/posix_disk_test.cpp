// What a POSIX system adds: a lock held by another process, symbolic links, pipes and devices,
// modes and holes.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "check.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::OpenRequest;
using engine::Registry;

const Test kShared("posix_disk_test", "a symbolic link shares the engine of its file", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto first = take(registry.open(path, request_for(4)));
  std::filesystem::create_symlink(path, directory.path() + "/link.jvdb");
  auto other = take(registry.open(directory.path() + "/link.jvdb", request_for(4)));
  expect(&*other == &*first);
});

const Test kLocked("posix_disk_test", "a file open for writing in another process is locked", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  {
    (void)create(os::disk(), path, schema_of(4));
  }
  std::array<int, 2> ready;
  std::array<int, 2> done;
  expect(::pipe(ready.data()) == 0 && ::pipe(done.data()) == 0);
  const pid_t child = ::fork();
  char byte = 0;
  if (child == 0) {
    Registry registry(os::disk());
    auto handle = registry.open(path, request_for(4));
    byte = handle ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(done[0], &byte, 1);
    ::_exit(0);
  }
  expect(::read(ready[0], &byte, 1) == 1 && byte == 'y');
  Registry registry(os::disk());
  expect_code(registry.open(path, request_for(4)).status(), Code::locked);
  OpenRequest reader = request_for(4);
  reader.read_only = true;
  expect_equal(take(registry.open(path, reader))->live(), 0U);
  expect(::write(done[1], &byte, 1) == 1);
  expect(::waitpid(child, nullptr, 0) == child);
  (void)take(registry.open(path, request_for(4)));
  for (const int descriptor : {ready[0], ready[1], done[0], done[1]}) ::close(descriptor);
});

const Test kPaths("posix_disk_test", "pipes, devices, circles of links and long names", [] {
  const TemporaryDirectory directory;
  Registry registry(os::disk());
  const std::string pipe = directory.path() + "/pipe";
  expect(::mkfifo(pipe.c_str(), 0600) == 0);
  expect_code(registry.open(pipe, request_for(4)).status(), Code::invalid_argument);
  expect_code(registry.open("/dev/null", request_for(4)).status(), Code::invalid_argument);
  const std::string loop = directory.path() + "/loop";
  std::filesystem::create_symlink(loop, loop);
  expect_code(registry.open(loop, request_for(4)).status(), Code::invalid_argument);
  const std::string name = directory.path() + "/" + std::string(300, 'x');
  expect_code(registry.open(name, request_for(4)).status(), Code::invalid_argument);
});

const Test kPrivate("posix_disk_test", "a new file is its owner's only, and takes little disk", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const auto store = create(os::disk(), path, schema_of(768), 100000);
  struct ::stat found{};
  expect(::stat(path.c_str(), &found) == 0);
  expect_equal(found.st_mode & 0777U, 0600U);
  expect(found.st_blocks * 512 < 100000);
});

const Test kSpace("posix_disk_test",
                  "closing gives unused space back, and the next writer takes it again", [] {
                    const TemporaryDirectory directory;
                    const std::string path = directory.path() + "/db.jvdb";
                    const auto allocated = [&] { return take(os::disk().stat(path)).allocated; };
                    Ids ids(format::IdType::int64);
                    std::map<std::string, Stored> before;
                    for (std::uint64_t round = 0; round < 3; ++round) {
                      const auto store = round == 0
                                             ? create(os::disk(), path, schema_of(768), 20000)
                                             : open(os::disk(), path);
                      for (std::uint64_t i = 0; i < 10; ++i) {
                        (void)take(store->append(
                            Group(ids).put(round * 10 + i, vector_of(768, i), R"({"x":1})")));
                      }
                      expect(allocated() > 20000U * 3072);
                      before = contents(*store);
                      expect_ok(store->close());
                      expect(allocated() < 1000000);
                    }
                    expect(contents(*open(os::disk(), path)) == before);
                  });

}  // namespace
}  // namespace jvdb::test

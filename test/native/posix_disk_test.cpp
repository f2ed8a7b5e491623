// What a POSIX system adds: a lock held by another process, symbolic links, pipes and devices,
// modes and holes.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "check.h"
#include "database_fixture.h"
#include "engine/inspect.h"
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

// Has a database open for writing in another process.
class Elsewhere {
 public:
  explicit Elsewhere(const std::string& path) {
    std::array<int, 2> ready;
    std::array<int, 2> done;
    expect(::pipe(ready.data()) == 0 && ::pipe(done.data()) == 0);
    child_ = ::fork();
    char byte = 0;
    if (child_ == 0) {
      ::close(done[1]);
      Registry registry(os::disk());
      auto handle = registry.open(path, request_for(4));
      byte = handle ? 'y' : 'n';
      (void)!::write(ready[1], &byte, 1);
      (void)!::read(done[0], &byte, 1);  // until the other end is closed
      ::_exit(0);
    }
    end_ = done[1];
    const bool opened = ::read(ready[0], &byte, 1) == 1 && byte == 'y';
    for (const int descriptor : {ready[0], ready[1], done[0]}) ::close(descriptor);
    expect(opened);
  }
  ~Elsewhere() {
    ::close(end_);
    ::waitpid(child_, nullptr, 0);
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

 private:
  pid_t child_;
  int end_ = -1;
};

const Test kLocked("posix_disk_test", "a file open for writing in another process is locked", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  make(path, 3);
  Registry registry(os::disk());
  {
    const Elsewhere writer(path);
    expect_code(registry.open(path, request_for(4)).status(), Code::locked);
    expect_code(registry.remove(path), Code::locked);
    expect_equal(names_in(directory), 1U);
    expect_equal(take(registry.open(path, existing(true)))->live(), 3U);
    expect_equal(take(engine::inspect(os::disk(), path)).live, 3U);
  }
  expect_equal(take(registry.open(path, request_for(4)))->live(), 3U);
  expect_ok(registry.remove(path));
  expect_equal(names_in(directory), 0U);
});

const Test kReadElsewhere("posix_disk_test", "one that another process reads is removed", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  make(path, 3);
  Registry here(os::disk());
  Registry there(os::disk());  // as far apart as processes are
  const auto reader = take(there.open(path, existing(true)));
  expect_ok(here.remove(path));
  expect_equal(names_in(directory), 0U);
  expect_equal(contents(*reader).size(), 3U);
  expect_code(there.refresh(path, reader).status(), Code::not_found);
});

const Test kLinks("posix_disk_test", "symbolic links are followed, or refused if asked", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const std::string link = directory.path() + "/link.jvdb";
  make(path, 3);
  const std::string before = bytes_of(path);
  std::filesystem::create_symlink(path, link);
  Registry registry(os::disk());
  OpenRequest refusing = request_for(4);
  refusing.links = os::Links::refuse;
  for (const os::Access access : {os::Access::read_only, os::Access::read_write}) {
    expect_ok(os::disk().open(link, access).status());
    expect_ok(os::disk().open(path, access, os::Links::refuse).status());
    expect_code(os::disk().open(link, access, os::Links::refuse).status(), Code::invalid_argument);
    refusing.read_only = access == os::Access::read_only;
    const Status refused = registry.open(link, refusing).status();
    expect_code(refused, Code::invalid_argument);
    expect(refused.message().find("it is a symbolic link") != std::string::npos);
    expect_equal(take(registry.open(path, refusing))->live(), 3U);
    expect_equal(take(registry.open(link, existing(refusing.read_only)))->live(), 3U);
  }
  expect_code(engine::inspect(os::disk(), link).status(), Code::invalid_argument);
  expect_equal(take(engine::inspect(os::disk(), path)).live, 3U);
  for (const bool is_open : {true, false}) {
    auto handle = take(registry.open(path, existing()));
    if (!is_open) expect_ok(handle.close());
    expect_code(registry.remove(link), Code::invalid_argument);
    if (is_open) expect(!handle->removed());
  }
  expect_code(registry.create(link, request_for(4)), Code::exists);
  expect(std::filesystem::is_symlink(link));
  expect_equal(names_in(directory), 2U);
  expect(bytes_of(path) == before);
  // Of the last part of a path only.
  const TemporaryDirectory other;
  std::filesystem::create_directory_symlink(directory.path(), other.path() + "/folder");
  expect_equal(take(registry.open(other.path() + "/folder/db.jvdb", refusing))->live(), 3U);
  expect_ok(registry.remove(other.path() + "/folder/db.jvdb"));
  // Now it leads nowhere.
  expect_code(registry.open(link, request_for(4)).status(), Code::invalid_argument);
  refusing.read_only = false;
  expect_code(registry.open(link, refusing).status(), Code::invalid_argument);
  expect_code(registry.remove(link), Code::invalid_argument);
  expect_equal(names_in(directory), 1U);
});

const Test kRefreshed("posix_disk_test", "nor does a reader follow a link when it looks again", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  make(path, 3);
  make(path + "2", 5);
  Registry registry(os::disk());
  OpenRequest request = existing(true);
  const auto following = take(registry.open(path, request));
  request.links = os::Links::refuse;
  const auto refusing = take(registry.open(path, request));
  std::filesystem::rename(path, path + "1");
  std::filesystem::create_symlink(path + "2", path);
  expect_code(registry.refresh(path, refusing).status(), Code::invalid_argument);
  expect_equal(refusing->live(), 3U);
  expect_equal(take(registry.refresh(path, following))->live(), 5U);
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

const Test kHere("posix_disk_test", "a name without a directory lies in the current one", [] {
  const TemporaryDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  {
    Registry registry(os::disk());
    auto handle = take(registry.open("db.jvdb", request_for(4)));
    Ids ids(format::IdType::int64);
    (void)take(
        handle->append(Group(ids).put(1, vector_of(4, 1)).remove(2).put(1, vector_of(4, 2))));
    (void)take(handle->append(Group(ids).put(1, vector_of(4, 3))));
    engine::Job job;
    expect(take(handle.compact(job)).compacted);
    expect_equal(handle->live(), 1U);
  }
  std::filesystem::current_path(before);
  expect(std::filesystem::exists(directory.path() + "/db.jvdb"));
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

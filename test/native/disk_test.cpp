// The engine on the machine's own disk: creating, sharing, locking, giving space back, and the
// failures a path can bring.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "check.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::OpenRequest;
using engine::Registry;

OpenRequest request_for(std::uint32_t dimension) {
  OpenRequest request;
  request.dimension = dimension;
  return request;
}

const Test kShared("disk_test", "handles to one file share its engine, under any of its names", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto first = take(registry.open(path, request_for(4)));
  std::filesystem::create_symlink(path, directory.path() + "/link.jvdb");
  std::filesystem::create_hard_link(path, directory.path() + "/hard.jvdb");
  Ids ids(format::IdType::int64);
  (void)take(first->append(Group(ids).put(1, vector_of(4, 1))));
  for (const char* name : {"/link.jvdb", "/hard.jvdb"}) {
    auto other = take(registry.open(directory.path() + name, request_for(4)));
    expect(&*other == &*first);
    expect(get(*other, {1, {}}).has_value());
  }
  expect_ok(first.close());
  auto again = take(registry.open(path, request_for(4)));
  expect_equal(again->live(), 1U);
  expect(take(again->stats()).recovery.clean);
});

const Test kContradictions("disk_test", "options that contradict the file are refused", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  for (const bool stays_open : {true, false}) {
    auto handle = take(registry.open(path, request_for(4)));
    if (!stays_open) expect_ok(handle.close());
    expect_code(registry.open(path, request_for(5)).status(), Code::dimension_mismatch);
    OpenRequest request = request_for(4);
    request.metric = format::Metric::dot;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.id_type = format::IdType::string;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.has_codes = false;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.allow_non_finite = true;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.metric = format::Metric::cosine;
    (void)take(registry.open(path, request));
  }
});

const Test kTogether("disk_test", "threads that create one file at once all get it", [] {
  for (int round = 0; round < 50; ++round) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/db.jvdb";
    Registry registry(os::disk());
    std::array<Status, 4> outcomes;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int turn = 0; turn < 5 && outcomes[i]; ++turn) {
          auto handle = registry.open(path, request_for(4));
          outcomes[i] = handle.status();
          if (handle) outcomes[i] = handle->close();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Status& outcome : outcomes) expect_ok(outcome);
    std::size_t names = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path()))
      ++names;
    expect_equal(names, 1U);
  }
});

const Test kLocked("disk_test", "a file open for writing in another process is locked", [] {
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

const Test kPaths("disk_test", "paths that lead to no database", [] {
  const TemporaryDirectory directory;
  Registry registry(os::disk());
  const auto code = [&](const std::string& name, bool create = true) {
    OpenRequest request = request_for(4);
    request.create = create;
    return registry.open(directory.path() + name, request).status();
  };
  expect_code(code(""), Code::invalid_argument);
  expect_code(code("/no/such/directory.jvdb"), Code::not_found);
  expect_code(code("/absent.jvdb", false), Code::not_found);
  expect_code(code("/" + std::string(300, 'x')), Code::invalid_argument);
  expect(::mkfifo((directory.path() + "/pipe").c_str(), 0600) == 0);
  expect_code(code("/pipe"), Code::invalid_argument);
  expect_code(registry.open("/dev/null", request_for(4)).status(), Code::invalid_argument);
  std::filesystem::create_symlink(directory.path() + "/loop", directory.path() + "/loop");
  expect_code(code("/loop"), Code::invalid_argument);
  {
    const int file = ::open((directory.path() + "/text").c_str(), O_CREAT | O_WRONLY, 0600);
    const std::string text(100000, 'x');
    expect(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(file);
  }
  expect_code(code("/text"), Code::corrupt);
  expect_equal(std::filesystem::file_size(directory.path() + "/text"), 100000U);
});

const Test kPrivate("disk_test", "a new file is its owner's only, and takes little disk", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const auto store = create(os::disk(), path, schema_of(768), 100000);
  struct ::stat found{};
  expect(::stat(path.c_str(), &found) == 0);
  expect_equal(found.st_mode & 0777U, 0600U);
  expect(found.st_blocks * 512 < 100000);
});

const Test kSpace("disk_test",
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

const Test kCut("disk_test", "a file cut short anywhere is an error, or what is whole", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Ids ids(format::IdType::string);
  const auto store = create(os::disk(), path, schema_of(16, format::IdType::string), 4);
  for (std::uint64_t i = 0; i < 30; ++i)
    (void)take(store->append(Group(ids).put(i, vector_of(16, i))));
  expect_ok(store->flush());
  const auto size = std::filesystem::file_size(path);
  const std::string copy = directory.path() + "/copy.jvdb";
  for (std::uintmax_t cut = 0; cut < size; cut += cut < 70000 ? 511 : 4093) {
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(copy, cut);
    expect_code(try_open(os::disk(), copy).status(), Code::corrupt);
  }
});

}  // namespace
}  // namespace jvdb::test

// What a database says of itself without being opened.
#include <atomic>
#include <filesystem>
#include <fstream>

#include "at_once.h"
#include "check.h"
#include "database_fixture.h"
#include "engine/clock.h"
#include "engine/inspect.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

namespace fs = std::filesystem;

using engine::Inspection;
using engine::OpenRequest;
using engine::Registry;
using format::IdType;
using format::Metric;

constexpr char kPath[] = "db.jvdb";  // on a simulated disk

const Test kInspect("inspect_test", "a file tells what it was at its last flush", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const auto look = [&] { return take(engine::inspect(os::disk(), path)); };
  Registry registry(os::disk());
  OpenRequest request = request_for(4);
  request.metric = Metric::euclidean;
  request.id_type = IdType::string;
  request.has_codes = false;
  request.allow_non_finite = true;
  request.initial_capacity = 4;
  const std::uint64_t began = engine::now_us();
  expect_ok(registry.create(path, request));
  const Inspection made = look();
  expect(made.schema.dimension == 4 && made.schema.metric == Metric::euclidean &&
         made.schema.id_type == IdType::string && !made.schema.has_codes &&
         made.schema.allow_non_finite);
  expect(made.created_us >= began && made.created_us <= engine::now_us());
  expect(made.live == 0 && made.dead == 0 && made.durable_lsn == 0);

  auto handle = take(registry.open(path, existing()));
  put(*handle, 0, 500);
  const Inspection grown = look();
  expect(grown.live == 0 && grown.dead == 0 && grown.durable_lsn == 0);
  expect(grown.file_bytes > made.file_bytes);
  expect_equal(grown.file_bytes, fs::file_size(path));
  expect_equal(grown.allocated_bytes, take(os::disk().stat(path)).allocated);

  Ids ids(IdType::string);
  for (std::uint64_t id = 0; id < 30; ++id) (void)take(handle->append(Group(ids).remove(id)));
  const std::uint64_t flushed = engine::now_us();
  expect_ok(handle->flush());
  put(*handle, 490, 510);
  for (const bool is_open : {true, false}) {
    const Inspection now = look();
    expect_equal(now.live, is_open ? 470U : 480U);
    expect_equal(now.dead, is_open ? 30U : 40U);
    expect_equal(now.durable_lsn, is_open ? 530U : 550U);
    expect(now.durable_time_us >= flushed && now.durable_time_us <= engine::now_us());
    expect_equal(now.created_us, made.created_us);
    if (is_open) expect_ok(handle.close());
  }
});

const Test kInspectBad("inspect_test", "inspecting what is no database, and what is one", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  const auto code = [&] { return engine::inspect(os::disk(), path).status().code(); };
  const auto overwrite = [&](std::uint64_t offset, char value) {
    expect_ok(take(os::disk().open(path, os::Access::read_write))->write(offset, &value, 1));
  };
  expect(code() == Code::not_found);
  fs::create_directory(path);
  expect(code() == Code::invalid_argument);
  fs::remove(path);
  for (const std::size_t size : {0U, 100U, 100000U}) {
    std::ofstream(path, std::ios::binary) << std::string(size, 'x');
    expect(code() == Code::corrupt);
  }
  fs::remove(path);
  // Written to and never closed: it is not recovered, and not locked.
  auto handle = take(Registry(os::disk()).open(path, request_for(4)));
  put(*handle, 0, 10);
  expect_ok(handle.close(false));
  const std::string before = bytes_of(path);
  expect_equal(take(engine::inspect(os::disk(), path)).live, 0U);
  expect(bytes_of(path) == before);
  make(path, 10);
  expect_equal(take(engine::inspect(os::disk(), path)).live, 10U);
  overwrite(format::kFirstExtentOffset + format::kExtentHeaderPage, 'x');  // a record
  expect(code() == Code::ok);
  fs::resize_file(path, fs::file_size(path) - 1);
  expect(code() == Code::corrupt);
  make(path + "2", 1);
  fs::remove(path);
  fs::rename(path + "2", path);
  overwrite(format::kSuperblockOffsets[0], 'x');
  expect(code() == Code::ok);
  overwrite(format::kSuperblockOffsets[1], 'x');
  expect(code() == Code::corrupt);
  overwrite(4, 2);
  overwrite(format::kHeadCopyOffset + 4, 2);
  expect(code() == Code::version);
});

const Test kTorn("inspect_test", "a superblock that is being written is waited for", [] {
  SimFileSystem disk;
  expect_ok(engine::create_file(disk, kPath, schema_of(4), 4));
  const auto place = [&](std::byte change) {
    const std::uint64_t at = format::kSuperblockOffsets[0];
    disk.damage(kPath, at, disk.bytes(kPath)[at] ^ change);
  };
  place(std::byte{1});
  disk.hooks().before_read = [&, reads = 0](std::uint64_t offset) mutable {
    if (offset == format::kSuperblockOffsets[1] && ++reads == 3) place(std::byte{1});
  };
  expect_equal(take(engine::inspect(disk, kPath)).live, 0U);
});

const Test kInspectThreads("inspect_test", "inspecting beside a writer", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  auto handle = take(Registry(os::disk()).open(path, request_for(4)));
  std::atomic<bool> done{false};
  const auto write = [&] {
    for (std::uint64_t round = 0; round < 300; ++round) {
      put(*handle, round * 10, round * 10 + 10);
      expect_ok(handle->flush());
    }
    done = true;
  };
  const auto look = [&] {
    while (!done) {
      const Inspection found = take(engine::inspect(os::disk(), path));
      expect(found.live % 10 == 0 && found.live == found.durable_lsn && found.live <= 3000);
      expect(found.dead == 0 && found.schema.dimension == 4);
    }
  };
  at_once({write, look, look}, [&] { done = true; });
  expect_equal(take(engine::inspect(os::disk(), path)).live, 3000U);
});

}  // namespace
}  // namespace jvdb::test

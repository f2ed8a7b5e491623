// Verification of a file that nobody has open: a database or a part of a backup, measured as it is
// copied, and with whatever is wrong in the report.
#include "engine/verify_file.h"

#include <algorithm>
#include <span>

#include "base/crc32c.h"
#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::FileReport;
using engine::Job;

constexpr char kPath[] = "db.jvdb";
constexpr char kIncrement[] = "increment.jvdb";
constexpr std::uint32_t kDimension = 3;
constexpr std::uint64_t kVectors = 40;
constexpr std::uint64_t kBackedUp = 30;  // LSNs before the increment

// A closed database of kVectors, an LSN each, and an increment with the last of them.
class Scene {
 public:
  Scene() {
    const auto store = create(disk, kPath, schema_of(kDimension), kVectors);
    Ids ids(format::IdType::int64);
    for (std::uint64_t id = 1; id <= kVectors; ++id) {
      (void)take(store->append(Group(ids).put(id, vector_of(kDimension, id), "{}")));
    }
    Job job;
    (void)take(store->backup(disk, kIncrement, kBackedUp, job));
    expect_ok(store->close());
  }
  Result<FileReport> verify(const std::string& path, bool increment = false) {
    Job job;
    auto report = engine::verify_file(disk, path, increment, job);
    if (report && report->report.error_count == 0) expect_equal(job.done.load(), job.total.load());
    return report;
  }
  // What is wrong must not keep the bytes from being measured as they are.
  FileReport measured(const std::string& path, bool increment = false) {
    const FileReport report = take(verify(path, increment));
    const auto bytes = disk.bytes(path);
    expect_equal(report.bytes, bytes.size());
    expect_equal(report.crc, crc32c(bytes.data(), bytes.size()));
    return report;
  }

  // Where the vector of an id begins.
  std::uint64_t vector_in(const std::string& path, std::uint64_t id) const {
    const auto bytes = disk.bytes(path);
    const Vector vector = vector_of(kDimension, id);
    const auto wanted = std::as_bytes(std::span(vector));
    const auto found = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
    expect(found != bytes.end());
    return static_cast<std::uint64_t>(found - bytes.begin());
  }

  SimFileSystem disk;
};

const Test kDatabase("verify_file_test", "a database", [] {
  Scene at;
  const FileReport report = at.measured(kPath);
  expect_equal(report.report.error_count, 0U);
  expect_equal(report.report.live, kVectors);
  expect_equal(report.report.records, kVectors);
  expect_equal(report.report.last_lsn, kVectors);
});

const Test kLarge("verify_file_test", "a file that is read in several pieces", [] {
  constexpr std::uint32_t dimension = 1000;
  SimFileSystem disk;
  Ids ids(format::IdType::int64);
  {
    const auto store = create(disk, kPath, schema_of(dimension), 400);
    Group group(ids);
    for (std::uint64_t id = 0; id < 400; ++id) group.put(id, vector_of(dimension, id));
    (void)take(store->append(group));
    expect_ok(store->close());
  }
  const auto bytes = disk.bytes(kPath);
  expect(bytes.size() > std::size_t{1} << 20 && bytes.size() % (std::size_t{1} << 20) != 0);
  Job job;
  const auto report = take(engine::verify_file(disk, kPath, false, job));
  expect_equal(report.bytes, bytes.size());
  expect_equal(report.crc, crc32c(bytes.data(), bytes.size()));
  expect_equal(report.report.live, 400U);
});

const Test kPart("verify_file_test", "an increment, which is no database, nor the reverse", [] {
  Scene at;
  const FileReport report = at.measured(kIncrement, true);
  expect_equal(report.report.error_count, 0U);
  expect_equal(report.report.records, kVectors - kBackedUp);
  expect_equal(report.report.last_lsn, kVectors);
  expect_code(at.verify(kIncrement).status(), Code::invalid_argument);
  expect_code(at.verify(kPath, true).status(), Code::invalid_argument);
});

const Test kHead("verify_file_test", "a damaged head, and both", [] {
  Scene at;
  at.disk.damage(kPath, 30, std::byte{0xA5});
  FileReport report = at.measured(kPath);
  expect_equal(report.report.error_count, 1U);
  expect(report.report.errors[0].message.find("header is damaged") != std::string::npos);
  expect_equal(report.report.live, kVectors);
  // Nothing more can be told of it: one error, which is why it can't be opened.
  at.disk.damage(kPath, format::kHeadCopyOffset + 30, std::byte{0xA5});
  report = at.measured(kPath);
  expect_equal(report.report.error_count, 1U);
  expect(report.report.errors[0].message.find("neither its header") != std::string::npos);
  expect_equal(report.report.live, 0U);
});

const Test kPayload("verify_file_test", "a damaged vector is found, in either kind of file", [] {
  Scene at;
  for (const bool increment : {false, true}) {
    const std::string path = increment ? kIncrement : kPath;
    at.disk.damage(path, at.vector_in(path, kVectors) + 1, std::byte{0xA5});
    const FileReport report = at.measured(path, increment);
    expect_equal(report.report.error_count, 1U);
    expect_equal(report.report.errors[0].lsn, kVectors);
    expect(report.report.errors[0].message.find("vector") != std::string::npos);
  }
});

const Test kUnopened("verify_file_test", "what can't be opened is told, or is no such file", [] {
  Scene at;
  for (const std::uint64_t offset : format::kSuperblockOffsets) {
    at.disk.damage(kPath, offset + 3, std::byte{0x77});
  }
  const FileReport report = at.measured(kPath);
  expect_equal(report.report.error_count, 1U);
  expect(report.report.errors[0].message.find("neither superblock") != std::string::npos);
  expect_code(at.verify("nowhere.jvdb").status(), Code::not_found);

  const auto file = take(at.disk.create("text"));
  expect_ok(file->write(0, "hello", 5));
  const FileReport text = at.measured("text");
  expect_equal(text.report.error_count, 1U);
  expect_equal(text.bytes, 5U);
  expect_ok(file->resize(0));
  expect_equal(at.measured("text").crc, 0U);
});

const Test kCancelled("verify_file_test", "it can be given up, measuring and comparing", [] {
  Scene at;
  Job at_once;
  at_once.cancelled = true;
  expect_code(engine::verify_file(at.disk, kPath, false, at_once).status(), Code::aborted);
  // Its head is read to be measured, to open it and, the third time, to be compared.
  Job later;
  int reads = 0;
  at.disk.hooks().before_read = [&](std::uint64_t offset) {
    if (offset == 0 && ++reads == 3) later.cancelled = true;
  };
  expect_code(engine::verify_file(at.disk, kPath, false, later).status(), Code::aborted);
  at.disk.hooks().before_read = nullptr;
  expect_equal(at.measured(kPath).report.live, kVectors);
});

}  // namespace
}  // namespace jvdb::test

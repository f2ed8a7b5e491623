// Verification: silent about what is whole, and every byte that is not is found and named.
#include "engine/verify.h"
#include "check.h"
#include "format/parse.h"
#include "format/seal.h"
#include "hostile_file.h"
#include "recorded_history.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::VerifyReport;
using format::Record;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 3;

Result<VerifyReport> verify(const engine::Store& store, bool deep = true) {
  engine::Job job;
  auto report = store.verify(deep, job);
  if (report) expect_equal(job.done.load(), job.total.load());
  return report;
}

std::string told(const VerifyReport& report) {
  std::string out;
  for (const auto& error : report.errors) out += error.message + "\n";
  return out;
}

const Test kWhole("verify_test", "nothing is wrong with any history", [] {
  for (const auto type : {format::IdType::int64, format::IdType::string}) {
    for (const Ending ending : {Ending::closed, Ending::killed, Ending::killed_again}) {
      const Recorded recorded = record(schema_of(20, type), true, ending);
      SimFileSystem disk;
      {
        const auto file = take(disk.create(kPath));
        expect_ok(file->write(0, recorded.bytes.data(), recorded.bytes.size()));
      }
      const auto store = open(disk, kPath);
      for (const bool deep : {false, true}) {
        for (const bool compacted : {false, true}) {
          if (compacted) (void)take(compact(disk, *store));
          const VerifyReport report = take(verify(*store, deep));
          expect(report.error_count == 0, told(report));
          expect_equal(report.live, store->live());
          expect_equal(report.last_lsn, store->last_lsn());
        }
      }
      engine::Job job;
      job.cancelled = true;
      expect_code(store->verify(true, job).status(), Code::aborted);
    }
  }
});

struct Place {
  const char* what;
  std::uint64_t offset;
  bool deep;  // found by a deep verification only
};

const Test kDamage("verify_test", "what is damaged is found, where it is, and reads go on", [] {
  const auto schema = schema_of(kDimension, format::IdType::string);
  const auto first = *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(16));
  const std::uint64_t record = first.records_offset() + sizeof(Record);  // the second
  const std::vector<Place> places = {
      {"header", 30, false},
      {"copy", format::kHeadCopyOffset + 30, false},
      {"superblock", format::kSuperblockOffsets[1] + 8, false},
      {"extent", first.offset + 8, false},
      {"record", record + 40, false},
      {"vector", first.vectors_offset + schema.vector_stride() + 2, true},
      {"code", first.codes_offset + schema.code_stride() + 1, true},
      {"id or metadata", first.heap_offset + 16 + 12, true},
  };
  for (const Place& place : places) {
    SimFileSystem disk;
    Ids ids(format::IdType::string);
    const auto store = create(disk, kPath, schema, 16);
    for (std::uint64_t id = 1; id <= 3; ++id) {
      (void)take(store->append(Group(ids).put(id, vector_of(kDimension, id), "{}")));
    }
    expect_ok(store->flush());
    disk.damage(kPath, place.offset, std::byte{0xA5});
    const VerifyReport shallow = take(verify(*store, false));
    expect_equal(shallow.error_count, place.deep ? 0U : 1U);
    const VerifyReport deep = take(verify(*store, true));
    expect(deep.error_count == 1, std::string(place.what) + ": " + told(deep));
    const engine::VerifyError& error = deep.errors.front();
    expect(error.message.find(place.what) != std::string::npos, error.message);
    const bool in_record = place.offset >= record && place.offset < record + sizeof(Record);
    if (in_record || place.deep) expect_equal(error.offset, record);
    if (place.deep) expect_equal(error.lsn, 2U);
    expect(take(store->read().has(ids(3))));
  }
});

const Test kMany("verify_test", "of many errors the first hundred are told, and all are counted",
                 [] {
                   SimFileSystem disk;
                   Ids ids(format::IdType::int64);
                   const auto schema = schema_of(kDimension);
                   const auto store = create(disk, kPath, schema, 300);
                   Group group(ids);
                   for (std::uint64_t id = 0; id < 300; ++id)
                     group.put(id, vector_of(kDimension, id));
                   (void)take(store->append(group));
                   const auto first = *format::lay_out(schema, format::kFirstExtentOffset,
                                                       format::first_extent(300));
                   for (std::uint64_t slot = 0; slot < 300; ++slot) {
                     disk.damage(kPath, first.vectors_offset + slot * schema.vector_stride(),
                                 std::byte{1});
                   }
                   const VerifyReport report = take(verify(*store));
                   expect_equal(report.error_count, 300U);
                   expect_equal(report.errors.size(), VerifyReport::kMostErrors);
                 });

}  // namespace
}  // namespace jvdb::test

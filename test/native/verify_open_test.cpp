// Verification of a store whose file somebody alters while it is open, every checksum made right
// again: what contradicts the rest is told, and where.
#include "hostile_file.h"

namespace jvdb::test {
namespace {

using engine::VerifyReport;
using format::Head;
using format::IdType;
using format::Record;
using format::Superblock;

// The store that a file is opened as before it is altered.
class Victim {
 public:
  explicit Victim(IdType type) : built(build(schema_of(3, type))), file(built.bytes) {
    store = open(file.disk, HostileFile::path);
  }
  VerifyReport verify(bool deep = true) const {
    engine::Job job;
    return take(store->verify(deep, job));
  }

  const Built built;
  HostileFile file;
  std::unique_ptr<engine::Store> store;
};

void expect_told(const VerifyReport& report, const std::vector<std::string>& messages) {
  std::string all;
  for (const auto& error : report.errors) all += error.message + "\n";
  expect(report.error_count == messages.size(), all);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    expect(report.errors[i].message.find(messages[i]) != std::string::npos, all);
  }
}

struct Lie {
  const char* told;
  std::uint64_t lsn;
  void (*change)(Record&);
};

// Of puts, and of the removal with kRemovalLsn.
constexpr Lie kLies[] = {
    {"LSN out of order", 3, [](Record& record) { record.lsn += 1; }},
    {"LSN out of order", 3, [](Record& record) { record.lsn -= 1; }},
    {"dated before the one that it follows", 4, [](Record& record) { record.timestamp_us = 1; }},
    {"another operation", 5,
     [](Record& record) {
       record.flags ^= 3;
       record.offset = record.size = 0;
     }},
    {"another operation", kRemovalLsn, [](Record& record) { record.flags ^= 3; }},
    {"points outside", 5, [](Record& record) { record.offset += 64; }},
    {"points outside", 7, [](Record& record) { record.heap_offset += 1; }},
    {"points outside", 7, [](Record& record) { record.heap_length = ~0U; }},
    {"points outside", kRemovalLsn, [](Record& record) { record.size = 12; }},
};

const Test kRecords("verify_open_test", "a record that is whole and lies", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    for (const Lie& lie : kLies) {
      Victim victim(type);
      victim.file.change_record(lie.lsn, lie.change);
      for (const bool deep : {false, true}) {
        const VerifyReport report = victim.verify(deep);
        expect_told(report, {lie.told});
        expect_equal(report.errors[0].offset, victim.file.record_at(lie.lsn));
        expect_equal(report.errors[0].lsn, 0U);
        expect_equal(report.records, kLastLsn);
      }
    }
  }
});

const Test kFloor("verify_open_test", "LSNs of what a compaction kept rise, if not by one", [] {
  Victim victim(IdType::int64);
  (void)take(compact(victim.file.disk, *victim.store));
  expect_told(victim.verify(), {});
  HostileFile compacted(victim.file.disk.bytes(HostileFile::path));
  const auto store = open(compacted.disk, HostileFile::path);
  const std::uint64_t second =
      compacted.was().extents[0].geometry.records_offset() + sizeof(Record);
  auto record = compacted.read<Record>(second);
  record.lsn = compacted.read<Record>(second - sizeof(Record)).lsn;
  record.record_crc = format::crc_of(record);
  compacted.write(second, record);
  engine::Job job;
  const VerifyReport report = take(store->verify(false, job));
  expect_told(report, {"LSN out of order"});
  expect_equal(report.errors[0].offset, second);
});

const Test kGroup("verify_open_test", "a group without an end", [] {
  Victim victim(IdType::int64);
  victim.file.change_record(kLastLsn, [](Record& record) { record.flags |= format::kMoreFlag; });
  const VerifyReport report = victim.verify();
  expect_told(report, {"a group whose end is missing"});
  expect_equal(report.errors[0].lsn, kLastLsn);
});

const Test kEntry("verify_open_test", "an id or metadata that contradict their own length", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    Victim victim(type);
    victim.file.change_heap(11, [](std::span<std::byte> entry) { entry[4] ^= std::byte{0x40}; });
    expect_told(victim.verify(false), {});
    const VerifyReport report = victim.verify();
    expect_told(report, {"contradict their own length"});
    expect_equal(report.errors[0].lsn, 11U);
    expect_equal(report.live, victim.store->live());
  }
});

const Test kId("verify_open_test", "another id than the record was found by", [] {
  Victim victim(IdType::string);
  victim.file.change_heap(16, [](std::span<std::byte> entry) { entry[8] = std::byte{'x'}; });
  const VerifyReport report = victim.verify();
  expect_told(report, {"does not match its hash", "leads elsewhere"});
  for (const auto& error : report.errors) expect_equal(error.lsn, 16U);
  expect_told(victim.verify(false), {"leads elsewhere"});
});

const Test kUnsure("verify_open_test", "what can't be looked up is told once", [] {
  Victim victim(IdType::string);
  const std::uint64_t at = victim.file.heap_at(16) + 8;
  victim.file.disk.damage(HostileFile::path, at + 6, std::byte{0xA5});  // of the metadata
  expect_told(victim.verify(), {"don't match their checksum"});
});

const Test kHeads("verify_open_test", "a head that is whole and another's, or none", [] {
  const auto check = [](std::uint64_t offset, const char* told, void (*change)(Head&)) {
    Victim victim(IdType::int64);
    auto head = victim.file.read<Head>(offset);
    change(head);
    head.header.header_crc = format::crc_of(head);
    victim.file.write(offset, head);
    const VerifyReport report = victim.verify(false);
    expect_told(report, {told});
    expect_equal(report.errors[0].offset, offset);
  };
  for (const auto change : {+[](Head& head) { head.header.uuid[0] ^= 1; },
                            +[](Head& head) { head.header.magic ^= 1; }}) {
    check(0, "the header is damaged", change);
    check(format::kHeadCopyOffset, "the copy of the header", change);
  }
});

const Test kSuperblocks("verify_open_test", "a superblock that is empty: the second one may be",
                        [] {
                          SimFileSystem disk;
                          expect_ok(engine::create_file(disk, "new", schema_of(3), 8));
                          const HostileFile fresh(disk.bytes("new"));
                          const auto store = open(disk, "new", {true, {}, {}});
                          engine::Job job;
                          expect_equal(fresh.read<Superblock>(format::kSuperblockOffsets[1]).crc,
                                       0U);
                          expect_told(take(store->verify(true, job)), {});
                          Victim victim(IdType::int64);
                          victim.file.write(format::kSuperblockOffsets[0], Superblock{});
                          const VerifyReport report = victim.verify();
                          expect_told(report, {"a superblock is damaged"});
                          expect_equal(report.errors[0].offset, format::kSuperblockOffsets[0]);
                        });

const Test kReplaced("verify_open_test", "an id that is replaced meanwhile is where it should be",
                     [] {
                       Victim victim(IdType::int64);
                       Ids ids(IdType::int64);
                       const std::uint64_t live = victim.store->live();
                       bool appended = false;
                       // The first bytes that it reads, with its snapshot taken.
                       victim.file.disk.hooks().before_read = [&](std::uint64_t) {
                         if (std::exchange(appended, true)) return;
                         (void)take(victim.store->append(
                             Group(ids).put(8, vector_of(3, 80)).remove(9).put(77, {1, 2, 3})));
                       };
                       const VerifyReport report = victim.verify();
                       victim.file.disk.hooks().before_read = nullptr;
                       expect(appended);
                       expect_told(report, {});
                       expect_equal(report.live, live);
                       expect_equal(report.last_lsn, kLastLsn);
                       expect_equal(victim.verify().last_lsn, kLastLsn + 3);
                     });

const Test kLarge("verify_open_test", "thousands of ids, and given up before they are all seen",
                  [] {
                    SimFileSystem disk;
                    Ids ids(IdType::int64);
                    const auto store = create(disk, "db.jvdb", schema_of(3), 3000);
                    Group group(ids);
                    for (std::uint64_t id = 0; id < 3000; ++id) group.put(id, vector_of(3, id));
                    (void)take(store->append(group));
                    engine::Job job;
                    const VerifyReport report = take(store->verify(true, job));
                    expect_told(report, {});
                    expect_equal(report.live, 3000U);
                    job.cancelled = true;
                    expect_code(store->verify(true, job).status(), Code::aborted);
                  });

}  // namespace
}  // namespace jvdb::test

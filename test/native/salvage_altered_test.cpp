// Salvage of files that were altered one structure at a time, some with every checksum made right
// again: what is taken, what is counted as lost, and what is said of it.
#include "engine/salvage.h"

#include "hostile_file.h"

namespace jvdb::test {
namespace {

using engine::SalvageReport;
using format::ExtentHeader;
using format::IdType;
using format::Record;
using format::Superblock;
using Contents = std::map<std::string, Stored>;

constexpr char kTo[] = "saved.jvdb";

Result<SalvageReport> salvage(SimFileSystem& disk) {
  engine::Job job;
  return engine::salvage(disk, HostileFile::path, kTo, job);
}

std::string name_of(const format::Schema& schema, std::uint64_t id) {
  return schema.id_type == IdType::int64 ? std::to_string(id) : "id-" + std::to_string(id);
}

// What was said, each in its place.
void expect_told(const SalvageReport& report, const std::vector<std::string>& messages) {
  std::string all;
  for (const auto& error : report.errors) all += error.message + "\n";
  expect(report.error_count == messages.size(), all);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    expect(report.errors[i].message.find(messages[i]) != std::string::npos, all);
  }
}

// A file in which the put of an id no longer counts: `before` is what the id is then, if anything.
void expect_without(HostileFile& file, const Built& built, std::uint64_t id,
                    const std::optional<Stored>& before, const std::vector<std::string>& told) {
  const SalvageReport report = take(salvage(file.disk));
  expect_told(report, told);
  Contents expected = built.history.at(kLastLsn);
  expected.erase(name_of(built.schema, id));
  if (before) expected[name_of(built.schema, id)] = *before;
  expect(contents(*open(file.disk, kTo)) == expected);
  expect_equal(report.live, expected.size());
  expect_equal(report.unreadable, 1U);
  expect_equal(report.lost, 0U);
  expect_equal(report.last_lsn, kLastLsn);
}

constexpr Case<Record> kMisplaced[] = {
    {"before the vectors", [](Record& record) { record.offset = 64; }},
    {"behind the slots", [](Record& record) { record.offset += 64 * kFirstExtentSlots; }},
    {"between two slots", [](Record& record) { record.offset += 4; }},
    {"behind the heap", [](Record& record) { record.heap_offset = ~0U; }},
    {"longer than the heap", [](Record& record) { record.heap_length = ~0U; }},
    {"of no operation", [](Record& record) { record.flags = 0; }},
};

const Test kPlaces("salvage_altered_test", "a record that points elsewhere is not believed", [] {
  for_hostile_kinds([](const format::Schema& schema) {
    const Built built = build(schema);
    for (const auto& one : kMisplaced) {
      HostileFile file(built.bytes);
      file.change_record(7, one.change);
      expect_without(file, built, 7, {},
                     {"does not match its checksum", "from LSN 7 to 7 can't be read"});
    }
  });
});

const Test kOrder("salvage_altered_test", "a record with another's LSN is none of the history", [] {
  const Built built = build(schema_of(3));
  // Of one before it, of the extent behind it, of the extent before it.
  for (const auto& [at, lsn] : {std::pair{7, 5}, {8, 12}, {9, 2}}) {
    HostileFile file(built.bytes);
    const auto later = static_cast<std::uint64_t>(lsn);
    file.change_record(static_cast<std::uint64_t>(at), [=](Record& record) { record.lsn = later; });
    const std::string number = std::to_string(at);
    expect_without(file, built, static_cast<std::uint64_t>(at), {},
                   {"from LSN " + number + " to " + number + " can't be read"});
  }
});

const Test kReplaced("salvage_altered_test", "an id is as it was before what can't be read", [] {
  const Built built = build(schema_of(3));
  const Stored before = built.history.at(8).at("3");
  HostileFile damaged(built.bytes);
  damaged.disk.damage(HostileFile::path, damaged.record_at(11), std::byte{0xA5});
  expect_without(damaged, built, 3, before,
                 {"does not match its checksum", "from LSN 11 to 11 can't be read"});
  // As if what wrote it had been left behind by an append that failed.
  HostileFile left_over(built.bytes);
  left_over.change_record(11, [](Record& record) { record.epoch ^= 1; });
  expect_without(left_over, built, 3, before, {"from LSN 11 to 11 can't be read"});
});

const Test kExtents(
    "salvage_altered_test", "an extent whose header is damaged, and all it held", [] {
      for (const IdType type : {IdType::int64, IdType::string}) {
        const Built built = build(schema_of(3, type));
        HostileFile first(built.bytes);
        first.disk.damage(HostileFile::path, first.was().extents[0].geometry.offset, std::byte{1});
        SalvageReport report = take(salvage(first.disk));
        expect_told(report, {"the extents 1 to 1 can't be found", "from LSN 1 to 8 can't be read"});
        expect_equal(report.errors[0].offset, first.was().extents[1].geometry.offset);
        expect_equal(report.unreadable, 8U);
        expect_equal(report.last_lsn, kLastLsn);
        Contents expected = built.history.at(kLastLsn);
        for (const std::uint64_t id : {7, 8}) expected.erase(name_of(built.schema, id));
        expect(contents(*open(first.disk, kTo)) == expected);

        HostileFile last(built.bytes);
        last.disk.damage(HostileFile::path, last.was().extents[1].geometry.offset, std::byte{1});
        report = take(salvage(last.disk));
        expect_told(report,
                    {"the extents 2 to 2 can't be found", "from LSN 9 to 20 can't be read"});
        expect_equal(report.unreadable, kLastLsn - 8);
        expect(contents(*open(last.disk, kTo)) == built.history.at(8));
      }
    });

// Without its extent, a record whose LSN lies below those that it holds may be anything.
const Test kBelow("salvage_altered_test", "an LSN below its extent's", [] {
  const Built built = build(schema_of(3));
  HostileFile file(built.bytes);
  file.change_record(9, [](Record& record) { record.lsn = 2; });
  file.disk.damage(HostileFile::path, file.was().extents[0].geometry.offset, std::byte{1});
  const SalvageReport report = take(salvage(file.disk));
  expect_told(report, {"the extents 1 to 1", "from LSN 1 to 9 can't be read"});
  expect(!contents(*open(file.disk, kTo)).contains("9"));
});

const Test kBlind("salvage_altered_test", "without a superblock, a damaged record too", [] {
  const Built built = build(schema_of(3));
  HostileFile file(built.bytes);
  for (const std::uint64_t offset : format::kSuperblockOffsets) {
    file.disk.damage(HostileFile::path, offset + 3, std::byte{0x77});
  }
  file.disk.damage(HostileFile::path, file.record_at(7), std::byte{0xA5});
  expect_without(file, built, 7, {}, {"does not match its checksum", "neither superblock"});
});

const Test kTorn("salvage_altered_test", "a torn end that was never durable is no damage", [] {
  const Built built = build(schema_of(3), 14);
  HostileFile file(built.bytes);
  file.disk.damage(HostileFile::path, file.record_at(kLastLsn), std::byte{0xA5});
  const SalvageReport report = take(salvage(file.disk));
  expect_told(report, {});
  expect_equal(report.unreadable, 0U);
  // The group that it belongs to is gone with it.
  expect(contents(*open(file.disk, kTo)) == built.history.at(kLastGroupLsn - 1));
});

const Test kFloor("salvage_altered_test", "more records than the floor is said to have", [] {
  const Built built = build(schema_of(3));
  HostileFile original(built.bytes);
  (void)take(compact(original.disk, *open(original.disk, HostileFile::path)));
  HostileFile file(original.disk.bytes(HostileFile::path));
  expect(file.was().superblock.floor_records > 1);
  file.change_superblock([](Superblock& block) { block.floor_records = 1; });
  const SalvageReport report = take(salvage(file.disk));
  expect_told(report, {});
  expect_equal(report.unreadable, 0U);
  expect(contents(*open(file.disk, kTo)) == built.history.at(kLastLsn));
});

const Test kIds("salvage_altered_test", "an id that is another, or none", [] {
  const Built built = build(schema_of(3, IdType::string));
  HostileFile other(built.bytes);
  other.change_heap(7, [](std::span<std::byte> entry) { entry[8] = std::byte{'x'}; });
  expect_without(other, built, 7, {}, {"an id does not match its checksum"});
  HostileFile none(built.bytes);
  none.change_heap(7, [](std::span<std::byte> entry) { entry[5] = std::byte{0x40}; });
  expect_without(none, built, 7, {}, {"an id does not match its checksum"});
});

const Test kMetadata("salvage_altered_test", "metadata that is damaged, and a vector", [] {
  const Built built = build(schema_of(3));
  HostileFile file(built.bytes);
  file.disk.damage(HostileFile::path, file.heap_at(7) + 9, std::byte{0xA5});
  file.disk.damage(HostileFile::path, file.vector_at(8), std::byte{0xA5});
  const SalvageReport report = take(salvage(file.disk));
  expect_equal(report.error_count, 2U);
  expect_equal(report.lost, 2U);
  expect_equal(report.unreadable, 0U);
  for (const auto& error : report.errors) {
    expect(error.message == (error.lsn == 7 ? "the metadata of id 7 can't be read"
                                            : "the vector of id 8 can't be read"),
           error.message);
  }
  Contents expected = built.history.at(kLastLsn);
  expected.erase("7");
  expected.erase("8");
  expect(contents(*open(file.disk, kTo)) == expected);
});

const Test kMany("salvage_altered_test", "of many lost ids the first hundred are named", [] {
  constexpr std::uint32_t count = 150;
  SimFileSystem disk;
  Ids ids(IdType::int64);
  {
    const auto store = create(disk, HostileFile::path, schema_of(3), count);
    Group group(ids);
    for (std::uint64_t id = 0; id < count; ++id) group.put(id, vector_of(3, id));
    (void)take(store->append(group));
    expect_ok(store->close());
  }
  HostileFile file(disk.bytes(HostileFile::path));
  for (std::uint64_t lsn = 1; lsn <= count - 1; ++lsn) {
    file.disk.damage(HostileFile::path, file.vector_at(lsn) + 1, std::byte{0x5A});
  }
  const SalvageReport report = take(salvage(file.disk));
  expect_equal(report.lost, count - 1);
  expect_equal(report.error_count, count - 1);
  expect_equal(report.lost_ids.size(), SalvageReport::kMostNamed);
  expect_equal(report.live, 1U);
});

// Reads of these bytes fail, or the bytes change from one read to the next.
const Test kReads("salvage_altered_test", "what can't be read, or reads differently again", [] {
  for_hostile_kinds([](const format::Schema& schema) {
    const Built built = build(schema);
    for (const bool heap : {false, true}) {
      for (const bool changes : {false, true}) {
        HostileFile file(built.bytes);
        const std::uint64_t at = heap ? file.heap_at(7) : file.vector_at(7);
        // Of a text id the heap is read to learn it, then to look whether it is whole.
        int before_last = heap && schema.id_type == IdType::string ? 2 : 1;
        bool now = false;
        file.disk.hooks().before_read = [&](std::uint64_t offset) {
          now = offset == at && before_last-- == (changes ? 0 : 1);
          if (now && changes) file.disk.damage(HostileFile::path, at, std::byte{0xA5});
        };
        if (!changes) file.disk.hooks().fail_look = [&] { return std::exchange(now, false); };
        const auto report = salvage(file.disk);
        file.disk.hooks() = {};
        if (changes) {
          expect_code(report.status(), Code::io);
          expect(report.status().message().find("changes from one time") != std::string_view::npos);
          expect_code(file.disk.stat(kTo).status(), Code::not_found);
          continue;
        }
        expect_told(take(report), {heap ? "the metadata of id" : "the vector of id"});
        expect_equal(report->lost, 1U);
        expect(report->lost_ids == std::vector{name_of(schema, 7)});
        Contents expected = built.history.at(kLastLsn);
        expected.erase(name_of(schema, 7));
        expect(contents(*open(file.disk, kTo)) == expected);
      }
    }
  });
});

const Test kCut("salvage_altered_test", "a file that ends within its records, or between two", [] {
  constexpr std::uint32_t count = 2000;
  SimFileSystem disk;
  Ids ids(IdType::int64);
  {
    const auto store = create(disk, HostileFile::path, schema_of(3), count);
    for (std::uint64_t id = 0; id < count; ++id) {
      (void)take(store->append(Group(ids).put(id, vector_of(3, id))));
    }
    expect_ok(store->close());
  }
  const HostileFile whole(disk.bytes(HostileFile::path));
  for (const std::uint64_t odd : {0, 1}) {
    auto bytes = disk.bytes(HostileFile::path);
    bytes.resize(whole.record_at(1001) + odd);
    SimFileSystem cut;
    expect_ok(take(cut.create(HostileFile::path))->write(0, bytes.data(), bytes.size()));
    const SalvageReport report = take(salvage(cut));
    expect_equal(report.errors[0].message, "the file was cut short");
    expect_equal(report.errors[0].offset, bytes.size());
    expect_equal(report.unreadable, 1000U);
    expect_equal(report.lost, 1000U);  // their vectors lay behind
    expect_equal(report.live, 0U);
  }
});

const Test kAborted("salvage_altered_test", "it can be given up, reading and writing", [] {
  const Built built = build(schema_of(3));
  HostileFile file(built.bytes);
  engine::Job job;
  job.cancelled = true;
  const auto aborted = [&] {
    expect_code(engine::salvage(file.disk, HostileFile::path, kTo, job).status(), Code::aborted);
    expect_code(file.disk.stat(kTo).status(), Code::not_found);
  };
  aborted();
  job.cancelled = false;
  file.disk.hooks().before_change = [&] { job.cancelled = true; };
  aborted();
  file.disk.hooks().before_change = nullptr;
  expect(file.disk.bytes(HostileFile::path) == built.bytes);
});

}  // namespace
}  // namespace jvdb::test

// Files that lie: one field altered, every checksum right. None of it may be believed, neither
// when it is opened nor when the altered entry is first read.
#include "hostile_file.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using format::ExtentHeader;
using format::Head;
using format::IdType;
using format::Record;
using format::Schema;
using format::Superblock;

constexpr std::uint64_t kMaxLsn = (std::uint64_t{1} << 53) - 1;
constexpr char kPath[] = "db.jvdb";

// Refused, and not a byte of it changed.
void expect_refused(HostileFile& file, Code expected, const std::string& what) {
  const auto before = file.disk.bytes(kPath);
  const Status status = try_open(file.disk, kPath).status();
  expect(status.code() == expected,
         what + ": found " + code_name(status.code()) + " (" + std::string(status.message()) + ")");
  expect(file.disk.bytes(kPath) == before, what + ": changed");
}

// What parse_file() finds by itself, before anything is mapped.
void expect_unparsed(HostileFile& file, Code expected, const std::string& what,
                     const std::string& says = "") {
  const Status status = file.parse();
  expect(status.code() == expected, what + ": parsed as " + code_name(status.code()));
  expect(status.message().find(says) != std::string::npos,
         what + ": " + std::string(status.message()));
  expect_refused(file, expected, what);
}

// The history up to `recovered` is there, what follows is not, and writing goes on behind it.
void expect_dropped(HostileFile& file, const Built& built, std::uint64_t recovered,
                    const std::string& what) {
  std::map<std::string, Stored> expected = built.history.at(recovered);
  {
    const auto store = open(file.disk, kPath);
    expect(store->last_lsn() == recovered, what + ": " + std::to_string(store->last_lsn()));
    expect(contents(*store) == expected, what);
    Ids ids(built.schema.id_type);
    const Vector vector = vector_of(built.schema.dimension, 99);
    expect_equal(take(store->append(Group(ids).put(99, vector, "{}"))).lsn, recovered + 1);
    expected[built.schema.id_type == IdType::int64 ? "99" : "id-99"] = {vector, "{}"};
  }
  expect(contents(*open(file.disk, kPath)) == expected, what);
}

const Test kUnaltered("hostile_file_test", "sealed again with nothing altered, it opens", [] {
  for_hostile_kinds([](const Schema& schema) {
    for (const std::uint64_t durable : {std::uint64_t{8}, std::uint64_t{14}, kLastLsn}) {
      const Built built = build(schema, durable);
      HostileFile file(built.bytes);
      expect_equal(file.was().superblock.durable_lsn, durable);
      expect_equal(file.was().superblock.extent_count, durable == 8 ? 1U : 2U);
      file.change_head([](Head&) {});
      file.change_superblock([](Superblock&) {});
      file.change_extent(1, [](ExtentHeader&) {});
      file.change_extent(2, [](ExtentHeader&) {});
      file.change_record(3, [](Record&) {});
      file.change_heap(16, [](std::span<std::byte>) {});
      expect(file.disk.bytes(kPath) == built.bytes);
      expect_dropped(file, built, kLastLsn, "nothing");
    }
  });
});

constexpr Case<Head> kHeads[] = {
    {"magic", [](Head& head) { head.header.magic += 1; }},
    {"version 0", [](Head& head) { head.header.version = 0; }, Code::version},
    {"version 2", [](Head& head) { head.header.version = 2; }, Code::version},
    {"dimension 0", [](Head& head) { head.header.dimension = 0; }},
    {"dimension of the same strides", [](Head& head) { head.header.dimension -= 1; }},
    {"dimension of other strides", [](Head& head) { head.header.dimension += 64; }},
    {"dimension above the limit", [](Head& head) { head.header.dimension = 65537; }},
    {"largest dimension", [](Head& head) { head.header.dimension = ~0U; }},
    {"uuid", [](Head& head) { head.header.uuid[15] ^= 1; }},
    {"unknown feature", [](Head& head) { head.header.feature_incompat = 1U << 31; }, Code::version},
    {"compatible feature", [](Head& head) { head.header.feature_compat = ~0U; }, Code::ok},
    {"metric", [](Head& head) { head.identity.metric = 3; }},
    {"id type", [](Head& head) { head.identity.id_type = 2; }},
    {"index type", [](Head& head) { head.identity.index_type = 2; }},
    {"allowNonFinite", [](Head& head) { head.identity.allow_non_finite = 2; }},
    {"no column", [](Head& head) { head.identity.column_count = 0; }},
    {"a column less, or more", [](Head& head) { head.identity.column_count ^= 3; }},
    {"three columns", [](Head& head) { head.identity.column_count = 3; }},
    {"most columns", [](Head& head) { head.identity.column_count = ~0U; }},
    {"kind of the vectors", [](Head& head) { head.identity.columns[0].kind = 2; }},
    {"stride of the vectors", [](Head& head) { head.identity.columns[0].stride += 64; }},
};

const Test kHead("hostile_file_test", "header and identity", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    for (const auto& [what, change, expected] : kHeads) {
      HostileFile file(built.bytes);
      file.change_head(change);
      expect_refused(file, expected, what);
    }
    if (!schema.has_codes) return;
    HostileFile kind(built.bytes);
    kind.change_head([](Head& head) { head.identity.columns[1].kind = 1; });
    expect_unparsed(kind, Code::corrupt, "kind of the codes");
    HostileFile stride(built.bytes);
    stride.change_head([](Head& head) { head.identity.columns[1].stride = 0; });
    expect_unparsed(stride, Code::corrupt, "stride of the codes");
  });
});

// What contradicts itself or the file's size.
constexpr Case<Superblock> kSuperblocks[] = {
    {"durable_lsn above all LSNs", [](Superblock& block) { block.durable_lsn = kMaxLsn + 1; }},
    {"a generation without a successor", [](Superblock& block) { block.generation = ~0ULL; }},
    {"epoch 0", [](Superblock& block) { block.epoch = 0; }},
    {"an epoch that begins behind the tail",
     [](Superblock& block) { block.epoch_start_lsn = block.durable_lsn + 2; }},
    {"an epoch that never begins", [](Superblock& block) { block.epoch_start_lsn = ~0ULL; }},
    {"floor above durable_lsn",
     [](Superblock& block) { block.history_floor_lsn = block.durable_lsn + 1; }},
    {"floor records without a floor", [](Superblock& block) { block.floor_records = 1; }},
    {"more floor records than LSNs",
     [](Superblock& block) {
       block.history_floor_lsn = 5;
       block.floor_records = 6;
     }},
    {"a floor dated after all times",
     [](Superblock& block) { block.history_floor_time_us = format::kMaxTimestampUs + 1; }},
    {"no extent", [](Superblock& block) { block.extent_count = 0; }},
    {"more extents than the file has room for",
     [](Superblock& block) { block.extent_count = ~0U; }},
};

// What contradicts the records and extents.
constexpr Case<Superblock> kPromises[] = {
    {"durable_lsn behind the tail", [](Superblock& block) { block.durable_lsn += 1; }},
    {"largest durable_lsn", [](Superblock& block) { block.durable_lsn = kMaxLsn; }},
    {"epoch", [](Superblock& block) { block.epoch ^= 1; }},
    {"one extent more", [](Superblock& block) { block.extent_count += 1; }},
    {"a floor without records", [](Superblock& block) { block.history_floor_lsn = 5; }},
    {"a floor that isn't one",
     [](Superblock& block) { block.history_floor_lsn = block.floor_records = 8; }},
    {"live_count", [](Superblock& block) { block.live_count = ~0ULL; }, Code::ok},
    {"dead_count", [](Superblock& block) { block.dead_count = ~0ULL; }, Code::ok},
    {"time in the future", [](Superblock& block) { block.durable_time_us = ~0ULL; }, Code::ok},
};

const Test kSuperblock("hostile_file_test", "superblock", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    for (const auto& [what, change, expected] : kSuperblocks) {
      HostileFile file(built.bytes);
      file.change_superblock(change);
      expect_unparsed(file, expected, what, "superblock");
    }
    for (const auto& [what, change, expected] : kPromises) {
      HostileFile file(built.bytes);
      file.change_superblock(change);
      expect_refused(file, expected, what);
      if (expected == Code::ok) expect_dropped(file, built, kLastLsn, what);
    }
  });
});

// Changes a header and keeps its checksum: `reserved` takes what CRC32C would see.
void change_unseen(ExtentHeader& header, void (*change)(ExtentHeader&)) {
  constexpr std::size_t size = offsetof(ExtentHeader, reserved);
  const std::uint32_t before = crc32c(&header, size);
  change(header);
  header.reserved ^= before ^ crc32c(&header, size);
  expect_equal(format::crc_of(header), header.crc);
}

// What makes an extent's header another's, or none.
constexpr Case<ExtentHeader> kExtents[] = {
    {"magic", [](ExtentHeader& header) { header.magic += 1; }},
    {"seq", [](ExtentHeader& header) { header.seq += 1; }},
    {"seq 0", [](ExtentHeader& header) { header.seq = 0; }},
    {"base_lsn above all LSNs", [](ExtentHeader& header) { header.base_lsn = kMaxLsn + 1; }},
    {"no records", [](ExtentHeader& header) { header.records = 0; }},
    {"most records", [](ExtentHeader& header) { header.records = ~0U; }},
    {"most slots", [](ExtentHeader& header) { header.slots = ~0U; }},
    {"no column", [](ExtentHeader& header) { header.column_count = 0; }},
    {"nine columns", [](ExtentHeader& header) { header.column_count = 9; }},
    {"heap_offset", [](ExtentHeader& header) { header.heap_offset += 4096; }},
    {"heap of half a unit", [](ExtentHeader& header) { header.heap_bytes -= 4; }},
    {"heap behind the file's end", [](ExtentHeader& header) { header.heap_bytes += 1U << 20; }},
    {"largest heap", [](ExtentHeader& header) { header.heap_bytes = ~7ULL; }},
    {"length 0", [](ExtentHeader& header) { header.length = 0; }},
    {"largest length", [](ExtentHeader& header) { header.length = ~0ULL; }},
    {"another file's uuid", [](ExtentHeader& header) { header.uuid[3] ^= 1; }},
    {"another file's uuid, with the same checksum",
     [](ExtentHeader& header) {
       change_unseen(header, [](ExtentHeader& other) { other.uuid[3] ^= 1; });
     }},
    {"another seq, with the same checksum",
     [](ExtentHeader& header) {
       change_unseen(header, [](ExtentHeader& other) { other.seq += 1; });
     }},
    {"kind of the vectors", [](ExtentHeader& header) { header.columns[0].kind = 2; }},
    {"stride of the vectors", [](ExtentHeader& header) { header.columns[0].stride += 64; }},
    {"place of the vectors", [](ExtentHeader& header) { header.columns[0].offset += 65536; }},
    {"place of the codes", [](ExtentHeader& header) { header.columns[1].offset += 65536; }},
    {"another column", [](ExtentHeader& header) { header.columns[7].kind = 1; }},
    {"reserved", [](ExtentHeader& header) { header.reserved = 1; }},
};

// What would be an extent, but not the one its records need.
constexpr Case<ExtentHeader> kMisfits[] = {
    {"fewer records than there are", [](ExtentHeader& header) { header.records = 3; }},
    {"fewer slots", [](ExtentHeader& header) { header.slots = 2; }},
    {"no heap", [](ExtentHeader& header) { header.heap_bytes = 0; }},
    {"base_lsn", [](ExtentHeader& header) { header.base_lsn += 1; }},
};

const Test kExtent("hostile_file_test", "extent header", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    for (const std::uint32_t seq : {1U, 2U}) {
      for (const auto& [what, change, expected] : kExtents) {
        HostileFile file(built.bytes);
        file.change_extent(seq, change);
        expect_unparsed(file, expected, what, "extent " + std::to_string(seq));
      }
      for (const auto& [what, change, expected] : kMisfits) {
        HostileFile file(built.bytes);
        file.change_extent(seq, change);
        expect_refused(file, expected, what);
      }
    }
    HostileFile file(built.bytes);
    file.change_extent(2, [](ExtentHeader& header) { header.base_lsn = 0; });
    expect_unparsed(file, Code::corrupt, "base_lsn below that of the extent before it");
  });
});

const Test kUncounted("hostile_file_test", "an extent that the superblock doesn't count", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema, 8);
    const auto drops = [&](const Case<ExtentHeader>& one) {
      HostileFile file(built.bytes);
      file.change_extent(2, one.change);
      expect_dropped(file, built, 8, one.what);
    };
    for (const auto& one : kExtents) drops(one);
    drops({"epoch", [](ExtentHeader& header) { header.epoch ^= 1; }});
    drops({"later base_lsn", [](ExtentHeader& header) { header.base_lsn += 1; }});
    drops({"no base_lsn", [](ExtentHeader& header) { header.base_lsn = 0; }});
    // It would begin before what was once safe ended.
    HostileFile file(built.bytes);
    file.change_extent(2, [](ExtentHeader& header) { header.base_lsn -= 1; });
    expect_refused(file, Code::corrupt, "earlier base_lsn");
  });
});

const Test kFullExtent("hostile_file_test", "an extent with another first LSN behind a full one",
                       [] {
                         SimFileSystem disk;
                         Ids ids(IdType::int64);
                         {
                           const auto store = create(disk, kPath, schema_of(4), 80);
                           const Vector vector = vector_of(4, 1);
                           for (int i = 0; i < 77; ++i) {
                             (void)take(store->append(Group(ids).put(1, vector)));
                             (void)take(store->append(Group(ids).remove(1)));
                           }
                           (void)take(store->append(Group(ids).put(2, vector)));
                           expect_ok(store->close());
                         }
                         const HostileFile whole(disk.bytes(kPath));
                         expect_equal(whole.was().extents.at(0).geometry.counts.records, 154U);
                         expect_equal(whole.was().extents.at(1).base_lsn, 155U);
                         for (const int difference : {-1, 1, 1000}) {
                           HostileFile file(disk.bytes(kPath));
                           file.change_extent(2, [=](ExtentHeader& header) {
                             header.base_lsn += static_cast<std::uint64_t>(difference);
                           });
                           expect_refused(file, Code::corrupt, std::to_string(difference));
                         }
                       });

// Of a put with a heap entry.
constexpr Case<Record> kRecords[] = {
    {"a later LSN", [](Record& record) { record.lsn += 1; }},
    {"an earlier LSN", [](Record& record) { record.lsn -= 1; }},
    {"LSN 0", [](Record& record) { record.lsn = 0; }},
    {"largest LSN", [](Record& record) { record.lsn = ~0ULL; }},
    {"epoch", [](Record& record) { record.epoch ^= 1; }},
    {"a time without a successor", [](Record& record) { record.timestamp_us = ~0ULL; }},
    {"no operation", [](Record& record) { record.flags &= ~format::kOperationMask; }},
    {"a removal with a vector", [](Record& record) { record.flags ^= 3; }},
    {"unknown operation", [](Record& record) { record.flags |= 3; }},
    {"no offset", [](Record& record) { record.offset = 0; }},
    {"next slot", [](Record& record) { record.offset += 64; }},
    {"slot before it", [](Record& record) { record.offset -= 64; }},
    {"inside its slot", [](Record& record) { record.offset += 4; }},
    {"largest offset", [](Record& record) { record.offset = ~0ULL; }},
    {"size 0", [](Record& record) { record.size = 0; }},
    {"larger size", [](Record& record) { record.size += 4; }},
    {"largest size", [](Record& record) { record.size = ~0U; }},
    {"later heap entry", [](Record& record) { record.heap_offset += 1; }},
    {"earlier heap entry", [](Record& record) { record.heap_offset -= 1; }},
    {"last heap entry", [](Record& record) { record.heap_offset = ~0U; }},
    {"no heap entry", [](Record& record) { record.heap_length = 0; }},
    {"longer heap entry", [](Record& record) { record.heap_length += 1; }},
    {"shorter heap entry", [](Record& record) { record.heap_length -= 1; }},
    {"longest heap entry", [](Record& record) { record.heap_length = ~0U; }},
    {"all of the heap", [](Record& record) { record.heap_offset = record.heap_length = ~0U; }},
};

const Test kRecord("hostile_file_test", "record", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built safe = build(schema);
    const Built torn = build(schema, 14);
    for (const auto& [what, change, expected] : kRecords) {
      for (const std::uint64_t lsn : {3, 12, 16}) {
        HostileFile file(safe.bytes);
        file.change_record(lsn, change);
        expect_refused(file, expected, what);
      }
      // Above durable_lsn: it goes, with what follows it and what its group began with.
      HostileFile single(torn.bytes);
      single.change_record(16, change);
      expect_dropped(single, torn, 15, what);
      HostileFile group(torn.bytes);
      group.change_record(kLastGroupLsn + 1, change);
      expect_dropped(group, torn, kLastGroupLsn - 1, what);
    }
  });
});

const Test kRemoval("hostile_file_test", "record of a removal, and the last of a group", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built safe = build(schema);
    const Built torn = build(schema, 14);
    const auto check = [&](std::uint64_t lsn, const Case<Record>& one) {
      HostileFile file(safe.bytes);
      file.change_record(lsn, one.change);
      expect_refused(file, Code::corrupt, one.what);
    };
    check(kRemovalLsn, {"offset", [](Record& record) { record.offset = 65536; }});
    check(kRemovalLsn, {"size", [](Record& record) { record.size = 12; }});
    check(kRemovalLsn, {"heap", [](Record& record) { record.heap_offset += 1; }});
    check(kRemovalLsn, {"a put", [](Record& record) { record.flags ^= 3; }});
    check(kLastLsn, {"more", [](Record& record) { record.flags |= format::kMoreFlag; }});
    HostileFile file(torn.bytes);
    file.change_record(kLastLsn, [](Record& record) { record.flags |= format::kMoreFlag; });
    expect_dropped(file, torn, kLastGroupLsn - 1, "more");
  });
});

const Test kPayloadCrc("hostile_file_test", "checksums of a payload", [] {
  constexpr Case<Record> cases[] = {
      {"vector_crc", [](Record& record) { record.vector_crc ^= 1; }},
      {"heap_crc", [](Record& record) { record.heap_crc ^= 1; }},
      {"code_crc", [](Record& record) { record.code_crc ^= 1; }},
  };
  for_hostile_kinds([&](const Schema& schema) {
    const Built safe = build(schema);
    const Built torn = build(schema, 14);
    for (const auto& [what, change, expected] : cases) {
      if (!schema.has_codes && change == cases[2].change) continue;
      HostileFile file(safe.bytes);
      file.change_record(15, change);
      const auto store = open(file.disk, kPath);
      Ids ids(schema.id_type);
      constexpr unsigned all = Checker::vector | Checker::code | Checker::heap;
      for (int again = 0; again < 2; ++again)
        expect_code(store->read().get(ids(12), all).status(), expected);
      expect(get(*store, ids(3)) ==
             safe.history.at(kLastLsn).at(schema.id_type == IdType::int64 ? "3" : "id-3"));
      HostileFile tail(torn.bytes);
      tail.change_record(15, change);
      expect_dropped(tail, torn, 14, what);
    }
  });
});

}  // namespace
}  // namespace jvdb::test

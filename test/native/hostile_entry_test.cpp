// Entries that lie or were lost behind the engine's back, and the bytes the engine itself leaves
// for the next one to rely on.
#include "hostile_file.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using format::HeapPrefix;
using format::IdType;
using format::Record;
using format::Schema;

constexpr char kPath[] = "db.jvdb";

// --- heap entries ---

// What is read of an entry of `size` bytes at `begin` in a larger piece of memory, which is gone
// afterwards: only the lengths may be looked at.
std::optional<format::HeapEntry> entry_of(HeapPrefix prefix, std::uint64_t size,
                                          std::uint64_t heap_bytes, std::uint64_t begin = 0) {
  std::vector<std::byte> heap(begin + size + 64);
  std::memcpy(heap.data() + begin, &prefix, sizeof prefix);
  Record record{};
  record.heap_offset = static_cast<std::uint32_t>(begin / format::kHeapUnit);
  record.heap_length = static_cast<std::uint32_t>(size / format::kHeapUnit);
  const IdType type = prefix.id_length == 0 ? IdType::int64 : IdType::string;
  const IdType other = type == IdType::string ? IdType::int64 : IdType::string;
  expect(!format::heap_entry(record, other, heap.data(), heap_bytes));
  return format::heap_entry(record, type, heap.data(), heap_bytes);
}

const Test kEntryBounds("hostile_entry_test", "a heap entry lies inside the heap", [] {
  const HeapPrefix prefix{4, 12};
  expect(entry_of(prefix, 24, 24).has_value());
  expect(entry_of(prefix, 24, 56, 32).has_value());
  expect(!entry_of(prefix, 24, 16).has_value());
  expect(!entry_of(prefix, 24, 48, 32).has_value());
  expect(!entry_of(prefix, 24, 32, 32).has_value());
  expect(!entry_of(prefix, 24, 24, 32).has_value());
  expect(!entry_of(prefix, 24, 0, 32).has_value());
});

const Test kEntryLengths("hostile_entry_test", "its lengths have limits and fill it exactly", [] {
  const auto valid = [](std::uint32_t id, std::uint32_t metadata, std::uint64_t size) {
    const auto entry = entry_of({id, metadata}, size, size);
    if (!entry) return false;
    expect(entry->id.size() == id && entry->metadata.size() == metadata);
    return true;
  };
  constexpr auto most_id = static_cast<std::uint32_t>(format::kMaxIdBytes);
  constexpr auto most_metadata = static_cast<std::uint32_t>(format::kMaxMetadataBytes);
  expect(valid(most_id, 8, most_id + 16));
  expect(!valid(most_id + 1, 7, most_id + 16));
  expect(!valid(most_id + 8, 0, most_id + 16));
  expect(valid(8, most_metadata, most_metadata + 16));
  expect(!valid(7, most_metadata + 1, most_metadata + 16));
  expect(valid(1, 0, 16) && valid(8, 0, 16) && valid(0, 8, 16) && valid(3, 5, 16));
  expect(!valid(0, 0, 8) && !valid(1, 0, 8) && !valid(8, 1, 16) && !valid(1, 0, 24));
  expect(!valid(~0U, ~0U, 16) && !valid(~0U, 1, 16) && !valid(0, ~0U, 16));
});

struct HeapCase {
  const char* what;
  HeapPrefix prefix;
};

constexpr HeapCase kHeaps[] = {
    {"longer id", {12, 12}},      {"longer metadata", {4, 20}},   {"empty", {0, 0}},
    {"longest id", {~0U, 12}},    {"longest metadata", {4, ~0U}}, {"both longest", {~0U, ~0U}},
    {"sum wraps", {~0U - 3, 20}}, {"no id", {0, 0xFFFFFFF8U}},
};

const Test kLyingHeap("hostile_entry_test", "an entry whose lengths lie is damage to its reader",
                      [] {
                        for_hostile_kinds([](const Schema& schema) {
                          const Built built = build(schema);
                          Ids ids(schema.id_type);
                          for (const auto& [what, prefix] : kHeaps) {
                            HostileFile file(built.bytes);
                            file.change_heap(15, [&](std::span<std::byte> entry) {
                              std::memcpy(entry.data(), &prefix, sizeof prefix);
                            });
                            const auto store = open(file.disk, kPath);
                            expect_code(store->read().get(ids(12), Checker::heap).status(),
                                        Code::corrupt);
                            const auto hits =
                                search(*store, vector_of(schema.dimension, 1), best(100));
                            expect_code(hits.status(), Code::corrupt);
                            expect(get(*store, ids(3)).has_value());
                          }
                        });
                      });

const Test kIdNumbers("hostile_entry_test", "ids that no store would write", [] {
  HostileFile number(build(schema_of(4)).bytes);
  number.change_record(kLastLsn - 1, [](Record& record) { record.id |= std::uint64_t{1} << 63; });
  expect_code(try_open(number.disk, kPath).status(), Code::corrupt);
  // A hash that isn't its text's: looking the id up would not find it.
  HostileFile hash(build(schema_of(4, IdType::string)).bytes);
  hash.change_record(kLastLsn - 1, [](Record& record) { record.id ^= 1; });
  const auto store = open(hash.disk, kPath);
  const auto snapshot = store->snapshot();
  std::size_t damaged = 0;
  for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
    damaged += snapshot->entry(*slot, Checker::heap).status().code() == Code::corrupt ? 1 : 0;
  }
  expect_equal(damaged, 1U);
});

const Test kIdTypes("hostile_entry_test", "a file of another id type than it says", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    HostileFile file(build(schema_of(4, type)).bytes);
    file.change_head([](format::Head& head) { head.identity.id_type ^= 1; });
    const auto store = try_open(file.disk, kPath);
    if (!store) {
      expect_code(store.status(), Code::corrupt);
      continue;
    }
    expect_code(search(**store, vector_of(4, 1)).status(), Code::corrupt);
  }
});

const Test kLongId("hostile_entry_test", "an id longer than ids may be is damage", [] {
  SimFileSystem disk;
  Ids ids(IdType::string);
  {
    const auto store = create(disk, kPath, schema_of(4, IdType::string), 64);
    (void)take(store->append(Group(ids).put(1, vector_of(4, 1), std::string(2000, ' '))));
    expect_ok(store->close());
  }
  HostileFile file(disk.bytes(kPath));
  const HeapPrefix prefix{1025, 979};  // the same sum
  file.change_heap(
      1, [&](std::span<std::byte> entry) { std::memcpy(entry.data(), &prefix, sizeof prefix); });
  expect_code(open(file.disk, kPath)->read().get(ids(1), Checker::heap).status(), Code::corrupt);
});

const Test kSameId("hostile_entry_test", "ids that must be compared to be told apart are checked",
                   [] {
                     Schema schema = schema_of(4, IdType::string);
                     const Built built = build(schema);
                     // Both are of id 3.
                     for (const std::uint64_t lsn : {3, 11}) {
                       HostileFile torn(built.bytes);
                       torn.write(torn.heap_at(lsn) + 8, 'x');
                       HostileFile lying(built.bytes);
                       const HeapPrefix prefix{12, 12};
                       lying.change_heap(lsn, [&](std::span<std::byte> entry) {
                         std::memcpy(entry.data(), &prefix, sizeof prefix);
                       });
                       for (HostileFile* file : {&torn, &lying}) {
                         const auto before = file->disk.bytes(kPath);
                         const Status status = try_open(file->disk, kPath).status();
                         expect_code(status, Code::corrupt);
                         expect(status.message().find("damaged id") != std::string::npos);
                         expect(file->disk.bytes(kPath) == before);
                       }
                     }
                   });

const Test kKeptParts("hostile_entry_test", "an update keeps nothing that is damaged", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    Ids ids(schema.id_type);
    HostileFile vector(built.bytes);
    vector.write(vector.vector_at(15), 'x');
    HostileFile metadata(built.bytes);
    metadata.write(metadata.heap_at(15) + 12, 'x');
    for (HostileFile* file : {&vector, &metadata}) {
      const auto store = open(file->disk, kPath);
      Group group(ids);
      if (file == &vector) {
        group.update(12, {}, "{}");
      } else {
        group.update_keeping_metadata(12, vector_of(schema.dimension, 7));
      }
      expect_code(store->append(group).status(), Code::corrupt);
      expect_equal(store->last_lsn(), kLastLsn);
    }
  });
});

// --- after a failed sync ---

const Test kLeftover("hostile_entry_test", "rule 12: a leftover under a lost record is not it", [] {
  SimFileSystem disk;
  Ids ids(IdType::int64);
  const auto store = create(disk, kPath, schema_of(4));
  (void)take(store->append(Group(ids).put(1, vector_of(4, 1))));
  expect_ok(store->flush());
  // The first record of a group reaches the disk, whole and with its payload; the second doesn't.
  disk.hooks().cut_write = [](std::uint64_t, std::size_t size) -> std::optional<std::size_t> {
    if (size == 2 * sizeof(Record)) return sizeof(Record);
    return std::nullopt;
  };
  expect_code(store->append(Group(ids).put(2, vector_of(4, 20)).put(3, vector_of(4, 30))).status(),
              Code::io);
  disk.hooks().cut_write = nullptr;
  // The same LSN at the same place, in the next epoch, is lost.
  expect_equal(take(store->append(Group(ids).put(2, vector_of(4, 2)))).lsn, 2U);
  disk.hooks().fail_sync = [] { return true; };
  expect_code(store->flush(), Code::io);
  expect_equal(get(*store, ids(2))->vector.at(0), vector_of(4, 2).at(0));
  disk.forget_lost(kPath, 0, disk.bytes(kPath).size());
  expect_code(store->read().get(ids(2), Checker::vector).status(), Code::io);
  expect_code(store->read().vector(ids(2)).status(), Code::io);
  expect(get(*store, ids(1)).has_value());
});

const Test kAnother("hostile_entry_test", "rule 12: nor is a record of another LSN or epoch", [] {
  constexpr void (*changes[])(Record&) = {
      [](Record& record) { record.lsn += 1; },
      [](Record& record) { record.lsn -= 1; },
      [](Record& record) { record.epoch ^= 1; },
      [](Record& record) { record.record_crc ^= 1; },
  };
  for (const auto change : changes) {
    SimFileSystem disk;
    Ids ids(IdType::int64);
    const auto store = create(disk, kPath, schema_of(4));
    (void)take(store->append(Group(ids).put(1, vector_of(4, 1))));
    expect_ok(store->flush());
    (void)take(store->append(Group(ids).put(2, vector_of(4, 2))));
    disk.hooks().fail_sync = [] { return true; };
    expect_code(store->flush(), Code::io);
    const auto file = take(disk.open(kPath, os::Access::read_write));
    const std::uint64_t at =
        format::kFirstExtentOffset + format::kExtentHeaderPage + sizeof(Record);
    Record record;
    expect_ok(file->read(at, &record, sizeof record));
    const std::uint32_t crc = record.record_crc;
    change(record);
    if (record.record_crc == crc) record.record_crc = format::crc_of(record);
    expect_ok(file->write(at, &record, sizeof record));
    expect_code(store->read().get(ids(2), Checker::vector).status(), Code::io);
    expect(get(*store, ids(1)).has_value());
  }
});

// --- what the engine leaves ---

const Test kVectorCount("hostile_entry_test", "closing writes the number of vectors", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    const std::uint64_t live = built.history.at(kLastLsn).size();
    HostileFile file(built.bytes);
    const auto count = [&] { return file.read<format::FileHeader>(0).vector_count; };
    expect_equal(count(), live);
    {
      Ids ids(schema.id_type);
      const auto store = open(file.disk, kPath);
      (void)take(store->append(Group(ids).put(98, vector_of(schema.dimension, 98))));
      (void)take(store->append(Group(ids).put(99, vector_of(schema.dimension, 99))));
      expect_ok(store->flush());
      expect_equal(count(), live);
      expect_ok(store->close());
    }
    expect_equal(count(), live + 2);
    expect_equal(open(file.disk, kPath)->live(), live + 2);  // no checksum covers it
  });
});

const Test kTimes("hostile_entry_test", "times go on from the latest of the file", [] {
  constexpr std::uint64_t year_2100 = 4102444800000000;
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    HostileFile file(built.bytes);
    file.change_record(6, [](Record& record) { record.timestamp_us = year_2100; });
    const auto store = open(file.disk, kPath);
    Ids ids(schema.id_type);
    const auto time_of = [&](std::uint64_t id) {
      return take(store->read().get(ids(id), 0))->updated_us;
    };
    const Vector vector = vector_of(schema.dimension, 1);
    (void)take(store->append(Group(ids).put(97, vector)));
    (void)take(store->append(Group(ids).put(98, vector).put(99, vector)));
    expect(year_2100 < time_of(97));
    expect(time_of(97) < time_of(98) && time_of(98) < time_of(99));
  });
});

const Test kMeanHeap("hostile_entry_test", "an extent after reopening is as large as without", [] {
  std::vector<format::ExtentHeader> headers;
  for (const bool reopens : {false, true}) {
    SimFileSystem disk;
    Ids ids(IdType::string);
    auto store = create(disk, kPath, schema_of(4, IdType::string), 8);
    for (std::uint64_t i = 0; i < 8; ++i)
      (void)take(store->append(Group(ids).put(i, vector_of(4, i), std::string(50, ' '))));
    if (reopens) {
      store.reset();
      store = open(disk, kPath);
    }
    (void)take(store->append(Group(ids).put(8, vector_of(4, 8))));
    expect_ok(store->flush());
    const HostileFile file(disk.bytes(kPath));
    headers.push_back(file.read<format::ExtentHeader>(file.was().extents.at(1).geometry.offset));
  }
  expect_equal(headers[1].slots, headers[0].slots);
  expect_equal(headers[1].records, headers[0].records);
  expect_equal(headers[1].heap_bytes, headers[0].heap_bytes);
  expect(headers[0].heap_bytes >=
         headers[0].slots * 58ULL);  // 64 bytes an entry, and 16 of the last
});

const Test kPadding("hostile_entry_test", "what pads rows and entries is zero", [] {
  constexpr std::uint64_t count = 40;
  for (const bool batch : {false, true}) {
    SimFileSystem disk;
    Ids ids(IdType::string);
    const Schema schema = schema_of(3, IdType::string);
    {
      const auto store = create(disk, kPath, schema, 100);
      Group group(ids);
      // Each entry is a byte shorter than the one before it, whose bytes the buffer may hold.
      for (std::uint64_t i = 0; i < count; ++i) {
        Group one(ids);
        (batch ? group : one).put(100 + i, vector_of(3, i), std::string(count - i, '~'));
        if (!batch) (void)take(store->append(one));
      }
      if (batch) (void)take(store->append(group));
      expect_ok(store->close());
    }
    const HostileFile file(disk.bytes(kPath));
    const auto bytes = file.disk.bytes(kPath);
    const auto expect_zeros = [&](std::uint64_t begin, std::uint64_t end) {
      for (; begin < end; ++begin) expect(bytes[begin] == std::byte{0});
    };
    const format::ExtentGeometry& extent = file.was().extents.at(0).geometry;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto record = file.read<Record>(file.record_at(i + 1));
      const std::uint64_t text = 6 + count - i;
      const std::uint64_t heap = file.heap_at(i + 1);
      expect(bytes[heap + sizeof(HeapPrefix) + text - 1] == std::byte{'~'});
      expect_zeros(heap + sizeof(HeapPrefix) + text,
                   heap + std::uint64_t{record.heap_length} * format::kHeapUnit);
      expect_zeros(record.offset + schema.vector_bytes(), record.offset + schema.vector_stride());
      const std::uint64_t code = extent.codes_offset + i * schema.code_stride();
      expect_equal(crc32c(bytes.data() + code, schema.code_stride()), record.code_crc);
    }
  }
});

}  // namespace
}  // namespace jvdb::test

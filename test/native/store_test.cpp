// The engine's promises one by one, on a simulated disk.
#include <limits>

#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Appended;
using engine::Store;
using format::IdType;

constexpr char kPath[] = "db.jvdb";

// Runs a body for both id types and for strides with and without padding.
void for_kinds(const std::function<void(const format::Schema&)>& body) {
  for (const IdType type : {IdType::int64, IdType::string}) {
    for (const std::uint32_t dimension : {3U, 16U}) {
      for (const bool codes : {true, false}) {
        format::Schema schema = schema_of(dimension, type);
        schema.has_codes = codes;
        body(schema);
      }
    }
  }
}

Appended put(Store& store, Ids& ids, std::uint64_t id, std::uint64_t seed,
             const std::string& metadata = "") {
  return take(
      store.append(Group(ids).put(id, vector_of(store.schema().dimension, seed), metadata)));
}

const Test kBasics("store_test", "put, replace, get, remove", [] {
  for_kinds([](const format::Schema& schema) {
    SimFileSystem disk;
    Ids ids(schema.id_type);
    const auto store = create(disk, kPath, schema);
    expect_equal(store->live(), 0U);
    expect_equal(store->capacity(), 16U);
    expect(!get(*store, ids(1)));
    expect_equal(put(*store, ids, 1, 10, R"({"a":1})").lsn, 1U);
    expect_equal(put(*store, ids, 2, 20).lsn, 2U);
    expect(get(*store, ids(1)) == Stored{vector_of(schema.dimension, 10), R"({"a":1})"});
    expect(get(*store, ids(2)) == Stored{vector_of(schema.dimension, 20), ""});
    expect_equal(put(*store, ids, 1, 11).lsn, 3U);
    expect(get(*store, ids(1)) == Stored{vector_of(schema.dimension, 11), ""});
    expect_equal(store->live(), 2U);
    const auto removed = take(store->append(Group(ids).remove(1)));
    expect_equal(removed.removed, 1U);
    expect(!get(*store, ids(1)));
    expect_equal(take(store->append(Group(ids).remove(1))).lsn, 0U);
    expect_equal(store->live(), 1U);
    expect_equal(contents(*store).size(), 1U);
  });
});

const Test kReopen("store_test", "everything is there after closing, and after just going away",
                   [] {
                     for_kinds([](const format::Schema& schema) {
                       for (const bool orderly : {true, false}) {
                         SimFileSystem disk;
                         Ids ids(schema.id_type);
                         std::map<std::string, Stored> before;
                         std::uint64_t lsn = 0;
                         {
                           const auto store = create(disk, kPath, schema);
                           for (std::uint64_t i = 0; i < 500; ++i)
                             put(*store, ids, i % 170, i, i % 3 == 0 ? R"({"n":1})" : "");
                           for (std::uint64_t i = 0; i < 60; ++i)
                             (void)take(store->append(Group(ids).remove(i * 2)));
                           before = contents(*store);
                           lsn = store->last_lsn();
                           if (orderly) expect_ok(store->close());
                         }
                         const auto store = open(disk, kPath);
                         expect(contents(*store) == before);
                         expect_equal(store->last_lsn(), lsn);
                         const auto stats = take(store->stats());
                         expect_equal(stats.recovery.clean, orderly);
                         expect_equal(stats.recovery.recovered_lsn, lsn);
                         expect_equal(stats.durable_lsn, orderly ? lsn : 0U);
                         put(*store, ids, 1000, 1);
                         expect_equal(store->last_lsn(), lsn + 1);
                       }
                     });
                   });

const Test kBatch("store_test", "a group happens as a whole; the last of equal ids wins", [] {
  for_kinds([](const format::Schema& schema) {
    SimFileSystem disk;
    Ids ids(schema.id_type);
    const auto store = create(disk, kPath, schema);
    Group group(ids);
    for (std::uint64_t i = 0; i < 300; ++i)
      group.put(i % 100, vector_of(schema.dimension, i), R"({"i":2})");
    const Appended appended = take(store->append(group));
    expect_equal(appended.stored, 100U);
    expect_equal(appended.lsn, 300U);
    expect_equal(store->live(), 100U);
    expect(get(*store, ids(42))->vector == vector_of(schema.dimension, 242));
    Group mixed(ids);
    mixed.remove(1).remove(1).put(1, vector_of(schema.dimension, 7)).remove(2).update(3, {}, "{}");
    mixed.update_keeping_metadata(4, vector_of(schema.dimension, 8)).update(1000, {}, "{}");
    mixed.put(2000, vector_of(schema.dimension, 9), "{}")
        .update_keeping_metadata(2000, vector_of(schema.dimension, 10));
    const Appended second = take(store->append(mixed));
    expect_equal(second.removed, 2U);
    expect_equal(second.stored, 4U);
    expect(get(*store, ids(1)) == Stored{vector_of(schema.dimension, 7), ""});
    expect(!get(*store, ids(2)));
    expect(get(*store, ids(3)) == Stored{vector_of(schema.dimension, 203), "{}"});
    expect(get(*store, ids(4)) == Stored{vector_of(schema.dimension, 8), R"({"i":2})"});
    expect(!get(*store, ids(1000)));
    expect(get(*store, ids(2000)) == Stored{vector_of(schema.dimension, 10), "{}"});
    const auto before = contents(*store);
    expect(contents(*open(disk, kPath)) == before);
  });
});

const Test kTimes("store_test", "times: created stays through replacements, updated rises", [] {
  SimFileSystem disk;
  Ids ids(IdType::string);
  const auto store = create(disk, kPath, schema_of(4, IdType::string));
  put(*store, ids, 1, 1);
  const auto first = *take(store->read().get(ids(1), 0));
  put(*store, ids, 1, 2);
  const auto second = *take(store->read().get(ids(1), 0));
  expect_equal(second.created_us, first.created_us);
  expect(second.updated_us > first.updated_us);
  (void)take(store->append(Group(ids).remove(1)));
  put(*store, ids, 1, 3);
  const auto third = *take(store->read().get(ids(1), 0));
  expect_equal(third.created_us, third.updated_us);
  expect(third.created_us > second.updated_us);
});

const Test kSnapshots("store_test", "a snapshot stays what it was", [] {
  SimFileSystem disk;
  Ids ids(IdType::int64);
  const auto store = create(disk, kPath, schema_of(4), 4);
  for (std::uint64_t i = 0; i < 50; ++i) put(*store, ids, i, i);
  const auto snapshot = store->snapshot();
  const auto collect = [&] {
    std::map<std::uint64_t, Vector> out;
    for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
      const auto entry = take(snapshot->entry(*slot, engine::Checker::vector));
      out.emplace(entry.id.number, Vector(entry.vector, entry.vector + 4));
    }
    return out;
  };
  const auto before = collect();
  expect_equal(before.size(), 50U);
  for (std::uint64_t i = 0; i < 5000; ++i) put(*store, ids, i, 1000 + i);
  for (std::uint64_t i = 0; i < 25; ++i) (void)take(store->append(Group(ids).remove(i)));
  expect(collect() == before);
});

const Test kForget("store_test", "ids that come and go don't fill the table", [] {
  SimFileSystem disk;
  Ids ids(IdType::int64);
  format::Schema schema = schema_of(1);
  schema.has_codes = false;
  const auto store = create(disk, kPath, schema);
  for (std::uint64_t i = 0; i < 20000; ++i) {
    put(*store, ids, i, i);
    if (i >= 10) (void)take(store->append(Group(ids).remove(i - 10)));
  }
  expect_equal(store->live(), 10U);
  expect(take(store->stats()).memory_bytes < 20000 * 37 + 4096);
  for (std::uint64_t i = 0; i < 20000; ++i)
    expect_equal(get(*store, ids(i)).has_value(), i >= 19990);
});

const Test kNotFinite("store_test", "a value that isn't finite refuses the whole group", [] {
  for_kinds([](const format::Schema& schema) {
    SimFileSystem disk;
    Ids ids(schema.id_type);
    const auto store = create(disk, kPath, schema, 4);
    put(*store, ids, 1, 1);
    Group group(ids);
    for (std::uint64_t i = 0; i < 300; ++i) group.put(i, vector_of(schema.dimension, 500 + i));
    Vector bad(schema.dimension, 1.0F);
    bad[1] = std::numeric_limits<float>::quiet_NaN();
    group.put(300, bad);
    const auto size = take(disk.stat(kPath)).size;
    const auto result = store->append(group);
    expect_code(result.status(), Code::invalid_vector);
    expect(result.status().message().find("component 1 ") != std::string::npos);
    expect_equal(take(disk.stat(kPath)).size, size);
    expect_equal(contents(*store).size(), 1U);
    put(*store, ids, 2, 2);
    expect_equal(contents(*open(disk, kPath)).size(), 2U);
  });
});

const Test kLimits("store_test", "ids and metadata have limits", [] {
  SimFileSystem disk;
  const auto numbers = create(disk, "n", schema_of(2));
  const auto texts = create(disk, "t", schema_of(2, IdType::string));
  const Vector vector = vector_of(2, 1);
  const auto append = [&](Store& store, const engine::Id& id, const std::string& metadata = "") {
    engine::Mutation mutation;
    mutation.id = id;
    mutation.vector = vector.data();
    mutation.metadata = metadata;
    return store.append(engine::OneMutation(mutation)).status();
  };
  expect_ok(append(*numbers, {0, {}}));
  expect_ok(append(*numbers, {(std::uint64_t{1} << 63) - 1, {}}));
  expect_code(append(*numbers, {std::uint64_t{1} << 63, {}}), Code::invalid_id);
  Ids ids(IdType::int64);
  const auto batch =
      numbers->append(Group(ids).put(1, vector).put(std::uint64_t{1} << 63, vector)).status();
  expect_code(batch, Code::invalid_id);
  expect(batch.message().find("(item 1 of 2)") != std::string_view::npos);
  expect_code(append(*texts, {0, ""}), Code::invalid_id);
  expect_ok(append(*texts, {0, std::string(1024, 'x')}));
  expect_code(append(*texts, {0, std::string(1025, 'x')}), Code::invalid_id);
  expect_ok(append(*texts, {0, "m"}, std::string(format::kMaxMetadataBytes, ' ')));
  expect_code(append(*texts, {0, "m"}, std::string(format::kMaxMetadataBytes + 1, ' ')),
              Code::invalid_argument);
  expect_equal(texts->live(), 2U);
});

const Test kGrowth("store_test", "an extent ends when records, slots or heap are full", [] {
  SimFileSystem disk;
  Ids ids(IdType::string);
  const auto store = create(disk, kPath, schema_of(2, IdType::string), 4);
  // Heap first: entries far above the mean.
  for (std::uint64_t i = 0; i < 40; ++i) put(*store, ids, i, i, std::string(3000 + i * 10, ' '));
  // Records: removals take one, and no slot.
  for (std::uint64_t i = 0; i < 2000; ++i) {
    put(*store, ids, 1, i);
    (void)take(store->append(Group(ids).remove(1)));
  }
  expect(take(store->stats()).extents > 3);
  const auto before = contents(*store);
  expect(contents(*open(disk, kPath)) == before);
});

const Test kFull("store_test", "a full disk fails the operation and nothing else", [] {
  SimFileSystem disk;
  Ids ids(IdType::int64);
  const auto store = create(disk, kPath, schema_of(16), 4);
  for (std::uint64_t i = 0; i < 4; ++i) put(*store, ids, i, i);
  disk.set_free_bytes(1000);
  const auto size = take(disk.stat(kPath)).size;
  const auto result = store->append(Group(ids).put(4, vector_of(16, 4)));
  expect_code(result.status(), Code::no_space);
  expect_equal(take(disk.stat(kPath)).size, size);
  expect_equal(contents(*store).size(), 4U);
  expect_ok(store->flush());
  (void)take(store->append(Group(ids).remove(0)));
  disk.set_free_bytes(std::uint64_t{1} << 40);
  put(*store, ids, 4, 4);
  expect_equal(contents(*open(disk, kPath)).size(), 4U);
});

const Test kDamage("store_test", "damage is found by whoever needs the bytes, once", [] {
  for_kinds([](const format::Schema& schema) {
    for (const unsigned part :
         {engine::Checker::vector, engine::Checker::code, engine::Checker::heap}) {
      if (part == engine::Checker::code && !schema.has_codes) continue;
      SimFileSystem disk;
      Ids ids(schema.id_type);
      const auto geometry = [&] {
        const auto store = create(disk, kPath, schema);
        for (std::uint64_t i = 0; i < 10; ++i) put(*store, ids, i, i, R"({"k":5})");
        expect_ok(store->close());
        return *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(16));
      }();
      const std::uint64_t at =
          part == engine::Checker::vector ? geometry.vectors_offset + 5 * schema.vector_stride()
          : part == engine::Checker::code ? geometry.codes_offset + 5 * schema.code_stride()
                                          : geometry.heap_offset + 5 * 16 + 12;
      disk.damage(kPath, at, disk.bytes(kPath)[at] ^ std::byte{0x40});
      const auto store = open(disk, kPath);
      int damaged = 0;
      for (std::uint64_t i = 0; i < 10; ++i) {
        const auto entry = store->read().get(ids(i), part);
        if (entry.status().code() == Code::corrupt)
          ++damaged;
        else
          expect_ok(entry.status());
      }
      expect_equal(damaged, 1);
    }
  });
});

const Test kHeadCopy("store_test", "a damaged header is read from its copy and repaired", [] {
  SimFileSystem disk;
  Ids ids(IdType::int64);
  {
    put(*create(disk, kPath, schema_of(4)), ids, 1, 1);
  }
  const auto original = disk.bytes(kPath);
  disk.damage(kPath, 8, std::byte{9});
  {
    const auto store = open(disk, kPath);
    expect_equal(contents(*store).size(), 1U);
    put(*store, ids, 2, 2);
  }
  expect(std::equal(original.begin(), original.begin() + 12, disk.bytes(kPath).begin()));
  disk.damage(kPath, 8, std::byte{9});
  disk.damage(kPath, format::kHeadCopyOffset + 8, std::byte{9});
  expect_code(try_open(disk, kPath).status(), Code::corrupt);
});

const Test kVersion("store_test", "another format version or an unknown feature is refused", [] {
  SimFileSystem disk;
  {
    (void)create(disk, kPath, schema_of(4));
  }
  disk.damage(kPath, 4, std::byte{2});
  expect_equal(open(disk, kPath)->live(), 0U);  // one copy says 1: a damaged byte
  disk.damage(kPath, format::kHeadCopyOffset + 4, std::byte{2});
  expect_code(try_open(disk, kPath).status(), Code::version);
});

}  // namespace
}  // namespace jvdb::test

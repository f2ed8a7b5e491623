// Files as a compaction leaves them: records with gaps in their LSNs below a history floor, in
// extents that hold exactly them. Written here byte by byte, as docs/format.md says.
#include <cstring>

#include "base/crc32c.h"
#include "check.h"
#include "format/seal.h"
#include "simd/kernels.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using format::ExtentGeometry;
using format::Record;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 4;
constexpr std::uint32_t kEpoch = 77;

struct Old {
  std::uint64_t lsn;
  std::uint64_t id;
};

// A database of int64 ids, compacted at `floor`: `extents` are the records in each extent.
class Compacted {
 public:
  Compacted(std::uint64_t floor, const std::vector<std::vector<Old>>& extents) {
    file_ = take(disk.create(kPath));
    std::uint64_t offset = format::kFirstExtentOffset;
    std::uint32_t seq = 0;
    std::uint64_t count = 0;
    for (const std::vector<Old>& records : extents) {
      const auto size = static_cast<std::uint32_t>(records.size());
      const ExtentGeometry extent = *format::lay_out(schema, offset, {size, size, 0});
      if (++seq == 1) head_ = format::make_head(schema, extent, uuid_, 1000, 5);
      const auto header =
          format::make_extent_header(extent, schema, uuid_, seq, records[0].lsn, kEpoch);
      expect_ok(file_->resize(extent.end()));
      expect_ok(file_->write(offset, &header, sizeof header));
      for (std::uint32_t i = 0; i < size; ++i) put(extent, i, records[i]);
      offset = extent.end();
      count += size;
    }
    block.generation = 2;
    block.durable_lsn = floor;
    block.epoch_start_lsn = floor + 1;
    block.epoch = kEpoch;
    block.extent_count = seq;
    block.live_count = count;
    block.history_floor_lsn = floor;
    block.floor_records = count;
    write_heads();
  }
  void write_heads() {
    block.crc = format::crc_of(block);
    expect_ok(file_->write(0, &head_, sizeof head_));
    expect_ok(file_->write(format::kHeadCopyOffset, &head_, sizeof head_));
    expect_ok(file_->write(format::kSuperblockOffsets[0], &block, sizeof block));
  }

  SimFileSystem disk;
  format::Schema schema = schema_of(kDimension);
  format::Superblock block{};

 private:
  void put(const ExtentGeometry& extent, std::uint32_t slot, const Old& old) {
    const Vector vector = vector_of(kDimension, old.id);
    std::array<std::uint8_t, 64> code;
    const auto encoded =
        simd::kernels().encode(vector.data(), kDimension, code.data(), code.size());
    Record record{};
    record.id = old.id;
    record.offset = extent.vectors_offset + slot * schema.vector_stride();
    record.size = schema.vector_bytes();
    record.flags = static_cast<std::uint32_t>(format::Operation::put);
    record.lsn = old.lsn;
    record.timestamp_us = old.lsn * 10;
    record.created_us = old.lsn * 10;
    record.epoch = kEpoch;
    record.vector_crc = crc32c(vector.data(), schema.vector_bytes());
    record.code_scale = encoded.scale;
    record.code_error = encoded.error;
    record.code_crc = crc32c(code.data(), code.size());
    record.record_crc = format::crc_of(record);
    expect_ok(file_->write(record.offset, vector.data(), schema.vector_bytes()));
    expect_ok(
        file_->write(extent.codes_offset + slot * schema.code_stride(), code.data(), code.size()));
    expect_ok(file_->write(extent.records_offset() + slot * sizeof record, &record, sizeof record));
  }

  std::unique_ptr<os::File> file_;
  format::Uuid uuid_{1, 2, 3};
  format::Head head_;
};

const std::vector<std::vector<Old>> kExtents = {{{3, 30}, {9, 90}, {10, 100}},
                                                {{40, 400}, {41, 410}}};

void expect_ids(engine::Store& store, const std::vector<std::uint64_t>& ids) {
  std::map<std::string, Stored> expected;
  for (const std::uint64_t id : ids) expected[std::to_string(id)] = {vector_of(kDimension, id), ""};
  expect(contents(store) == expected);
}

const Test kReads(
    "compacted_test", "records with gaps below the floor are read, and writing goes on", [] {
      Compacted file(50, kExtents);
      Ids ids(format::IdType::int64);
      {
        const auto store = open(file.disk, kPath);
        expect_equal(store->last_lsn(), 50U);
        expect_ids(*store, {30, 90, 100, 400, 410});
        expect_equal(take(store->append(Group(ids).put(1, vector_of(kDimension, 1)))).lsn, 51U);
        (void)take(store->append(Group(ids).remove(90)));
        (void)take(store->append(Group(ids).put(400, vector_of(kDimension, 400))));
        expect_ids(*store, {1, 30, 100, 400, 410});
      }
      const auto store = open(file.disk, kPath);
      expect_equal(store->last_lsn(), 53U);
      expect_ids(*store, {1, 30, 100, 400, 410});
    });

const Test kChanges("compacted_test", "changes: all that is left, or what followed the floor", [] {
  Compacted file(50, kExtents);
  Ids ids(format::IdType::int64);
  const auto store = open(file.disk, kPath);
  expect(lsns_since(*store, 50).empty());
  (void)take(store->append(Group(ids).put(1, vector_of(kDimension, 1)).remove(90)));
  expect(lsns_since(*store, 0) == std::vector<std::uint64_t>{3, 9, 10, 40, 41, 51, 52});
  expect(lsns_since(*store, 50) == std::vector<std::uint64_t>{51, 52});
  expect(lsns_since(*store, 51) == std::vector<std::uint64_t>{52});
  const auto snapshot = store->snapshot();
  for (const std::uint64_t since : {1U, 10U, 49U}) {
    const auto changes = engine::Changes::since(*snapshot, since);
    expect_code(changes.status(), Code::not_found);
  }
});

const Test kFloorRule("compacted_test", "rule 9: without floor records such a file can't be read",
                      [] {
                        Compacted file(50, kExtents);
                        engine::OpenOptions options;
                        options.protocol.floor_records = false;
                        expect_code(try_open(file.disk, kPath, options).status(), Code::corrupt);
                      });

const Test kExactly("compacted_test", "rule 9: exactly as many floor records as promised", [] {
  for (const int difference : {-1, 1}) {
    Compacted file(50, kExtents);
    file.block.floor_records = static_cast<std::uint64_t>(5 + difference);
    file.write_heads();
    expect_code(try_open(file.disk, kPath).status(), Code::corrupt);
  }
});

const Test kOrder("compacted_test", "rule 9: their LSNs rise and stay below the floor", [] {
  Compacted falling(50, {{{3, 30}, {9, 90}, {9, 91}}});
  expect_code(try_open(falling.disk, kPath).status(), Code::corrupt);
  Compacted above(50, {{{3, 30}, {9, 90}, {51, 91}}});
  expect_code(try_open(above.disk, kPath).status(), Code::corrupt);
});

const Test kEarlyExtent("compacted_test", "an extent that begins below the floor rewrites nothing",
                        [] {
                          Compacted file(50, {{{3, 30}, {9, 90}}, {{50, 91}}});
                          file.block.extent_count = 1;
                          file.block.floor_records = 2;
                          file.write_heads();
                          engine::OpenOptions reading;
                          reading.read_only = true;
                          const auto reader = open(file.disk, kPath, reading);
                          expect_ids(*reader, {30, 90});
                          expect(take(reader->refresh()) == engine::Follower::Outcome::unchanged);
                        });

}  // namespace
}  // namespace jvdb::test

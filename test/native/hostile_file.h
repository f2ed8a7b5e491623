// A database file whose fields a test alters one at a time, with every checksum above them made
// right again: what a checksum can't find, the engine must. Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "check.h"
#include "format/parse.h"
#include "format/seal.h"
#include "store_fixture.h"

namespace jvdb::test {

// A field given another value.
template <typename T>
struct Case {
  const char* what;
  void (*change)(T&);
  Code expected = Code::corrupt;
};

class HostileFile {
 public:
  static constexpr char path[] = "db.jvdb";

  explicit HostileFile(const std::vector<std::byte>& bytes) {
    file_ = take(disk.create(path));
    expect_ok(file_->write(0, bytes.data(), bytes.size()));
    was_ = take(format::parse_file(*file_));
  }

  // As it was before it was altered.
  const format::ParsedFile& was() const noexcept { return was_; }
  Status parse() const { return format::parse_file(*file_).status(); }

  template <typename T>
  T read(std::uint64_t offset) const {
    T out;
    expect_ok(file_->read(offset, &out, sizeof out));
    return out;
  }
  template <typename T>
  void write(std::uint64_t offset, const T& value) {
    expect_ok(file_->write(offset, &value, sizeof value));
  }

  // Each of these changes a structure and seals it again. The header is changed with its copy.
  template <typename Change>
  void change_head(Change&& change) {
    for (const std::uint64_t offset : {std::uint64_t{0}, format::kHeadCopyOffset}) {
      auto head = read<format::Head>(offset);
      change(head);
      head.header.header_crc = format::crc_of(head);
      write(offset, head);
    }
  }
  // The newest superblock.
  template <typename Change>
  void change_superblock(Change&& change) {
    format::Superblock block = was_.superblock;
    change(block);
    block.crc = format::crc_of(block);
    write(format::kSuperblockOffsets[was_.superblock.generation % 2], block);
  }
  template <typename Change>
  void change_extent(std::uint32_t seq, Change&& change) {
    const std::uint64_t offset = was_.extents.at(seq - 1).geometry.offset;
    auto header = read<format::ExtentHeader>(offset);
    change(header);
    header.crc = format::crc_of(header);
    write(offset, header);
  }
  template <typename Change>
  void change_record(std::uint64_t lsn, Change&& change) {
    const std::uint64_t offset = record_at(lsn);
    auto record = read<format::Record>(offset);
    change(record);
    record.record_crc = format::crc_of(record);
    write(offset, record);
  }
  // The bytes of a record's heap entry, prefix and padding included.
  template <typename Change>
  void change_heap(std::uint64_t lsn, Change&& change) {
    const auto record = read<format::Record>(record_at(lsn));
    std::vector<std::byte> entry(std::size_t{record.heap_length} * format::kHeapUnit);
    const std::uint64_t offset = heap_at(lsn);
    expect_ok(file_->read(offset, entry.data(), entry.size()));
    change(std::span(entry));
    expect_ok(file_->write(offset, entry.data(), entry.size()));
    change_record(
        lsn, [&](format::Record& owner) { owner.heap_crc = crc32c(entry.data(), entry.size()); });
  }

  // Where the record with this LSN lies, which was found in its place before it was altered.
  std::uint64_t record_at(std::uint64_t lsn) const {
    const format::ParsedExtent& extent = extent_of(lsn);
    return extent.geometry.records_offset() + (lsn - extent.base_lsn) * sizeof(format::Record);
  }
  std::uint64_t vector_at(std::uint64_t lsn) const {
    return read<format::Record>(record_at(lsn)).offset;
  }
  std::uint64_t heap_at(std::uint64_t lsn) const {
    return extent_of(lsn).geometry.heap_offset +
           std::uint64_t{read<format::Record>(record_at(lsn)).heap_offset} * format::kHeapUnit;
  }

  SimFileSystem disk;

 private:
  const format::ParsedExtent& extent_of(std::uint64_t lsn) const {
    const auto after = std::upper_bound(
        was_.extents.begin(), was_.extents.end(), lsn,
        [](std::uint64_t wanted, const auto& extent) { return wanted < extent.base_lsn; });
    return *(after - 1);
  }

  std::unique_ptr<os::File> file_;
  format::ParsedFile was_;
};

// A small history, and the file that holds it.
struct Built {
  format::Schema schema;
  std::vector<std::byte> bytes;
  std::map<std::uint64_t, std::map<std::string, Stored>> history;  // by last LSN
  std::uint64_t last_lsn = 0;
};

inline constexpr std::uint64_t kFirstExtentSlots = 8;
inline constexpr std::uint64_t kRemovalLsn = 10;
inline constexpr std::uint64_t kGroupLsn = 12;      // of the first in a group of three
inline constexpr std::uint64_t kLastGroupLsn = 18;  // the same
inline constexpr std::uint64_t kLastLsn = 20;

// Two extents: LSNs 1 to 8 lie in the first, which has no slot left, the others in the second.
// Flushed after `durable_lsn`, and closed in order if that is the last.
inline Built build(const format::Schema& schema, std::uint64_t durable_lsn = kLastLsn) {
  SimFileSystem disk;
  Ids ids(schema.id_type);
  const auto store = create(disk, HostileFile::path, schema, kFirstExtentSlots);
  Built out{schema, {}, {}, 0};
  out.history[0] = {};
  const auto append = [&](const Group& group) {
    out.last_lsn = take(store->append(group)).lsn;
    out.history[out.last_lsn] = contents(*store);
    if (out.last_lsn == durable_lsn) expect_ok(store->flush());
  };
  const auto vector = [&](std::uint64_t seed) { return vector_of(schema.dimension, seed); };
  for (std::uint64_t i = 1; i <= kFirstExtentSlots; ++i)
    append(Group(ids).put(i, vector(i), i % 2 == 1 ? R"({"odd":true})" : ""));
  append(Group(ids).put(9, vector(9), R"({"nine":9})"));
  append(Group(ids).remove(2));
  append(Group(ids).put(3, vector(30), R"({"n":30})"));
  append(Group(ids).put(10, vector(10), "{}").put(11, vector(11)).remove(4));
  append(Group(ids).put(12, vector(12), R"({"n":12})"));
  append(Group(ids).put(5, vector(50), R"({"n":50})"));
  append(Group(ids).remove(6));
  append(Group(ids).put(13, vector(13), "{}").put(14, vector(14), "{}").remove(1));
  expect_equal(out.last_lsn, kLastLsn);
  expect_equal(take(store->stats()).extents, 2U);
  if (durable_lsn == kLastLsn) expect_ok(store->close());
  out.bytes = disk.bytes(HostileFile::path);
  return out;
}

// With and without codes and padding, for both types of ids.
inline void for_hostile_kinds(const std::function<void(const format::Schema&)>& body) {
  for (const format::IdType type : {format::IdType::int64, format::IdType::string}) {
    for (const bool codes : {true, false}) {
      format::Schema schema = schema_of(codes ? 3 : 16, type);
      schema.has_codes = codes;
      body(schema);
    }
  }
}

}  // namespace jvdb::test

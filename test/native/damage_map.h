// What damage to each byte of a recorded file must come to. A file in which one bit flipped either
// opens with a state it once had, or is refused. Where a record above the durable LSN is hit, that
// state is the one before its group, for a crash could have left the same bytes; everything else
// that opens is whole, but for the one entry whose vector, code, id or metadata is hit: reading
// that is an error. Threads: plain data.
#pragma once

#include <algorithm>

#include "engine/checker.h"
#include "recorded_history.h"

namespace jvdb::test {

struct Outcome {
  bool opens = true;
  std::uint64_t lsn = 0;          // at which it opens
  std::uint64_t damaged_lsn = 0;  // the record whose payload is damaged, 0 for none
  unsigned damaged_parts = 0;     // of Checker
};

// Bytes that all come to the same.
struct Region {
  std::uint64_t begin;
  std::uint64_t end;
  const char* what;
  Outcome outcome;
  bool means_something = true;  // else padding, where one bit of a byte is as good as another
};

class DamageMap {
 public:
  DamageMap(const Recorded& file, const format::ParsedFile& parsed) : file_(file), parsed_(parsed) {
    add_head(0, "header");
    for (const std::uint64_t offset : format::kSuperblockOffsets) {
      add(offset, sizeof(format::Superblock), "superblock", whole());
    }
    add_head(format::kHeadCopyOffset, "copy of the header");
    for (std::size_t i = 0; i < parsed.extents.size(); ++i) add_extent(i);
    std::sort(regions_.begin(), regions_.end(),
              [](const Region& a, const Region& b) { return a.begin < b.begin; });
  }

  // In order. What lies between them means nothing: the file stays whole.
  const std::vector<Region>& regions() const noexcept { return regions_; }
  Outcome whole() const { return {true, file_.last_lsn(), 0, 0}; }

  // What the file comes to when it is cut off at `size`. What lies in an extent that the superblock
  // counts is safe or refused. An extent behind these was never made durable: without it the file
  // is what a crash before its first write would have left.
  Outcome cut_at(std::uint64_t size) const {
    if (size < format::kFirstExtentOffset) return refused();
    for (std::size_t i = 0; i < parsed_.extents.size(); ++i) {
      if (size < parsed_.extents[i].geometry.end()) return without_extent(i);
    }
    return whole();
  }

 private:
  static Outcome refused() { return {false, 0, 0, 0}; }
  bool durable(std::uint64_t lsn) const { return lsn <= parsed_.superblock.durable_lsn; }
  Outcome until(std::uint64_t lsn) const { return {true, file_.before(lsn), 0, 0}; }
  Outcome without_extent(std::size_t index) const {
    if (index < parsed_.superblock.extent_count) return refused();
    return until(parsed_.extents[index].base_lsn);
  }

  void add(std::uint64_t begin, std::uint64_t size, const char* what, const Outcome& outcome) {
    if (size > 0) regions_.push_back({begin, begin + size, what, outcome});
  }

  void add_padding(std::uint64_t begin, std::uint64_t size) {
    add(begin, size, "padding", whole());
    if (size > 0) regions_.back().means_something = false;
  }

  void add_head(std::uint64_t offset, const char* what) {
    constexpr std::uint64_t zeros =
        offsetof(format::Head, identity) + offsetof(format::Identity, zeros);
    add(offset, zeros, what, whole());
    add_padding(offset + zeros, sizeof(format::Head) - zeros);
  }

  void add_extent(std::size_t index) {
    const format::ParsedExtent& extent = parsed_.extents[index];
    add(extent.geometry.offset, sizeof(format::ExtentHeader), "extent header",
        without_extent(index));
    const std::uint64_t next = index + 1 < parsed_.extents.size()
                                   ? parsed_.extents[index + 1].base_lsn
                                   : file_.last_lsn() + 1;
    std::uint64_t at = extent.geometry.records_offset();
    for (std::uint64_t lsn = extent.base_lsn; lsn < next; ++lsn, at += sizeof(format::Record)) {
      add(at, sizeof(format::Record), "record", durable(lsn) ? refused() : until(lsn));
      format::Record record;
      std::memcpy(&record, file_.bytes.data() + at, sizeof record);
      add_payload(extent.geometry, record);
    }
    // What a failed append or a crash left there, if anything.
    add(at, 2 * sizeof(format::Record), "record behind the last", whole());
  }

  void add_payload(const format::ExtentGeometry& extent, const format::Record& record) {
    using engine::Checker;
    add(extent.heap_offset + std::uint64_t{record.heap_offset} * format::kHeapUnit,
        std::uint64_t{record.heap_length} * format::kHeapUnit, "heap entry",
        payload_outcome(record, Checker::heap));
    if (format::operation_of(record) != format::Operation::put) return;
    add(record.offset, file_.schema.vector_bytes(), "vector",
        payload_outcome(record, Checker::vector));
    add_padding(record.offset + file_.schema.vector_bytes(),
                file_.schema.vector_stride() - file_.schema.vector_bytes());
    const std::uint64_t slot =
        (record.offset - extent.vectors_offset) / file_.schema.vector_stride();
    add(extent.codes_offset + slot * file_.schema.code_stride(), file_.schema.code_stride(), "code",
        payload_outcome(record, Checker::code));
  }

  Outcome payload_outcome(const format::Record& record, unsigned part) const {
    if (!durable(record.lsn)) return until(record.lsn);
    // Opening compares the texts of records that have the same hash.
    const std::uint64_t id = file_.ids.at(record.lsn);
    const auto records = std::count_if(file_.ids.begin(), file_.ids.end(),
                                       [=](const auto& item) { return item.second == id; });
    const bool compared = file_.schema.id_type == format::IdType::string && records > 1;
    if (part == engine::Checker::heap && compared) return refused();
    return {true, file_.last_lsn(), record.lsn, part};
  }

  const Recorded& file_;
  const format::ParsedFile& parsed_;
  std::vector<Region> regions_;
};

}  // namespace jvdb::test

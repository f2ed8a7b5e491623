#include "engine/write_again.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "format/seal.h"

namespace jvdb::engine {
namespace {

using format::Record;

// Records and slots of one extent that are not durable.
struct Range {
  const Extent* extent;
  std::uint32_t records_begin, records_end;
  std::uint32_t slots_begin, slots_end;
};

// Through a buffer: the bytes come from the pages that they go to.
class Copier {
 public:
  explicit Copier(os::File& file) : file_(file), buffer_(std::size_t{1} << 20) {}

  Status copy(std::uint64_t at, const std::byte* from, std::uint64_t size) {
    for (Status status; size > 0;) {
      const std::size_t piece = std::min<std::uint64_t>(size, buffer_.size());
      std::memcpy(buffer_.data(), from, piece);
      status = file_.intact();  // zeros would overwrite what a disk may yet give back
      if (status) status = file_.write(at, buffer_.data(), piece);
      if (!status) return status;
      at += piece;
      from += piece;
      size -= piece;
    }
    return {};
  }

 private:
  os::File& file_;
  std::vector<std::byte> buffer_;
};

Status copy_columns(Copier& copier, const format::Schema& schema, const Range& range) {
  const Extent& extent = *range.extent;
  const format::ExtentGeometry& geometry = extent.geometry();
  const std::uint64_t slots = range.slots_end - range.slots_begin;
  const auto column = [&](std::uint64_t offset, std::uint64_t stride) {
    const std::uint64_t at = offset + range.slots_begin * stride;
    return copier.copy(at, extent.at(at), slots * stride);
  };
  Status status = column(geometry.vectors_offset, schema.vector_stride());
  if (status && schema.has_codes) status = column(geometry.codes_offset, schema.code_stride());
  return status;
}

Status copy_records_and_heap(Copier& copier, const Range& range) {
  const Extent& extent = *range.extent;
  const Record* begin = extent.records() + range.records_begin;
  const Record* end = extent.records() + range.records_end;
  std::uint64_t heap_begin = 0;
  std::uint64_t heap_end = 0;
  for (const Record* record = begin; record != end; ++record) {
    if (record->heap_length == 0) continue;
    const std::uint64_t at = std::uint64_t{record->heap_offset} * format::kHeapUnit;
    if (heap_end == 0) heap_begin = at;
    heap_end = at + std::uint64_t{record->heap_length} * format::kHeapUnit;
  }
  const std::uint64_t heap = extent.geometry().heap_offset + heap_begin;
  Status status = copier.copy(heap, extent.at(heap), heap_end - heap_begin);
  if (!status) return status;
  const std::uint64_t records =
      extent.geometry().records_offset() + std::uint64_t{range.records_begin} * sizeof(Record);
  return copier.copy(records, extent.at(records),
                     std::uint64_t{range.records_end - range.records_begin} * sizeof(Record));
}

// Afterwards, when it can no longer be evicted unwritten.
bool is_whole(const Range& range) noexcept {
  const Extent& extent = *range.extent;
  std::uint32_t slot = range.slots_begin;
  for (std::uint32_t i = range.records_begin; i < range.records_end; ++i) {
    const Record& record = extent.record(i);
    if (record.record_crc != format::crc_of(record) || record.lsn != extent.base_lsn() + i ||
        !extent.heap_matches(record)) {
      return false;
    }
    if (format::operation_of(record) != format::Operation::put) continue;
    if (slot == range.slots_end || !extent.vector_matches(record, slot) ||
        !extent.code_matches(record, slot)) {
      return false;
    }
    ++slot;
  }
  return slot == range.slots_end;
}

}  // namespace

Status write_again(os::File& file, const Catalog& catalog, const format::Schema& schema,
                   std::uint64_t durable_lsn) {
  const Point end = catalog.point();
  if (end.lsn <= durable_lsn) return {};
  const std::vector<Extent*> extents = catalog.extents();
  const std::uint32_t first_slot = catalog.first_slot_above(durable_lsn);
  Copier copier(file);
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const Extent& extent = *extents[i];
    const bool last = i + 1 == extents.size();
    const std::uint64_t next_lsn = last ? end.lsn + 1 : extents[i + 1]->base_lsn();
    const std::uint32_t next_slot = last ? end.slot_end : extents[i + 1]->first_slot();
    if (next_lsn <= durable_lsn + 1) continue;  // as are all that a compaction wrote
    const std::uint64_t first_lsn = std::max(durable_lsn + 1, extent.base_lsn());
    const Range range{&extent, static_cast<std::uint32_t>(first_lsn - extent.base_lsn()),
                      static_cast<std::uint32_t>(next_lsn - extent.base_lsn()),
                      std::max(first_slot, extent.first_slot()) - extent.first_slot(),
                      next_slot - extent.first_slot()};
    Status status = copy_columns(copier, schema, range);
    if (status) status = copy_records_and_heap(copier, range);
    if (!status) return status;
    if (!is_whole(range)) {
      return {Code::io, text(file.path(),
                             " is no longer what it was when it was opened: what was "
                             "written before never reached the disk; open it again")};
    }
  }
  return {};
}

}  // namespace jvdb::engine

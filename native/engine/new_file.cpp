#include "engine/new_file.h"

#include <algorithm>

#include "base/checked.h"
#include "base/text.h"
#include "engine/clock.h"
#include "format/seal.h"
#include "os/random.h"

namespace jvdb::engine {

using format::ExtentCounts;
using format::ExtentGeometry;
using format::Record;

namespace {

// Large enough for few system calls; small enough that what was compared with its checksum is still
// in the cache when it is written.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kChunkRows = 1024;  // slices of one call
constexpr std::uint64_t kLargestExtent = std::uint64_t{1} << 30;
constexpr std::uint32_t kFirstSlots = 64;  // of a file that begins empty

}  // namespace

NewFile::NewFile(os::File& file, const Origin& origin, Job& job)
    : file_(file), origin_(origin), job_(job), epoch_(os::random_nonzero_u32()) {}

Status NewFile::add_floor(Rows& rows, std::uint64_t floor_lsn, std::uint64_t floor_time_us) {
  Status status = add(rows, true);
  if (!status) return status;
  begin_behind(floor_lsn, floor_time_us);
  for (const format::ParsedExtent& extent : extents_)
    floor_.records += extent.geometry.counts.records;
  return {};
}

void NewFile::begin_behind(std::uint64_t lsn, std::uint64_t time_us) noexcept {
  floor_ = {lsn, 0, time_us};
  lsn_ = lsn;
  epoch_start_lsn_ = lsn + 1;
}

Status NewFile::add_history(Rows& rows) {
  return add(rows, false);
}

Status NewFile::add(Rows& rows, bool floor) {
  Row row;
  for (;;) {
    auto more = rows.next(row);
    if (!more) return more.status();
    if (!*more) return write_chunk();
    if (extents_.empty() || !fits(row)) {
      Status status = write_chunk();
      if (status) status = open_extent(row, rows);
      if (!status) return status;
    }
    if (Status status = add_row(row, floor); !status) return status;
    if (chunk_.records.empty()) rows.release();
  }
}

bool NewFile::fits(const Row& row) const noexcept {
  const ExtentCounts& room = extents_.back().geometry.counts;
  const std::uint64_t heap = std::uint64_t{row.record.heap_length} * format::kHeapUnit;
  return fill_.records < room.records && fill_.heap + heap <= room.heap_bytes &&
         (row.vector == nullptr || fill_.slots < room.slots);
}

Status NewFile::add_row(const Row& row, bool floor) {
  if (chunk_.records.empty()) chunk_.at = fill_;
  const format::Schema& schema = origin_.schema;
  const ExtentGeometry& extent = extents_.back().geometry;
  Record record = row.record;
  record.epoch = epoch_;
  if (floor) record.flags &= ~format::kMoreFlag;
  if (row.vector != nullptr) {
    record.offset = extent.vectors_offset + std::uint64_t{fill_.slots} * schema.vector_stride();
    os::add_slice(chunk_.vectors, row.vector, schema.vector_stride());
    if (schema.has_codes) os::add_slice(chunk_.codes, row.code, schema.code_stride());
    fill_.slots += 1;
    chunk_.bytes += schema.vector_stride() + schema.code_stride();
  }
  if (const std::uint64_t heap = std::uint64_t{record.heap_length} * format::kHeapUnit; heap > 0) {
    record.heap_offset = static_cast<std::uint32_t>(fill_.heap / format::kHeapUnit);
    os::add_slice(chunk_.heap, row.heap, heap);
    fill_.heap += heap;
    chunk_.bytes += heap;
  }
  record.record_crc = format::crc_of(record);
  chunk_.records.push_back(record);
  chunk_.bytes += sizeof record;
  fill_.records += 1;
  lsn_ = record.lsn;
  const bool full = chunk_.bytes >= kChunkBytes || chunk_.records.size() == kChunkRows;
  return full ? write_chunk() : Status();
}

Status NewFile::write_chunk() {
  if (chunk_.records.empty()) return {};
  const ExtentGeometry& extent = extents_.back().geometry;
  const auto put = [&](std::uint64_t offset, std::span<const os::Slice> slices) {
    if (slices.empty()) return Status();
    Status status = file_.write(offset, slices);
    std::uint64_t size = 0;
    for (const os::Slice& slice : slices) size += slice.size;
    file_.start_writeback(offset, size);
    return status;
  };
  const std::uint64_t slot = chunk_.at.slots;
  Status status =
      put(extent.vectors_offset + slot * origin_.schema.vector_stride(), chunk_.vectors);
  if (status) status = put(extent.codes_offset + slot * origin_.schema.code_stride(), chunk_.codes);
  if (status) status = put(extent.heap_offset + chunk_.at.heap, chunk_.heap);
  const os::Slice records{chunk_.records.data(), chunk_.records.size() * sizeof(Record)};
  if (status) {
    status = put(extent.records_offset() + std::uint64_t{chunk_.at.records} * sizeof(Record),
                 std::span(&records, 1));
  }
  if (status) status = job_.advance(chunk_.bytes);
  chunk_.records.clear();
  chunk_.vectors.clear();
  chunk_.codes.clear();
  chunk_.heap.clear();
  chunk_.bytes = 0;
  return status;
}

// With room for exactly the rows to come, or as many of them as an extent holds.
Status NewFile::open_extent(const Row& first, Rows& rows) {
  const format::Schema& schema = origin_.schema;
  const std::uint64_t put_bytes = schema.vector_stride() + schema.code_stride();
  ExtentCounts counts;
  std::uint64_t bytes = 0;
  const auto take = [&](const RowSize& row) {
    counts.records += 1;
    counts.slots += row.put ? 1 : 0;
    counts.heap_bytes += row.heap;
    bytes += sizeof(Record) + row.heap + (row.put ? put_bytes : 0);
  };
  take({first.vector != nullptr, std::uint64_t{first.record.heap_length} * format::kHeapUnit});
  rows.rewind();
  while (bytes < kLargestExtent) {
    const auto row = rows.peek();
    if (!row) break;
    take(*row);
  }
  const std::uint64_t offset =
      extents_.empty() ? format::kFirstExtentOffset : extents_.back().geometry.end();
  const auto geometry = format::lay_out(schema, offset, counts);
  if (!geometry) return {Code::no_space, text("the file cannot grow beyond ", offset, " bytes")};
  return begin_extent(*geometry, first.record.lsn);
}

Status NewFile::begin_extent(const ExtentGeometry& geometry, std::uint64_t base_lsn) {
  Status status = file_.resize(geometry.end());
  if (!status) return status;
  const auto seq = static_cast<std::uint32_t>(extents_.size() + 1);
  const format::ExtentHeader header =
      format::make_extent_header(geometry, origin_.schema, origin_.uuid, seq, base_lsn, epoch_);
  status = file_.write(geometry.offset, &header, sizeof header);
  if (!status) return status;
  extents_.push_back({geometry, base_lsn, epoch_});
  fill_ = {};
  return {};
}

Status NewFile::copy_history(const os::File& from, const Snapshot& snapshot,
                             std::uint64_t last_lsn) {
  const std::vector<Extent*>& extents = snapshot.extents();
  std::uint64_t floor_left = snapshot.history_floor().records;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const std::uint64_t base_lsn = extents[i]->base_lsn();
    std::uint64_t records = extents[i]->geometry().counts.records;
    if (floor_left > 0) {  // they hold exactly its records
      floor_left -= std::min(floor_left, records);
    } else {
      if (i > 0 && base_lsn > last_lsn) break;
      std::uint64_t end = last_lsn + 1;
      if (i + 1 < extents.size()) end = std::min(end, extents[i + 1]->base_lsn());
      records = end - base_lsn;
    }
    Status status = begin_extent(extents[i]->geometry(), base_lsn);
    if (status) status = copy_extent(from, snapshot, i, static_cast<std::uint32_t>(records));
    if (!status) return status;
  }
  // Nothing is written behind what was copied.
  const ExtentCounts& last = extents_.back().geometry.counts;
  fill_ = {last.records, last.slots, last.heap_bytes};
  floor_ = snapshot.history_floor();
  lsn_ = last_lsn;
  epoch_start_lsn_ = last_lsn + 1;
  return {};
}

Status NewFile::copy_extent(const os::File& from, const Snapshot& snapshot, std::size_t index,
                            std::uint32_t records) {
  const Extent& extent = *snapshot.extents()[index];
  const format::Schema& schema = origin_.schema;
  const ExtentGeometry& geometry = extent.geometry();
  const std::uint32_t* of_slots = extent.slots.record.data();
  const std::uint32_t used = snapshot.run(index).count;
  const auto slots =
      static_cast<std::uint64_t>(std::lower_bound(of_slots, of_slots + used, records) - of_slots);
  std::uint64_t heap = 0;
  for (std::uint32_t i = records; i-- > 0 && heap == 0;) {
    const Record& record = extent.record(i);
    if (record.heap_length == 0) continue;
    heap = (std::uint64_t{record.heap_offset} + record.heap_length) * format::kHeapUnit;
  }
  heap = std::min(heap, geometry.counts.heap_bytes);
  const auto copy = [&](std::uint64_t offset, std::uint64_t size) {
    for (Status status; size > 0;) {
      const std::uint64_t piece = std::min<std::uint64_t>(size, std::uint64_t{8} << 20);
      status = file_.copy(from, offset, offset, piece);
      file_.start_writeback(offset, piece);
      if (status) status = job_.advance(piece);
      if (!status) return status;
      offset += piece;
      size -= piece;
    }
    return Status();
  };
  Status status = copy(geometry.records_offset(), std::uint64_t{records} * sizeof(Record));
  if (status) status = copy(geometry.vectors_offset, slots * schema.vector_stride());
  if (status && schema.has_codes)
    status = copy(geometry.codes_offset, slots * schema.code_stride());
  if (status) status = copy(geometry.heap_offset, heap);
  return status;
}

Status NewFile::write_heads(const Counts& counts, std::uint32_t feature_incompat) {
  if (extents_.empty()) {
    const auto first = format::lay_out(origin_.schema, format::kFirstExtentOffset,
                                       format::first_extent(kFirstSlots));
    if (Status status = begin_extent(*first, lsn_ + 1); !status) return status;
  }
  format::Head head = format::make_head(origin_.schema, extents_.front().geometry, origin_.uuid,
                                        origin_.created_us, origin_.id_hash_seed, feature_incompat);
  head.header.vector_count = counts.live;
  format::Superblock block{};
  block.generation = generation_++;
  block.durable_lsn = lsn_;
  block.epoch_start_lsn = epoch_start_lsn_;
  block.epoch = epoch_;
  block.extent_count = static_cast<std::uint32_t>(extents_.size());
  block.live_count = counts.live;
  block.dead_count = counts.dead;
  block.history_floor_lsn = floor_.lsn;
  block.floor_records = floor_.records;
  block.history_floor_time_us = floor_.time_us;
  block.durable_time_us = now_us();
  block.clean = 1;
  block.crc = format::crc_of(block);
  Status status = file_.write(0, &head, sizeof head);
  if (status) status = file_.write(format::kHeadCopyOffset, &head, sizeof head);
  if (status) {
    status = file_.write(format::kSuperblockOffsets[block.generation % 2], &block, sizeof block);
  }
  return status;
}

}  // namespace jvdb::engine

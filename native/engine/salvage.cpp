#include "engine/salvage.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/guarded.h"
#include "base/hash.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/salvaged_rows.h"
#include "engine/unnamed_file.h"
#include "format/seal.h"
#include "simd/kernels.h"

namespace jvdb::engine {
namespace {

using format::Operation;
using format::Record;

class Salvage {
 public:
  Salvage(const os::File& file, format::ScannedFile scanned, Job& job)
      : file_(file), scanned_(std::move(scanned)), payload_(file, scanned_), job_(job) {}

  Status read();
  Result<SalvageReport> write(os::FileSystem& files, const std::string& to);

 private:
  static constexpr std::size_t kAtOnce = 4096;  // records

  Status read_extent(std::size_t index);
  void take(const Record& record, std::size_t extent, std::uint32_t index);
  void end_history();
  void end_group();
  void apply(const Found& found);
  std::optional<std::string> id_of(const Found& found);
  bool counts(const Record& record, std::size_t extent) const noexcept;
  void unreadable(std::size_t extent, std::uint32_t index, std::uint64_t count);
  void miss(std::size_t extent, std::uint64_t first_lsn, std::uint64_t end_lsn);
  void lose(const std::string& id, const Found& found, const char* why);

  const os::File& file_;
  const format::ScannedFile scanned_;
  const Payload payload_;
  Job& job_;
  SalvageReport report_;

  std::uint64_t lsn_ = 0;  // of the last record that counts
  std::uint64_t time_us_ = 0;
  std::uint32_t zeros_ = 0;       // records before the next that were never written, or wiped
  std::uint64_t floor_left_ = 0;  // records of the floor that were not seen yet
  bool in_floor_ = false;
  std::vector<Found> group_;
  std::unordered_map<std::string, Found> latest_;  // by id
  Bytes heap_;
};

Status Salvage::read() {
  const std::uint32_t expected = scanned_.superblock ? scanned_.superblock->extent_count : 0;
  floor_left_ = scanned_.superblock ? scanned_.superblock->floor_records : 0;
  std::uint32_t seq = 0;
  for (std::size_t i = 0; i < scanned_.extents.size(); ++i) {
    const std::uint32_t found = scanned_.extents[i].seq;
    if (found != ++seq) {
      report_.wrong(scanned_.extents[i].extent.geometry.offset, 0,
                    text("the extents ", seq, " to ", found - 1, " can't be found"));
    }
    seq = found;
    if (Status status = read_extent(i); !status) return status;
  }
  if (seq < expected) {
    report_.wrong(scanned_.file_size, 0,
                  text("the extents ", seq + 1, " to ", expected, " can't be found"));
  }
  if (!scanned_.superblock)
    report_.wrong(format::kSuperblockOffsets[0], 0, "neither superblock is whole");
  end_history();
  return {};
}

// A group whose end is missing counts if the end was once there.
void Salvage::end_history() {
  const bool was_whole = !scanned_.superblock || lsn_ <= scanned_.superblock->durable_lsn;
  if (was_whole) end_group();
  group_.clear();
  if (!scanned_.superblock) return;
  const format::Superblock& block = *scanned_.superblock;
  report_.unreadable += floor_left_;
  // A removal at the floor left no record.
  lsn_ = std::max(lsn_, block.history_floor_lsn);
  time_us_ = std::max(time_us_, block.history_floor_time_us);
  if (scanned_.extents.empty()) {
    report_.unreadable += block.durable_lsn - std::min(block.durable_lsn, lsn_);
  } else {
    miss(scanned_.extents.size() - 1, lsn_ + 1, block.durable_lsn + 1);
  }
  lsn_ = std::max(lsn_, block.durable_lsn);
}

Status Salvage::read_extent(std::size_t index) {
  const format::ParsedExtent& extent = scanned_.extents[index].extent;
  const std::uint32_t count = extent.geometry.counts.records;
  std::vector<Record> records(std::min<std::size_t>(kAtOnce, count));
  zeros_ = 0;
  in_floor_ = scanned_.superblock && extent.base_lsn <= scanned_.superblock->history_floor_lsn;
  for (std::uint32_t first = 0; first < count;) {
    const std::uint64_t at = extent.geometry.records_offset() + first * sizeof(Record);
    // No extent is found without the first of its records.
    const std::uint64_t there = (scanned_.file_size - at) / sizeof(Record);
    const auto size =
        static_cast<std::uint32_t>(std::min<std::uint64_t>({records.size(), count - first, there}));
    if (size == 0) {
      report_.wrong(scanned_.file_size, 0, "the file was cut short");
      return {};
    }
    if (!file_.read(at, records.data(), size * sizeof(Record))) {
      unreadable(index, first, size);
    } else {
      for (std::uint32_t i = 0; i < size; ++i) take(records[i], index, first + i);
    }
    first += size;
    if (Status status = job_.advance(size * sizeof(Record)); !status) return status;
  }
  // Where it ends in records that are zero, though others lay there; in the journal the LSNs tell.
  if (in_floor_ && zeros_ > 0) unreadable(index, count - zeros_, zeros_);
  return {};
}

// Of the journal, whose LSNs rise by one.
void Salvage::miss(std::size_t extent, std::uint64_t first_lsn, std::uint64_t end_lsn) {
  if (first_lsn >= end_lsn) return;
  report_.unreadable += end_lsn - first_lsn;
  report_.wrong(scanned_.extents[extent].extent.geometry.offset, 0,
                text("the operations from LSN ", first_lsn, " to ", end_lsn - 1, " can't be read"));
}

// Whether it belongs to the history: not to what was left of an append that failed, or before.
bool Salvage::counts(const Record& record, std::size_t extent) const noexcept {
  if (record.lsn <= lsn_ || record.lsn < scanned_.extents[extent].extent.base_lsn) return false;
  if (extent + 1 < scanned_.extents.size() &&
      record.lsn >= scanned_.extents[extent + 1].extent.base_lsn) {
    return false;
  }
  return !scanned_.superblock || record.lsn < scanned_.superblock->epoch_start_lsn ||
         record.epoch == scanned_.superblock->epoch;
}

void Salvage::take(const Record& record, std::size_t extent, std::uint32_t index) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&record);
  if (std::all_of(bytes, bytes + sizeof record,
                  [](std::byte byte) { return byte == std::byte{0}; })) {
    ++zeros_;
    return;
  }
  const Found found{record, extent};
  const bool whole = record.record_crc == format::crc_of(record) && payload_.placed(found);
  if (whole && !counts(record, extent)) return;
  if (zeros_ > 0) unreadable(extent, index - zeros_, zeros_);
  zeros_ = 0;
  if (!whole) return unreadable(extent, index, 1);
  if (in_floor_) {
    floor_left_ -= floor_left_ > 0 ? 1 : 0;
  } else if (scanned_.superblock) {
    const std::uint64_t before = std::max(lsn_, scanned_.superblock->history_floor_lsn);
    miss(extent, before + 1, record.lsn);
  }
  const bool gap = lsn_ + 1 != record.lsn;
  lsn_ = record.lsn;
  time_us_ = std::max(time_us_, record.timestamp_us);
  // Behind a gap another group may have begun: what is there of the last one is taken.
  if (gap) end_group();
  group_.push_back(found);
  if (!format::more_follows(record)) end_group();
}

// What was never promised to be on the disk may be torn.
void Salvage::unreadable(std::size_t extent, std::uint32_t index, std::uint64_t count) {
  const format::ParsedExtent& in = scanned_.extents[extent].extent;
  if (scanned_.superblock && in.base_lsn + index > scanned_.superblock->durable_lsn) return;
  if (!scanned_.superblock) report_.unreadable += count;  // else the LSNs tell
  report_.wrong(in.geometry.records_offset() + std::uint64_t{index} * sizeof(Record), 0,
                count == 1 ? std::string("a record does not match its checksum")
                           : text(count, " records can't be read"));
}

void Salvage::end_group() {
  for (const Found& found : group_) apply(found);
  group_.clear();
}

// The key of the id's place in latest_.
std::optional<std::string> Salvage::id_of(const Found& found) {
  if (scanned_.schema.id_type == format::IdType::int64) return std::to_string(found.record.id);
  if (!payload_.heap(found, heap_)) return std::nullopt;
  Record at_start = found.record;
  at_start.heap_offset = 0;
  const auto entry =
      format::heap_entry(at_start, scanned_.schema.id_type, heap_.data(), heap_.size());
  const bool right =
      entry && hash_text(entry->id, scanned_.head.identity.id_hash_seed) == found.record.id;
  return right ? std::optional(std::string(entry->id)) : std::nullopt;
}

void Salvage::apply(const Found& found) {
  const auto id = id_of(found);
  if (!id) {
    ++report_.unreadable;
    report_.wrong(scanned_.extents[found.extent].extent.geometry.offset, found.record.lsn,
                  "an id does not match its checksum");
    return;
  }
  if (format::operation_of(found.record) == Operation::put) {
    latest_[*id] = found;
  } else {
    latest_.erase(*id);
  }
}

void Salvage::lose(const std::string& id, const Found& found, const char* why) {
  ++report_.lost;
  if (report_.lost_ids.size() < SalvageReport::kMostNamed) report_.lost_ids.push_back(id);
  report_.wrong(found.record.offset, found.record.lsn, text(why, " of id ", id, " can't be read"));
}

Result<SalvageReport> Salvage::write(os::FileSystem& files, const std::string& to) {
  auto unnamed = UnnamedFile::create(files, to);
  if (!unnamed) return unnamed.status();
  std::vector<Found> whole;
  Bytes vector(scanned_.schema.vector_bytes());
  job_.total = job_.done + 3 * latest_.size() * vector.size();
  for (const auto& [id, found] : latest_) {
    if (Status status = job_.advance(vector.size()); !status) return status;
    if (!payload_.vector(found, vector.data())) {
      lose(id, found, "the vector");
    } else if (!payload_.heap(found, heap_)) {
      lose(id, found, "the metadata");
    } else {
      whole.push_back(found);
    }
  }
  std::sort(whole.begin(), whole.end(),
            [](const Found& a, const Found& b) { return a.record.lsn < b.record.lsn; });
  const NewFile::Origin origin{scanned_.schema, format::random_uuid(),
                               scanned_.head.identity.created_us,
                               scanned_.head.identity.id_hash_seed};
  NewFile made(unnamed->file(), origin, job_);
  SalvagedRows rows(payload_, scanned_.schema, std::move(whole));
  if (Status status = made.add_floor(rows, lsn_, time_us_); !status) return status;
  auto finished = unnamed->finish(made, false, job_);
  if (!finished) return finished.status();
  job_.total = job_.done.load();
  report_.live = finished->live;
  report_.bytes = finished->bytes;
  report_.last_lsn = lsn_;
  return std::move(report_);
}

}  // namespace

Result<SalvageReport> salvage(os::FileSystem& files, const std::string& from, const std::string& to,
                              Job& job) {
  return guarded([&]() -> Result<SalvageReport> {
    const std::uint64_t began = now_us();
    if (auto level = simd::choose(); !level) return level.status();
    auto file = files.open(from, os::Access::read_only);
    if (!file) return file.status();
    auto scanned = format::scan_file(**file);
    if (!scanned) return scanned.status();
    Salvage work(**file, std::move(*scanned), job);
    if (Status status = work.read(); !status) return status;
    auto report = work.write(files, to);
    if (report) report->duration_us = now_us() - began;
    return report;
  });
}

}  // namespace jvdb::engine

#include "engine/changes.h"

#include <algorithm>

#include "base/text.h"

namespace jvdb::engine {

using format::Record;

Result<Changes> Changes::since(const Snapshot& snapshot, std::uint64_t since_lsn) {
  const HistoryFloor& floor = snapshot.history_floor();
  if (since_lsn != 0 && since_lsn < floor.lsn) {
    return Status(Code::not_found,
                  text("the changes after LSN ", since_lsn, " are no longer in the file, a ",
                       "compaction kept those after LSN ", floor.lsn,
                       "; copy the store anew, with sinceLsn: 0"));
  }
  if (since_lsn > snapshot.point().lsn) {
    return Status(Code::conflict,
                  text("there is no LSN ", since_lsn, " yet, the last is ", snapshot.point().lsn,
                       ": a reader may need refresh(); else it is of another store, or of changes "
                       "that were lost before they were durable: copy the store anew, with "
                       "sinceLsn: 0"));
  }
  Changes out(snapshot);
  out.seek(since_lsn);
  if (Status status = snapshot.intact(); !status) return status;
  return out;
}

void Changes::seek(std::uint64_t since_lsn) {
  const std::vector<Extent*>& extents = snapshot_->extents();
  const auto after = std::upper_bound(
      extents.begin(), extents.end(), since_lsn + 1,
      [](std::uint64_t lsn, const Extent* extent) { return lsn < extent->base_lsn(); });
  enter(after == extents.begin() ? 0 : static_cast<std::size_t>(after - extents.begin()) - 1);
  const Extent& extent = *extents[extent_];
  const Record* records = extent.records();
  const Record* first = std::partition_point(
      records, records + records_, [&](const Record& record) { return record.lsn <= since_lsn; });
  record_ = static_cast<std::uint32_t>(first - records);
  const std::uint32_t* of_slots = extent.slots.record.data();
  const std::uint32_t used = snapshot_->run(extent_).count;
  slot_ =
      static_cast<std::uint32_t>(std::lower_bound(of_slots, of_slots + used, record_) - of_slots);
}

// The extents that a compaction wrote hold exactly its records; the others are followed without a
// gap.
void Changes::enter(std::size_t index) noexcept {
  const std::vector<Extent*>& extents = snapshot_->extents();
  for (; extent_ < index; ++extent_) {
    const std::uint32_t records = extents[extent_]->geometry().counts.records;
    floor_left_ -= std::min<std::uint64_t>(floor_left_, records);
  }
  record_ = 0;
  slot_ = 0;
  const Extent& extent = *extents[index];
  if (floor_left_ > 0) {
    records_ = extent.geometry().counts.records;
    return;
  }
  std::uint64_t end_lsn = snapshot_->point().lsn;
  if (index + 1 < extents.size()) end_lsn = std::min(end_lsn, extents[index + 1]->base_lsn() - 1);
  records_ =
      end_lsn < extent.base_lsn() ? 0 : static_cast<std::uint32_t>(end_lsn - extent.base_lsn() + 1);
}

bool Changes::step(Step& out) noexcept {
  while (record_ == records_) {
    if (extent_ + 1 == snapshot_->extents().size()) return false;
    enter(extent_ + 1);
  }
  Extent& extent = *snapshot_->extents()[extent_];
  const bool put = slot_ < snapshot_->run(extent_).count && extent.slots.record[slot_] == record_;
  out = {&extent, record_, slot_, put};
  ++record_;
  if (put) ++slot_;
  return true;
}

Result<bool> Changes::next(Change& out) {
  Step step;
  if (!this->step(step)) return false;
  Extent& extent = *step.extent;
  const Record& record = extent.record(step.record);
  out = Change{};
  out.put = step.put;
  if (out.put) {
    auto entry =
        read_entry({&extent, step.slot}, snapshot_->checker(), Checker::vector | Checker::heap);
    if (!entry) return entry.status();
    out.entry = *entry;
  } else {
    Status status = snapshot_->checker().check_removal(extent, step.record, step.slot);
    if (!status) return status;
    out.entry.id.number = record.id;
    out.entry.updated_us = record.timestamp_us;
    if (const auto heap = extent.heap_entry(record)) out.entry.id.text = heap->id;
  }
  out.lsn = record.lsn;
  out.ends_group = !format::more_follows(record);
  if (Status status = snapshot_->intact(); !status) return status;
  return true;
}

}  // namespace jvdb::engine

#include "engine/follower.h"

#include <algorithm>

#include "base/text.h"
#include "format/seal.h"

namespace jvdb::engine {

using format::Record;

Follower::Follower(os::File& file, const Protocol& protocol, const format::ParsedFile& parsed,
                   os::Advice access, Catalog& catalog, Checker& checker)
    : file_(file),
      protocol_(protocol),
      access_(access),
      catalog_(catalog),
      checker_(checker),
      seen_(parsed) {}

Result<std::unique_ptr<Follower>> Follower::begin(os::File& file, const Protocol& protocol,
                                                  const format::ParsedFile& parsed,
                                                  os::Advice access, Catalog& catalog,
                                                  Checker& checker, const HistoryEnd& end) {
  std::unique_ptr<Follower> follower(
      new Follower(file, protocol, parsed, access, catalog, checker));
  auto taken = follower->take_in(parsed, end);
  if (!taken) return taken.status();
  if (!*taken) {
    return Status(Code::conflict,
                  text(file.path(), " was rewritten by its writer while it was being opened"));
  }
  return follower;
}

Result<Follower::Outcome> Follower::refresh() {
  const std::scoped_lock lock(mutex_);
  if (broken_) return Outcome::rewritten;
  auto now =
      format::parse_file(file_, {protocol_.epoch_in_extent_header, seen_.superblock.generation});
  if (!now) return now.status();
  auto same = continues(*now);
  if (!same) return same.status();
  if (!*same) {
    broken_ = true;
    return Outcome::rewritten;
  }
  const std::uint64_t before = end_.lsn;
  broken_ = true;  // until all of it went well
  auto end = recover_more({file_, protocol_, *now, access_, catalog_}, end_);
  auto taken = end ? take_in(*now, *end) : same_epoch(*now);
  if (!taken) return taken.status();
  if (!end && *taken) return end.status();
  if (!*taken) return Outcome::rewritten;
  broken_ = false;
  return end_.lsn == before ? Outcome::unchanged : Outcome::advanced;
}

// Whether what was taken in is the beginning of the history that `now` is about. The extents say
// where its records lie; the last of them, read again, that nothing else was written over it; and
// the epoch, that the history did not end before it.
Result<bool> Follower::continues(const format::ParsedFile& now) const {
  if (!protocol_.rewritten_history) return true;
  if (now.head.header.uuid != seen_.head.header.uuid) return false;
  const std::size_t known = catalog_.extents().size();
  const bool extents_stand =
      now.extents.size() >= known &&
      std::equal(seen_.extents.begin(), seen_.extents.begin() + static_cast<std::ptrdiff_t>(known),
                 now.extents.begin());
  if (!extents_stand) return false;
  // One that lay there before and was passed over says nothing new.
  const bool next_is_new =
      now.extents.size() > known &&
      (seen_.extents.size() <= known || seen_.extents[known] != now.extents[known]);
  if (next_is_new && now.extents[known].base_lsn <= end_.lsn) return false;
  if (!last_) return true;
  if (last_->lsn >= now.superblock.epoch_start_lsn && last_->epoch != now.superblock.epoch) {
    return false;
  }
  auto last = last_record(catalog_.last_extent(), end_.fill.records);
  if (!last) return last.status();
  return last->record_crc == last_->record_crc && last->record_crc == format::crc_of(*last);
}

// Publishes what the walk that ended at `end` found; false where a writer began an epoch meanwhile,
// and may have written over what the walk had seen.
Result<bool> Follower::take_in(const format::ParsedFile& now, const HistoryEnd& end) {
  std::optional<Record> last;
  if (end.fill.records > 0) {
    auto record = last_record(catalog_.last_extent(), end.fill.records);
    if (!record) return record.status();
    last = *record;
  }
  auto same = same_epoch(now);
  if (!same || !*same) return same;
  if (Status status = file_.intact(); !status) return status;
  seen_ = now;
  end_ = end;
  last_ = last;
  if (protocol_.distrust_unsynced) {
    checker_.distrust(end.first_unsynced_slot, now.superblock.epoch, now.superblock.durable_lsn);
  }
  catalog_.publish(end.lsn);
  durable_time_us_.store(now.superblock.durable_time_us);
  durable_lsn_.store(now.superblock.durable_lsn, std::memory_order_release);
  return true;
}

Result<bool> Follower::same_epoch(const format::ParsedFile& now) const {
  if (!protocol_.epoch_after_refresh) return true;
  auto block =
      format::read_superblock(file_, {protocol_.epoch_in_extent_header, now.superblock.generation});
  if (!block) return block.status();
  return block->epoch == now.superblock.epoch;
}

Result<Record> Follower::last_record(const Extent& extent, std::uint32_t records) const {
  Record record;
  const std::uint64_t at =
      extent.geometry().records_offset() + std::uint64_t{records - 1} * sizeof record;
  if (Status status = file_.read(at, &record, sizeof record); !status) return status;
  return record;
}

}  // namespace jvdb::engine

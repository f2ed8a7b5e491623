#include "engine/recovery.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/crc32c.h"
#include "base/text.h"
#include "engine/clock.h"

namespace jvdb::engine {
namespace {

using format::Operation;
using format::Record;

// Follows the records in the order of their LSNs, across extents. Every record it accepts belongs
// to a group that is applied once its last record was accepted, and dropped otherwise.
class Walk {
 public:
  // Of the whole history.
  explicit Walk(const RecoveryInput& input)
      : file_(input.file),
        protocol_(input.protocol),
        parsed_(input.parsed),
        block_(parsed_.superblock),
        access_(input.access),
        catalog_(input.catalog),
        floor_left_(protocol_.floor_records ? block_.floor_records : 0),
        lsn_(protocol_.floor_records && floor_left_ == 0 ? block_.history_floor_lsn : 0) {
    end_.lsn = lsn_;
    end_.timestamp_us = block_.history_floor_time_us;
  }
  // Of what follows.
  Walk(const RecoveryInput& input, const HistoryEnd& from) : Walk(input) {
    next_extent_ = catalog_.extents().size();
    extent_ = &catalog_.last_extent();
    fill_ = from.fill;
    floor_left_ = 0;
    lsn_ = from.lsn;
    end_ = from;
    if (block_.durable_lsn < lsn_) first_unsynced_ = catalog_.first_slot_above(block_.durable_lsn);
  }

  Result<Recovered> run();
  Result<HistoryEnd> run_on();

 private:
  // nullptr as a reason means that nothing is wrong.
  using Reason = const char*;

  struct Pending {
    Extent* extent;
    std::uint32_t record;
    std::uint32_t slot;  // in the extent, for a put
  };

  Status find_end();
  HistoryEnd end() const noexcept;
  Result<Reason> move_on();
  Status enter_extent(std::size_t index);
  Status check_ahead();
  Reason objection_to(const Record& record) const noexcept;
  Reason objection_to_payload(const Record& record) const noexcept;
  void accept(const Record& record);
  void add_entered();
  Status keep_counted_extent();
  Status apply_group();
  void prefetch_from(std::size_t index) const noexcept;
  Status apply(const Pending& pending);
  Result<bool> same_text(const Pending& pending, const Place& other) const;
  Status damaged(Reason why) const;

  os::File& file_;
  const Protocol& protocol_;
  const format::ParsedFile& parsed_;
  const format::Superblock& block_;
  const os::Advice access_;
  Catalog& catalog_;

  // Where the walk is: the next record is number fill_.records of extent_.
  std::size_t next_extent_ = 0;
  Extent* extent_ = nullptr;
  Fill fill_;
  std::uint64_t floor_left_;
  std::uint64_t lsn_;  // of the last record accepted

  static constexpr std::size_t kFetchedAtOnce = 32;
  std::vector<Pending> group_;
  std::vector<std::unique_ptr<Extent>> entered_;  // since the last whole group

  // The records from number ahead_from_ on, and their checksums.
  static constexpr std::uint32_t kAheadAtOnce = 64;
  const Record* ahead_ = nullptr;
  std::array<Record, kAheadAtOnce> read_ahead_;
  std::array<std::uint32_t, kAheadAtOnce> crcs_{};
  std::uint32_t ahead_from_ = 0;
  std::uint32_t ahead_count_ = 0;

  HistoryEnd end_;                               // as of the last whole group
  std::optional<std::uint32_t> first_unsynced_;  // slot
};

Result<Recovered> Walk::run() {
  const std::uint64_t began = now_us();
  RecoveryReport report;
  report.clean = block_.clean != 0;
  report.durable_lsn = block_.durable_lsn;
  if (Status status = find_end(); !status) return status;
  catalog_.publish(end_.lsn);
  report.recovered_lsn = end_.lsn;
  report.dropped_records = group_.size();
  report.duration_us = now_us() - began;
  return Recovered{report, end()};
}

Result<HistoryEnd> Walk::run_on() {
  if (Status status = find_end(); !status) return status;
  return end();
}

HistoryEnd Walk::end() const noexcept {
  HistoryEnd out = end_;
  out.first_unsynced_slot = first_unsynced_.value_or(catalog_.slot_end());
  return out;
}

// An extent that the superblock counts stays even if no record in it does, as a new database's
// first: the next record is its first.
Status Walk::keep_counted_extent() {
  const std::size_t added = next_extent_ - entered_.size();
  if (block_.extent_count <= added) {
    entered_.clear();
    return {};
  }
  const bool next_begins_there = block_.extent_count == added + 1 && !entered_.empty() &&
                                 entered_.front()->base_lsn() == end_.lsn + 1;
  if (!next_begins_there) return damaged("isn't in the extent that its superblock counts");
  entered_.resize(1);
  add_entered();
  end_.fill = {};
  return {};
}

Status Walk::find_end() {
  for (;;) {
    Result<Reason> reason = move_on();
    if (!reason) return reason.status();
    if (*reason == nullptr) {
      if (fill_.records - ahead_from_ >= ahead_count_) {
        if (Status status = check_ahead(); !status) return status;
      }
      const Record& record = ahead_[fill_.records - ahead_from_];
      *reason = objection_to(record);
      if (*reason == nullptr) {
        accept(record);
        if (protocol_.group_flag && format::more_follows(record)) continue;
        if (Status status = apply_group(); !status) return status;
        continue;
      }
    }
    const bool whole = floor_left_ == 0 && end_.lsn >= block_.durable_lsn;
    return whole ? keep_counted_extent() : damaged(*reason);
  }
}

// Enters the next extent where this one's records end.
Result<Walk::Reason> Walk::move_on() {
  for (;;) {
    const bool full = extent_ == nullptr || fill_.records == extent_->geometry().counts.records;
    const bool last = next_extent_ == parsed_.extents.size();
    const bool next_begins_here = !last && floor_left_ == 0 && extent_ != nullptr &&
                                  parsed_.extents[next_extent_].base_lsn == lsn_ + 1;
    if (!full && !next_begins_here) return Reason{nullptr};
    if (last) return Reason{"would lie in an extent that isn't there"};
    const format::ParsedExtent& next = parsed_.extents[next_extent_];
    if (floor_left_ > 0 && next.geometry.counts.records > floor_left_) {
      return Reason{"belongs to an extent with more records than the compaction wrote"};
    }
    if (floor_left_ == 0 && next.base_lsn != lsn_ + 1) {
      return Reason{"belongs to an extent with another first LSN"};
    }
    if (Status status = enter_extent(next_extent_); !status) return status;
  }
}

Status Walk::enter_extent(std::size_t index) {
  const format::ParsedExtent& parsed = parsed_.extents[index];
  const std::uint32_t first_slot = extent_ == nullptr ? 0 : extent_->first_slot() + fill_.slots;
  if (parsed.geometry.counts.slots > kNoSlot - first_slot) {
    return {Code::corrupt, text(file_.path(), " is damaged: it has more than 2^32 slots")};
  }
  auto extent = Extent::map(file_, parsed, parsed_.schema, access_, first_slot);
  if (!extent) return extent.status();
  entered_.push_back(std::move(*extent));
  extent_ = entered_.back().get();
  next_extent_ = index + 1;
  fill_ = {};
  ahead_count_ = 0;
  return {};
}

// The next records with their checksums, and the places of their ids on their way to the cache,
// unless a large group lies between now and then.
Status Walk::check_ahead() {
  ahead_from_ = fill_.records;
  ahead_count_ =
      std::min<std::uint32_t>(kAheadAtOnce, extent_->geometry().counts.records - fill_.records);
  const bool last = next_extent_ == parsed_.extents.size();
  const std::uint64_t written =
      last ? block_.durable_lsn
           : std::min(block_.durable_lsn, parsed_.extents[next_extent_].base_lsn - 1);
  if (floor_left_ > 0 || lsn_ + ahead_count_ <= written) {
    ahead_ = extent_->records() + fill_.records;
  } else {
    // Some may never have been written, or punched out behind the extent's last: a mapped page that
    // isn't there would want a block of a tmpfs, which may be full.
    const std::uint64_t at =
        extent_->geometry().records_offset() + std::uint64_t{fill_.records} * sizeof(Record);
    const std::size_t size = ahead_count_ * sizeof(Record);
    if (Status status = file_.read(at, read_ahead_.data(), size); !status) return status;
    ahead_ = read_ahead_.data();
  }
  crc32c_rows(ahead_, sizeof(Record), offsetof(Record, record_crc), ahead_count_, crcs_.data());
  if (group_.size() > kFetchedAtOnce) return {};
  for (std::uint32_t i = 0; i < ahead_count_; ++i)
    catalog_.prefetch(catalog_.record_hash(ahead_[i]));
  return {};
}

Walk::Reason Walk::objection_to(const Record& record) const noexcept {
  if (record.record_crc != crcs_[fill_.records - ahead_from_]) return "does not match its checksum";
  if (floor_left_ > 0) {
    if (record.lsn <= lsn_ || record.lsn > block_.history_floor_lsn)
      return "has an LSN out of order";
  } else if (record.lsn != lsn_ + 1) {
    return "has an LSN out of order";
  }
  if (record.lsn >= block_.epoch_start_lsn && record.epoch != block_.epoch) {
    return "is left over from before a crash";
  }
  if (!format::record_fits(record, parsed_.schema, extent_->geometry(), fill_.slots, fill_.heap)) {
    return "points outside its extent, or has values out of range";
  }
  if (protocol_.payload_checksums && record.lsn > block_.durable_lsn) {
    return objection_to_payload(record);
  }
  return nullptr;
}

Walk::Reason Walk::objection_to_payload(const Record& record) const noexcept {
  if (!extent_->heap_matches(record))
    return "has an id or metadata that don't match their checksum";
  if (format::operation_of(record) != Operation::put) return nullptr;
  if (!extent_->vector_matches(record, fill_.slots))
    return "has a vector that doesn't match its checksum";
  if (!extent_->code_matches(record, fill_.slots))
    return "has a code that doesn't match its checksum";
  return nullptr;
}

void Walk::accept(const Record& record) {
  group_.push_back({extent_, fill_.records, fill_.slots});
  fill_.records += 1;
  if (format::operation_of(record) == Operation::put) fill_.slots += 1;
  fill_.heap += std::uint64_t{record.heap_length} * format::kHeapUnit;
  lsn_ = record.lsn;
  if (floor_left_ == 0) return;
  floor_left_ -= 1;
  if (floor_left_ == 0) lsn_ = block_.history_floor_lsn;
}

void Walk::add_entered() {
  if (entered_.empty()) return;
  auto directory = catalog_.directory_with(entered_);
  catalog_.add_extents(std::move(directory), std::exchange(entered_, {}));
}

Status Walk::apply_group() {
  add_entered();
  catalog_.reserve_ids(group_.size());
  for (std::size_t i = 0; i < group_.size(); ++i) {
    // What check_ahead() fetched for a large group has left the cache again.
    if (i % kFetchedAtOnce == 0 && group_.size() > kFetchedAtOnce) prefetch_from(i);
    if (Status status = apply(group_[i]); !status) return status;
  }
  group_.clear();
  end_.lsn = lsn_;
  end_.fill = fill_;
  return {};
}

void Walk::prefetch_from(std::size_t index) const noexcept {
  const std::size_t end = std::min(index + kFetchedAtOnce, group_.size());
  for (std::size_t i = index; i < end; ++i) {
    catalog_.prefetch(catalog_.record_hash(group_[i].extent->record(group_[i].record)));
  }
}

Status Walk::apply(const Pending& pending) {
  const Place place{pending.extent, pending.slot};
  const Record& record = pending.extent->record(pending.record);
  end_.timestamp_us = std::max(end_.timestamp_us, record.timestamp_us);
  const bool numbers = catalog_.has_numbers();
  const std::uint64_t hash = catalog_.record_hash(record);
  auto latest = catalog_.latest(hash, [&](const Place& other) -> Result<bool> {
    if (other.extent->slots.id[other.slot] != record.id) return false;
    return numbers ? Result<bool>(true) : same_text(pending, other);
  });
  if (!latest) return latest.status();
  const std::uint32_t previous = *latest ? (*latest)->number() : kNoSlot;
  if (format::operation_of(record) == Operation::put) {
    catalog_.apply_put(hash, place, pending.record, record, previous);
    if (!first_unsynced_ && record.lsn > block_.durable_lsn) first_unsynced_ = place.number();
  } else if (*latest && (*latest)->extent->slots.live.test((*latest)->slot)) {
    catalog_.apply_remove(previous, record.lsn);
  }
  return {};
}

// Whether two records with equal hashes have equal ids; only then is the heap touched.
Result<bool> Walk::same_text(const Pending& pending, const Place& other) const {
  const Record& record = pending.extent->record(pending.record);
  const auto mine =
      pending.extent->heap_matches(record) ? pending.extent->heap_entry(record) : std::nullopt;
  const auto theirs = other.extent->heap_matches(other.record())
                          ? other.extent->heap_entry(other.record())
                          : std::nullopt;
  if (!mine || !theirs) return damaged("or an earlier one of its id has a damaged id");
  return mine->id == theirs->id;
}

Status Walk::damaged(Reason why) const {
  const std::uint64_t at = extent_ == nullptr ? format::kFirstExtentOffset
                                              : extent_->geometry().records_offset() +
                                                    std::uint64_t{fill_.records} * sizeof(Record);
  return {Code::corrupt,
          text(file_.path(), " is damaged: all operations up to LSN ", block_.durable_lsn,
               " were once safe, but after LSN ", end_.lsn, " the record at byte ", at, " ", why,
               "; nothing was changed; restore a backup, or salvage what is whole from a copy")};
}

}  // namespace

Result<Recovered> recover(const RecoveryInput& input) {
  return Walk(input).run();
}

Result<HistoryEnd> recover_more(const RecoveryInput& input, const HistoryEnd& from) {
  return Walk(input, from).run_on();
}

}  // namespace jvdb::engine

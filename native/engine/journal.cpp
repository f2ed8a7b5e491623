#include "engine/journal.h"

#include "base/guarded.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/write_again.h"
#include "format/seal.h"
#include "os/random.h"

namespace jvdb::engine {

Journal::Journal(os::File& file, const Protocol& protocol, const format::ParsedFile& parsed,
                 const Catalog& catalog, Checker& checker)
    : file_(file),
      protocol_(protocol),
      schema_(parsed.schema),
      found_extents_(parsed.extents),
      catalog_(catalog),
      checker_(checker),
      block_(parsed.superblock),
      head_(parsed.head),
      head_damaged_(parsed.head_from_copy),
      durable_lsn_(parsed.superblock.durable_lsn),
      durable_time_us_(parsed.superblock.durable_time_us) {}

Status Journal::writable() const {
  if (Status status = file_.intact(); !status) return status;
  if (!poisoned_.load(std::memory_order_acquire)) return {};
  const std::scoped_lock lock(failure_mutex_);
  return {
      Code::io,
      text("no more writes to ", file_.path(), " after an earlier failure: ", failure_.message(),
           "; reads go on; reopen it to see what the disk holds, or copy what can be read "
           "to another file"),
      failure_.os_error()};
}

// From here on nothing is written; what may be lost is compared with its checksum at every read.
// First what needs no memory.
Status Journal::poison(Status cause) noexcept {
  if (!protocol_.failed_sync_is_final) return cause;
  checker_.distrust(catalog_.first_slot_above(durable_lsn()), block_.epoch, durable_lsn());
  poisoned_.store(true, std::memory_order_release);
  return guarded([&]() -> Status {
    const std::scoped_lock lock(failure_mutex_);
    if (failure_) {
      failure_ = Status::out_of_memory();  // in case there is none for the copy
      failure_ = cause;
    }
    return std::move(cause);
  });
}

Status Journal::sync_locked() noexcept {
  if (!found_is_written_) {
    if (Status status = guarded([&] { return write_found_again(); }); !status) return status;
    found_is_written_ = true;
  }
  Status status = guarded([&] { return file_.sync(); });
  // The disk has what is left of the file, and that may be less than what is called durable.
  if (status) status = file_.intact();
  if (status) status = guarded([&] { return file_.has_bytes(catalog_.file_end()); });
  if (status) {
    if (!std::exchange(has_synced_, true)) checker_.trust();
    return {};
  }
  return poison(guarded(
      [&]() -> Status { return {Code::io, std::string(status.message()), status.os_error()}; }));
}

// Overwrites the older of the two; the newer one stays whole whatever happens.
Status Journal::write_superblock(format::Superblock next, const Tail& tail) {
  // Only a forged file is there yet; the next one would be refused when it is read.
  if (next.generation >= format::kMaxGeneration) {
    return {Code::no_space, text(file_.path(), " takes at most 2^63-1 superblocks, and this was ",
                                 "the last: copy its entries into a new file")};
  }
  ++next.generation;
  next.durable_lsn = tail.lsn;
  next.extent_count = tail.extent_count;
  next.live_count = tail.live;
  next.dead_count = tail.dead;
  next.durable_time_us = now_us();
  next.crc = format::crc_of(next);
  Status status = put_superblock(next);
  if (status) block_ = next;
  return status;
}

Status Journal::put_superblock(const format::Superblock& block) {
  const std::size_t copy = protocol_.two_superblocks ? block.generation % 2 : 0;
  return file_.write(format::kSuperblockOffsets[copy], &block, sizeof block);
}

Status Journal::flush() {
  const std::scoped_lock lock(mutex_);
  return flush_locked(true);
}

Status Journal::commit(std::uint64_t lsn) {
  const std::scoped_lock lock(mutex_);
  // Whoever held the mutex may have synced this operation with its own.
  if (durable_lsn() >= lsn) return {};
  return flush_locked(false);
}

Status Journal::flush_locked(bool always_superblock) {
  if (Status status = writable(); !status) return status;
  Tail tail = catalog_.tail();
  if (tail.lsn == durable_lsn() && tail.lsn == block_.durable_lsn) return {};
  if (!protocol_.superblock_after_sync) {
    if (Status status = write_superblock(block_, tail); !status) return status;
  }
  if (Status status = sync_locked(); !status) return status;
  if (!protocol_.tail_before_sync) tail = catalog_.tail();
  durable_lsn_.store(tail.lsn, std::memory_order_release);
  if (protocol_.superblock_after_sync && (always_superblock || superblock_is_due(tail))) {
    // It needs no sync of its own: without it, recovery finds the same records by themselves.
    if (Status status = write_superblock(block_, tail); !status) return status;
  }
  durable_time_us_.store(now_us());
  flush_count_.fetch_add(1);
  return {};
}

// Once a second or mebibyte: what lies behind it, recovery compares with its checksums.
bool Journal::superblock_is_due(const Tail& tail) const noexcept {
  constexpr std::uint64_t interval_us = 1000000;
  constexpr std::uint64_t interval_bytes = 1U << 20;
  return now_us() - block_.durable_time_us >= interval_us ||
         (tail.lsn - block_.durable_lsn) * schema_.vector_stride() >= interval_bytes;
}

Status Journal::begin_epoch() {
  const std::scoped_lock lock(mutex_);
  if (Status status = writable(); !status) return status;
  Status status = guarded([&] { return begin_epoch_locked(); });
  // Leftovers could join later records if this handle wrote on.
  return status ? status : poison(std::move(status));
}

Status Journal::begin_epoch_locked() {
  const Tail tail = catalog_.tail();
  const bool first = epoch_ == 0;
  if (protocol_.sync_in_recovery) {
    if (Status status = sync_locked(); !status) return status;
  }
  durable_lsn_.store(tail.lsn, std::memory_order_release);
  if (head_damaged_) {
    if (Status status = repair_head(); !status) return status;
  }
  format::Superblock next = block_;
  next.clean = 0;
  if (!first || protocol_.epoch_at_open) {
    next.epoch = os::random_nonzero_u32();
    next.epoch_start_lsn = tail.lsn + 1;
  }
  if (Status status = write_superblock(next, tail); !status) return status;
  if (Status status = sync_locked(); !status) return status;
  if (protocol_.epoch_in_both) {
    // Else damage to the one copy would leave the old epoch, and this one's records not count.
    // Without a sync of its own: until the next one, the first copy is on the disk.
    if (Status status = write_superblock(block_, tail); !status) return status;
  }
  durable_time_us_.store(block_.durable_time_us);
  epoch_ = block_.epoch;
  return {};
}

// Before a handle's first sync: after a failed one what recovery found and relied on may lie in the
// cache alone, clean in its eyes, and the older superblock, which the next one overwrites, be what
// the disk has.
Status Journal::write_found_again() {
  const std::size_t first = block_.extent_count;
  const std::size_t end = catalog_.tail().extent_count;
  for (std::size_t i = first; i < end; ++i) {
    const format::ParsedExtent& extent = found_extents_[i];
    const format::ExtentHeader header = format::make_extent_header(
        extent.geometry, schema_, head_.header.uuid, static_cast<std::uint32_t>(i + 1),
        extent.base_lsn, extent.epoch);
    if (Status status = file_.write(extent.geometry.offset, &header, sizeof header); !status) {
      return status;
    }
  }
  if (protocol_.write_found_again) {
    Status status = write_again(file_, catalog_, schema_, block_.durable_lsn);
    if (!status) return status;
  }
  return put_superblock(block_);
}

Status Journal::repair_head() {
  Status status = file_.write(0, &head_, sizeof head_);
  if (status) head_damaged_ = false;
  return status;
}

Status Journal::close() {
  const std::scoped_lock lock(mutex_);
  if (Status status = writable(); !status) return status;
  const Tail tail = catalog_.tail();
  if (epoch_ == 0 && block_.clean != 0 && tail.lsn == durable_lsn()) return {};
  const std::uint64_t count = tail.live;
  if (Status status = file_.write(offsetof(format::FileHeader, vector_count), &count, sizeof count);
      !status) {
    return status;
  }
  if (Status status = sync_locked(); !status) return status;
  durable_lsn_.store(tail.lsn, std::memory_order_release);
  format::Superblock next = block_;
  next.clean = 1;
  // Without a sync of its own: if it is lost, the next opening merely checks more than it must.
  return write_superblock(next, tail);
}

}  // namespace jvdb::engine

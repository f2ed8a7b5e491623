// The durable side of an open store: superblocks, epochs, syncs (rules 4–7 and 12).
// Threads: every call from any thread; flushes and epochs follow one another under one mutex.
// begin_epoch() and close() are the writer's.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/checker.h"
#include "engine/protocol.h"
#include "format/layout.h"
#include "format/parse.h"
#include "os/file.h"

namespace jvdb::engine {

class Journal {
 public:
  Journal(os::File& file, const Protocol& protocol, const format::ParsedFile& parsed,
          const Catalog& catalog, Checker& checker);

  std::uint64_t durable_lsn() const noexcept {
    return durable_lsn_.load(std::memory_order_acquire);
  }
  // When it became so, in microseconds since 1970.
  std::uint64_t durable_time_us() const noexcept { return durable_time_us_.load(); }
  std::uint64_t flush_count() const noexcept { return flush_count_.load(); }
  // Failed once a sync failed (rule 12) or a part of the file is gone: no write is taken any more.
  Status writable() const;

  // Takes no more writes, as after a failed sync: the file may not keep its name.
  void refuse(Status cause) noexcept { (void)poison(std::move(cause)); }

  // Everything published before the call is durable when it returns.
  Status flush();
  // Operations up to `lsn` are durable when it returns. Callers at the same time share a sync; the
  // superblock follows now and then.
  Status commit(std::uint64_t lsn);

  // 0 until the first begin_epoch(): this handle has written nothing.
  std::uint32_t epoch() const noexcept { return epoch_; }
  // Makes the tail durable and starts a new epoch behind it. A failure is final for the handle.
  Status begin_epoch();

  // Flushes and marks the file as closed in order, unless it is so already.
  Status close();

 private:
  Status flush_locked(bool always_superblock);
  bool superblock_is_due(const Tail& tail) const noexcept;
  Status begin_epoch_locked();
  Status sync_locked() noexcept;
  Status write_superblock(format::Superblock next, const Tail& tail);
  Status put_superblock(const format::Superblock& block);
  Status write_found_again();
  Status repair_head();
  Status poison(Status cause) noexcept;

  os::File& file_;
  const Protocol protocol_;
  const format::Schema schema_;
  const std::vector<format::ParsedExtent> found_extents_;  // at opening
  const Catalog& catalog_;
  Checker& checker_;

  std::mutex mutex_;  // all below but the atomics
  format::Superblock block_;
  format::Head head_;
  bool head_damaged_;
  bool found_is_written_ = false;
  bool has_synced_ = false;
  std::uint32_t epoch_ = 0;

  std::atomic<std::uint64_t> durable_lsn_;
  std::atomic<std::uint64_t> durable_time_us_;
  std::atomic<std::uint64_t> flush_count_{0};
  std::atomic<bool> poisoned_{false};
  mutable std::mutex failure_mutex_;
  Status failure_;
};

}  // namespace jvdb::engine

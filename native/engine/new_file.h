// A database file in the making, out of the records of others: what compaction, backup, restore and
// salvage write.
// Threads: one call at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "engine/fill.h"
#include "engine/job.h"
#include "engine/rows.h"
#include "engine/snapshot.h"
#include "format/layout.h"
#include "format/parse.h"
#include "format/schema.h"
#include "os/file.h"

namespace jvdb::engine {

class NewFile {
 public:
  // What the new file takes over.
  struct Origin {
    format::Schema schema;
    format::Uuid uuid;
    std::uint64_t created_us = 0;
    std::uint64_t id_hash_seed = 0;
  };

  NewFile(os::File& file, const Origin& origin, Job& job);

  // First one of these three.
  // The rows become all there is of the history up to `floor_lsn`, whose time was `floor_time_us`:
  // puts, which keep their LSNs and times.
  Status add_floor(Rows& rows, std::uint64_t floor_lsn, std::uint64_t floor_time_us);
  // Nothing is there of the history up to `lsn`.
  void begin_behind(std::uint64_t lsn, std::uint64_t time_us) noexcept;
  // The journal of a snapshot up to `last_lsn`, which ends a group, as it lies in its file. No
  // checksum is looked at.
  Status copy_history(const os::File& from, const Snapshot& snapshot, std::uint64_t last_lsn);
  // Then what comes after that, group by group.
  Status add_history(Rows& rows);

  // Writes the head once there is an extent, and a superblock that says that all of this is
  // durable. Syncs nothing.
  struct Counts {
    std::uint64_t live = 0;
    std::uint64_t dead = 0;
  };
  Status write_heads(const Counts& counts, std::uint32_t feature_incompat = 0);

  std::uint64_t last_lsn() const noexcept { return lsn_; }

 private:
  // Rows on their way into one extent.
  struct Chunk {
    std::vector<format::Record> records;
    std::vector<os::Slice> vectors;
    std::vector<os::Slice> codes;
    std::vector<os::Slice> heap;
    std::size_t bytes = 0;
    Fill at;  // before it
  };

  Status add(Rows& rows, bool floor);
  Status add_row(const Row& row, bool floor);
  Status write_chunk();
  bool fits(const Row& row) const noexcept;
  Status open_extent(const Row& first, Rows& rows);
  Status begin_extent(const format::ExtentGeometry& geometry, std::uint64_t base_lsn);
  Status copy_extent(const os::File& from, const Snapshot& snapshot, std::size_t index,
                     std::uint32_t records);

  os::File& file_;
  const Origin origin_;
  Job& job_;
  const std::uint32_t epoch_;

  std::vector<format::ParsedExtent> extents_;
  Fill fill_;  // of the last
  std::uint64_t lsn_ = 0;
  HistoryFloor floor_;
  std::uint64_t epoch_start_lsn_ = 1;
  std::uint64_t generation_ = 0;  // of the next superblock
  Chunk chunk_;
};

}  // namespace jvdb::engine

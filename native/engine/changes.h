// The journal of a snapshot, read from an LSN on: what was put and removed, in order.
// Threads: one at a time for each object; the snapshot must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "engine/snapshot.h"

namespace jvdb::engine {

struct Change {
  std::uint64_t lsn = 0;
  bool put = false;         // else a removal: no vector, no metadata
  bool ends_group = false;  // the next change, if any, belongs to another group
  Entry entry;              // updated_us: when the change was made
};

class Changes {
 public:
  // Before the first change above `since_lsn`. Code::not_found where a compaction dropped some of
  // them: since_lsn is below the floor, and not 0. Code::conflict where it is above the last.
  static Result<Changes> since(const Snapshot& snapshot, std::uint64_t since_lsn);

  // False at the end. The change points into the store, as an Entry does.
  Result<bool> next(Change& out);

  // A record of the journal: number `record` of its extent, and a put's slot there.
  struct Step {
    Extent* extent = nullptr;
    std::uint32_t record = 0;
    std::uint32_t slot = 0;  // of a removal: the next put's
    bool put = false;
  };
  // The next one without reading it; false at the end.
  bool step(Step& out) noexcept;

 private:
  explicit Changes(const Snapshot& snapshot)
      : snapshot_(&snapshot), floor_left_(snapshot.history_floor().records) {}
  void seek(std::uint64_t since_lsn);
  void enter(std::size_t extent) noexcept;

  const Snapshot* snapshot_;

  std::uint64_t floor_left_;  // records of the floor in this extent and behind it
  std::size_t extent_ = 0;
  std::uint32_t records_ = 0;  // in the extent
  std::uint32_t record_ = 0;   // the next one, of the extent
  std::uint32_t slot_ = 0;     // of the next put, in the extent
};

}  // namespace jvdb::engine

// What an open store knows about its file without asking it: the extents, the slot of each id, and
// the point up to which all of it may be read.
// Threads: one writer at a time (the calls so marked); readers at any time, and they never wait for
// the writer. What is published when:
//   new slot's arrays → id table → died and live bit of the slot it replaces → the point (release).
// A reader loads the point first, then the directory: it sees at least every extent and table
// entry that its point needs, and skips, by following `previous`, what came after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/status.h"
#include "engine/checker.h"
#include "engine/extent.h"
#include "engine/id.h"
#include "engine/id_table.h"
#include "engine/published.h"
#include "engine/reader_gate.h"
#include "format/schema.h"

namespace jvdb::engine {

// A slot inside its extent.
struct Place {
  Extent* extent = nullptr;
  std::uint32_t slot = 0;  // from the extent's first

  std::uint32_t number() const noexcept { return extent->first_slot() + slot; }
  const format::Record& record() const noexcept {
    return extent->record(extent->slots.record[slot]);
  }
};

// The extents in order of their slots. Never changes once published.
struct Directory {
  const IdTable* table = nullptr;
  // Ids deleted at or below this LSN may be missing from the table.
  std::uint64_t forgotten_lsn = 0;
  std::vector<Extent*> extents;
  std::vector<std::uint32_t> first_slots;

  Place place_of(std::uint32_t slot) const noexcept;
};

// Counts that belong to one LSN.
struct Tail {
  std::uint64_t lsn = 0;
  std::uint32_t extent_count = 0;
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
};

class Catalog {
 public:
  Catalog(const format::Schema& schema, std::uint64_t id_hash_seed, const Checker& checker,
          std::size_t expected_ids);

  // --- readers ---
  Point point() const noexcept { return published_.load(); }
  bool has_numbers() const noexcept { return schema_.id_type == format::IdType::int64; }
  // A point, and what may be looked up at it, for as long as the object lives: briefly, for the
  // writer frees nothing meanwhile.
  class Lookups {
   public:
    explicit Lookups(const Catalog& catalog);
    const Point& point() const noexcept { return point_; }
    const std::vector<Extent*>& extents() const noexcept { return directory_->extents; }
    // The slot that holds the id. The place stays readable until the store closes.
    Result<std::optional<Place>> find(const Id& id) const;

   private:
    const Catalog& catalog_;
    const ReaderGate::Pass pass_;
    Point point_;
    const Directory* directory_;
  };
  // The slot that holds the id for a reader now.
  Result<std::optional<Place>> find(const Id& id) const { return Lookups(*this).find(id); }
  // Whether the slot belongs to the snapshot at `lsn`, for slots below its slot_end.
  static bool lives_at(const Place& place, std::uint64_t lsn) noexcept;
  std::vector<Extent*> extents() const;
  // Where the last of them ends in the file.
  std::uint64_t file_end() const noexcept;
  Tail tail() const;  // the last published group's counts
  // The first published slot that an operation above `lsn` wrote, else the next to be written.
  // `lsn` is at least the history floor.
  std::uint32_t first_slot_above(std::uint64_t lsn) const noexcept;
  std::size_t memory_bytes() const noexcept;  // of table and arrays

  // --- writer ---
  std::uint64_t hash(const Id& id) const noexcept {
    return hash_of(id, schema_.id_type, id_hash_seed_);
  }
  // Of the id in a record.
  std::uint64_t record_hash(const format::Record& record) const noexcept {
    return hash_of_stored(record.id);
  }
  void prefetch(std::uint64_t hash) const noexcept { table_->prefetch(hash); }
  // The latest slot, live or deleted, among those with this hash that `same(place)`, a
  // Result<bool>, accepts.
  template <typename Same>
  Result<std::optional<Place>> latest(std::uint64_t hash, Same&& same) const;
  // The latest slot of the id.
  Result<std::optional<Place>> latest(const Id& id, std::uint64_t hash) const {
    return latest(hash, [&](const Place& place) { return has_id(place, id, hash); });
  }
  // Makes room for `more` ids; without it insert() may not be called. May throw bad_alloc.
  void reserve_ids(std::size_t more);
  // Adding extents behind the others, in two steps: what may fail (bad_alloc), and what may not.
  // Between the two, no reserve_ids().
  std::unique_ptr<Directory> directory_with(const std::vector<std::unique_ptr<Extent>>& extents);
  void add_extents(std::unique_ptr<Directory> directory,
                   std::vector<std::unique_ptr<Extent>> extents) noexcept;
  // One put into a slot whose payload and record are written. `previous` is the latest slot of the
  // id, or kNoSlot. Does not publish.
  void apply_put(std::uint64_t hash, const Place& place, std::uint32_t record_index,
                 const format::Record& record, std::uint32_t previous) noexcept;
  // A deletion of the id whose latest, live slot is `slot`.
  void apply_remove(std::uint32_t slot, std::uint64_t lsn) noexcept;
  void publish(std::uint64_t lsn) noexcept;
  Place place_of(std::uint32_t slot) const noexcept { return directory_owner_->place_of(slot); }
  std::uint32_t slot_end() const noexcept { return slot_end_; }
  Extent& last_extent() const noexcept { return *extents_.back(); }  // there is always one

 private:
  std::uint64_t hash_of_stored(std::uint64_t id) const noexcept {
    return has_numbers() ? hash_number(id, id_hash_seed_) : id;
  }
  Result<bool> has_id(const Place& place, const Id& id, std::uint64_t hash) const;
  void install(std::unique_ptr<Directory> next, std::unique_ptr<IdTable> old_table) noexcept;
  std::unique_ptr<IdTable> rebuilt(std::size_t entries,
                                   const std::vector<std::uint64_t>& heads) const;
  void collect() noexcept;

  // Replaced objects that a reader may still use.
  struct Retired {
    std::unique_ptr<Directory> directory;
    std::unique_ptr<IdTable> table;
  };

  const format::Schema schema_;
  const std::uint64_t id_hash_seed_;
  const Checker& checker_;

  std::vector<std::unique_ptr<Extent>> extents_;
  std::unique_ptr<IdTable> table_;
  std::unique_ptr<Directory> directory_owner_;
  std::atomic<const Directory*> directory_;
  Published published_;
  std::uint32_t slot_end_ = 0;  // of what is applied, published or not
  std::uint64_t live_ = 0;
  std::uint64_t dead_ = 0;

  mutable ReaderGate gate_;
  std::vector<Retired> retired_;  // their grace period has not begun
  std::vector<Retired> waiting_;  // it has

  mutable std::mutex tail_mutex_;  // held for a few instructions
  Tail tail_;
};

template <typename Same>
Result<std::optional<Place>> Catalog::latest(std::uint64_t hash, Same&& same) const {
  Status failure;
  const auto at = table_->find(hash, [&](std::uint32_t slot) {
    const Result<bool> accepted = same(place_of(slot));
    if (!accepted) failure = accepted.status();
    return !accepted || *accepted;
  });
  if (!failure) return failure;
  if (!at) return std::optional<Place>();
  return std::optional(place_of(table_->slot_at(*at)));
}

}  // namespace jvdb::engine

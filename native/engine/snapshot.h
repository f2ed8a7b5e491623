// One state of a store, unchanged by whatever is written after it was taken.
// Threads: const calls from any thread at once.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/checker.h"
#include "search/collection.h"

namespace jvdb::engine {

// What a compaction left of the history: `records` live puts, then everything above `lsn`.
struct HistoryFloor {
  std::uint64_t lsn = 0;
  std::uint64_t records = 0;
  std::uint64_t time_us = 0;  // of the operation at `lsn`; at 0, when the database was created
};

// A stored vector. What it points to stays as it is for as long as the Snapshot or Reader that it
// was read through.
struct Entry {
  Id id;
  const float* vector = nullptr;
  std::string_view metadata;     // JSON text, empty for none
  std::uint64_t created_us = 0;  // since 1970: first put since the id was last absent
  std::uint64_t updated_us = 0;
};

// Reads the entry in a slot; `parts` of Checker are compared with their checksums first.
Result<Entry> read_entry(const Place& place, const Checker& checker, unsigned parts);

class Snapshot final : public search::Collection {
 public:
  // `keep` keeps what the others refer to.
  Snapshot(const Catalog& catalog, const Checker& checker, const HistoryFloor& floor,
           std::shared_ptr<const void> keep)
      : keep_(std::move(keep)),
        checker_(checker),
        history_floor_(floor),
        numbers_(catalog.has_numbers()),
        point_(catalog.point()),
        extents_(catalog.extents()) {}
  // As of lookups, for slots that were found by them; its file outlives it.
  Snapshot(const Catalog& catalog, const Checker& checker, const HistoryFloor& floor,
           const Catalog::Lookups& lookups)
      : checker_(checker),
        history_floor_(floor),
        numbers_(catalog.has_numbers()),
        point_(lookups.point()),
        extents_(lookups.extents()) {}

  const Point& point() const noexcept { return point_; }
  const std::vector<Extent*>& extents() const noexcept { return extents_; }
  const Checker& checker() const noexcept { return checker_; }
  const HistoryFloor& history_floor() const noexcept { return history_floor_; }
  // When the operation at an LSN happened that lies between the floor and the snapshot's last, in
  // microseconds since 1970.
  std::uint64_t time_at(std::uint64_t lsn) const noexcept;

  // The first slot from `from` on that belongs to the snapshot. In this order, ids come by their
  // last write.
  std::optional<std::uint32_t> next(std::uint32_t from) const noexcept;
  Result<Entry> entry(std::uint32_t slot, unsigned parts) const {
    return read_entry(place_of(slot), checker_, parts);
  }

  Place place_of(std::uint32_t slot) const noexcept {
    Extent* extent = extents_[run_of(slot)];
    return {extent, slot - extent->first_slot()};
  }

  // To be asked after what an entry points to was copied: only then is that what was stored.
  Status intact() const noexcept { return checker_.intact(); }
  // What kept id_less() from comparing two ids, if anything did.
  Status failure() const {
    const std::scoped_lock lock(failure_mutex_);
    return failure_;
  }

  // Entries that next() gives.
  std::uint64_t live_count() const noexcept;

  std::size_t run_count() const noexcept override { return extents_.size(); }
  search::Run run(std::size_t index) const noexcept override;
  std::uint64_t live_word(std::size_t run, std::uint32_t word) const noexcept override;
  Status check_vectors(std::size_t run, std::uint32_t word, std::uint64_t slots) const override {
    return checker_.check_word(*extents_[run], word, slots, Checker::vector);
  }
  Status check_codes(std::size_t run, std::uint32_t word, std::uint64_t slots) const override {
    return checker_.check_word(*extents_[run], word, slots, Checker::code);
  }
  bool id_less(std::uint32_t a, std::uint32_t b) const override;

 private:
  std::uint32_t count(std::size_t run) const noexcept;
  std::size_t run_of(std::uint32_t slot) const noexcept;

  const std::shared_ptr<const void> keep_;
  const Checker& checker_;
  const HistoryFloor history_floor_;
  const bool numbers_;  // are the ids
  const Point point_;
  const std::vector<Extent*> extents_;
  mutable std::mutex failure_mutex_;
  mutable Status failure_;
};

}  // namespace jvdb::engine

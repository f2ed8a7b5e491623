// Decides what a group of mutations becomes: its records, their places, and the extents to add.
// Threads: the writer's; changes nothing but itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/fill.h"
#include "engine/mutation.h"
#include "format/layout.h"
#include "format/parse.h"

namespace jvdb::engine {

// Consecutive records of the group that lie in one extent.
struct Segment {
  format::ExtentGeometry extent;
  std::size_t first = 0;  // index of the first record in the group
  std::size_t count = 0;
  std::uint32_t first_slot = 0;  // number of the first slot they take
  Fill before;                   // how full the extent is without them
  Fill after;
};

// Where the next record goes.
struct WritePosition {
  std::uint64_t lsn = 0;  // of the last record
  std::uint64_t timestamp_us = 0;
  std::uint32_t epoch = 0;
  Fill fill;  // of the last extent
};

class Plan {
 public:
  Plan(const Catalog& catalog, const Checker& checker, const format::Schema& schema)
      : catalog_(catalog), checker_(checker), schema_(schema) {}

  // After a failure, or for a group that comes to nothing, records() is empty.
  Status make(const Mutations& mutations, const WritePosition& from);
  // The epoch the group is written in, where it began after make().
  void set_epoch(std::uint32_t epoch) noexcept;
  // Frees the memory a large group needed.
  void clear() noexcept;

  // One for each mutation that does something. The payload's checksums, norm and scale are 0 yet.
  std::span<format::Record> records() noexcept { return records_; }
  // The mutation behind a record, with vector and metadata filled in where they are kept.
  Mutation mutation(std::size_t record) const noexcept {
    return keep_resolved_ ? resolved_[record] : source_->at(record);
  }
  // The latest slot of the record's id before it, or kNoSlot.
  std::uint32_t previous(std::size_t record) const noexcept { return previous_[record]; }
  const std::vector<Segment>& segments() const noexcept { return segments_; }
  // They belong to the last segments.
  const std::vector<format::ParsedExtent>& new_extents() const noexcept { return new_extents_; }
  // Where the record after the group goes.
  const WritePosition& end() const noexcept { return end_; }

  // Entries the id table must have room for: the ids that aren't live before.
  std::size_t new_ids() const noexcept { return new_ids_; }
  std::uint64_t stored() const noexcept { return stored_; }    // different ids put
  std::uint64_t removed() const noexcept { return removed_; }  // ids removed

 private:
  struct Before;

  Status check(const Mutation& mutation, std::size_t index) const;
  Result<Before> before(const Id& id, std::uint64_t hash, std::uint32_t seen) const;
  Status take(Mutation mutation, std::uint64_t hash);
  Status keep_parts(Mutation& mutation, const Before& before) const;
  void add_record(const Mutation& mutation, std::uint64_t hash, const Before& before);
  std::uint32_t& seen_place(const Id& id, std::uint64_t hash);
  Status place(const WritePosition& from);
  format::Demand demand(std::size_t index) const noexcept;
  Status open_extent(std::size_t index, std::uint32_t first_slot);

  const Catalog& catalog_;
  const Checker& checker_;
  const format::Schema schema_;

  const Mutations* source_ = nullptr;
  bool keep_resolved_ = false;  // records and mutations don't correspond one to one
  std::vector<Mutation> resolved_;
  std::vector<format::Record> records_;
  std::vector<std::uint32_t> previous_;
  std::vector<std::uint32_t> latest_;  // the latest slot of the record's id after it
  // Hash table of the group's own ids: 1 + index of the last record of an id, 0 = empty.
  std::vector<std::uint32_t> seen_;
  std::vector<Segment> segments_;
  std::vector<format::ParsedExtent> new_extents_;
  WritePosition end_;
  std::uint64_t first_timestamp_us_ = 0;
  std::uint32_t next_slot_ = 0;
  std::size_t new_ids_ = 0;
  std::uint64_t stored_ = 0;
  std::uint64_t removed_ = 0;
};

}  // namespace jvdb::engine

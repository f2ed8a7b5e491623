#include "engine/plan.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.h"
#include "engine/clock.h"

namespace jvdb::engine {

using format::Operation;
using format::Record;

// What is known of an id before a mutation.
struct Plan::Before {
  bool live = false;
  std::uint32_t slot = kNoSlot;      // the latest, live or deleted
  std::uint64_t created_us = 0;      // where it is live
  const Record* in_group = nullptr;  // the last record of the id in this group
  Place stored;                      // where there is none, and slot is one
};

Status Plan::check(const Mutation& mutation, std::size_t index) const {
  const auto where = [&] {
    return source_->size() > 1 ? text(" (item ", index, " of ", source_->size(), ")")
                               : std::string();
  };
  if (schema_.id_type == format::IdType::int64) {
    if (mutation.id.number >> 63 != 0) {
      return {Code::invalid_id, text("the id ", mutation.id.number, where(), " is above 2^63-1")};
    }
  } else if (mutation.id.text.empty() || mutation.id.text.size() > format::kMaxIdBytes) {
    return {Code::invalid_id,
            text("a string id has 1 to ", format::kMaxIdBytes, " bytes of UTF-8, this one", where(),
                 " has ", mutation.id.text.size())};
  }
  if (mutation.metadata.size() > format::kMaxMetadataBytes) {
    return {Code::invalid_argument,
            text("metadata may have up to ", format::kMaxMetadataBytes, " bytes of JSON, this one",
                 where(), " has ", mutation.metadata.size(), "; store large texts elsewhere")};
  }
  return {};
}

void Plan::clear() noexcept {
  const auto forget = [](auto& list) {
    list.clear();
    if (list.capacity() > 1024) list.shrink_to_fit();
  };
  forget(resolved_);
  forget(records_);
  forget(previous_);
  forget(latest_);
  forget(seen_);
  forget(segments_);
  forget(new_extents_);
  source_ = nullptr;
  keep_resolved_ = false;
  new_ids_ = 0;
  stored_ = 0;
  removed_ = 0;
}

Status Plan::make(const Mutations& mutations, const WritePosition& from) {
  clear();
  source_ = &mutations;
  end_ = from;
  next_slot_ = catalog_.slot_end();
  first_timestamp_us_ = std::max(from.timestamp_us + 1, now_us());
  const std::size_t count = mutations.size();
  records_.reserve(count);
  previous_.reserve(count);
  latest_.reserve(count);
  if (count > 1) seen_.resize(std::bit_ceil(2 * count));

  // A block's places in the id table are fetched together: one miss after the other is what a
  // large batch would wait for.
  std::array<std::uint64_t, 32> hashes;
  for (std::size_t begin = 0; begin < count; begin += hashes.size()) {
    const std::size_t end = std::min(begin + hashes.size(), count);
    for (std::size_t i = begin; i < end; ++i) {
      hashes[i - begin] = catalog_.hash(mutations.at(i).id);
      catalog_.prefetch(hashes[i - begin]);
    }
    for (std::size_t i = begin; i < end; ++i) {
      const Mutation mutation = mutations.at(i);
      Status status = check(mutation, i);
      if (status) status = take(mutation, hashes[i - begin]);
      if (!status) {
        records_.clear();
        return status;
      }
    }
  }
  Status status = place(from);
  if (!status) records_.clear();
  return status;
}

void Plan::set_epoch(std::uint32_t epoch) noexcept {
  end_.epoch = epoch;
  for (Record& record : records_) record.epoch = epoch;
  for (format::ParsedExtent& extent : new_extents_) extent.epoch = epoch;
}

std::uint32_t& Plan::seen_place(const Id& id, std::uint64_t hash) {
  const std::size_t mask = seen_.size() - 1;
  for (std::size_t at = hash >> 20 & mask;; at = (at + 1) & mask) {
    std::uint32_t& entry = seen_[at];
    if (entry == 0) return entry;
    if (schema_.id_type == format::IdType::int64) {
      if (records_[entry - 1].id == id.number) return entry;
    } else if (records_[entry - 1].id == hash && mutation(entry - 1).id.text == id.text) {
      return entry;
    }
  }
}

Result<Plan::Before> Plan::before(const Id& id, std::uint64_t hash, std::uint32_t seen) const {
  Before out;
  if (seen != 0) {
    out.in_group = &records_[seen - 1];
    out.live = operation_of(*out.in_group) == Operation::put;
    out.slot = latest_[seen - 1];
    out.created_us = out.in_group->created_us;
    return out;
  }
  auto latest = catalog_.latest(id, hash);
  if (!latest) return latest.status();
  if (!*latest) return out;
  out.stored = **latest;
  out.slot = out.stored.number();
  out.live = out.stored.extent->slots.live.test(out.stored.slot);
  out.created_us = out.stored.record().created_us;
  return out;
}

Status Plan::take(Mutation mutation, std::uint64_t hash) {
  const bool is_put = mutation.kind == Mutation::Kind::put;
  if (!is_put && !keep_resolved_) {
    for (std::size_t i = 0; i < records_.size(); ++i) resolved_.push_back(source_->at(i));
    keep_resolved_ = true;
  }
  std::uint32_t* const seen = seen_.empty() ? nullptr : &seen_place(mutation.id, hash);
  const auto before = this->before(mutation.id, hash, seen == nullptr ? 0 : *seen);
  if (!before) return before.status();
  if (!is_put && !before->live) return {};
  if (mutation.kind == Mutation::Kind::update) {
    if (Status status = keep_parts(mutation, *before); !status) return status;
  }
  add_record(mutation, hash, *before);
  if (seen != nullptr) *seen = static_cast<std::uint32_t>(records_.size());
  return {};
}

// An update without a vector or metadata takes the ones the id has.
Status Plan::keep_parts(Mutation& mutation, const Before& before) const {
  if (mutation.vector != nullptr && !mutation.keep_metadata) return {};
  if (before.in_group != nullptr) {
    const Mutation earlier =
        this->mutation(static_cast<std::size_t>(before.in_group - records_.data()));
    if (mutation.vector == nullptr) mutation.vector = earlier.vector;
    if (mutation.keep_metadata) mutation.metadata = earlier.metadata;
    return {};
  }
  Extent& extent = *before.stored.extent;
  const std::uint32_t slot = before.stored.slot;
  if (Status status = checker_.check(extent, slot, Checker::vector | Checker::heap); !status) {
    return status;
  }
  if (mutation.vector == nullptr) mutation.vector = extent.vector(slot);
  if (mutation.keep_metadata) {
    if (const auto entry = extent.heap_entry(before.stored.record()))
      mutation.metadata = entry->metadata;
  }
  return {};
}

void Plan::add_record(const Mutation& mutation, std::uint64_t hash, const Before& before) {
  Record record{};
  record.id = schema_.id_type == format::IdType::int64 ? mutation.id.number : hash;
  record.lsn = ++end_.lsn;
  record.timestamp_us = first_timestamp_us_ + records_.size();
  record.epoch = end_.epoch;
  record.created_us = before.live ? before.created_us : record.timestamp_us;
  record.flags = format::kMoreFlag;
  const bool removes = mutation.kind == Mutation::Kind::remove;
  record.flags |= static_cast<std::uint32_t>(removes ? Operation::remove : Operation::put);
  record.size = removes ? 0 : schema_.vector_bytes();
  const std::uint64_t heap =
      format::heap_entry_bytes(mutation.id.text.size(), removes ? 0 : mutation.metadata.size());
  record.heap_length = static_cast<std::uint32_t>(heap / format::kHeapUnit);
  end_.timestamp_us = record.timestamp_us;
  previous_.push_back(before.slot);
  latest_.push_back(removes ? before.slot : next_slot_++);
  records_.push_back(record);
  if (keep_resolved_) resolved_.push_back(mutation);
  if (!before.live) ++new_ids_;
  if (removes) {
    ++removed_;
    if (before.in_group != nullptr) --stored_;
  } else if (before.in_group == nullptr || !before.live) {
    ++stored_;
  }
}

// Gives each record its slot and heap, and ends an extent where one of them, or the record itself,
// no longer fits.
Status Plan::place(const WritePosition& from) {
  if (records_.empty()) return {};
  if (end_.lsn > format::kMaxLsn) {
    return {Code::no_space, text("a database takes at most 2^53-1 changes; this one is at LSN ",
                                 from.lsn, ": copy its entries into a new file")};
  }
  if (end_.timestamp_us > format::kMaxTimestampUs) {
    return {Code::no_space, text("the last change is dated ", from.timestamp_us,
                                 " microseconds after 1970, and times rise up to 2^63-1: copy the "
                                 "entries into a new file")};
  }
  if (next_slot_ < catalog_.slot_end() || next_slot_ == kNoSlot) {
    return {Code::no_space,
            "a database has at most 2^32-2 slots, used or deleted; this one is full"};
  }
  records_.back().flags &= ~format::kMoreFlag;
  std::uint32_t slot = catalog_.slot_end();
  segments_.push_back({catalog_.last_extent().geometry(), 0, 0, slot, from.fill, from.fill});
  for (std::size_t i = 0; i < records_.size(); ++i) {
    Record& record = records_[i];
    const std::uint32_t slots = operation_of(record) == Operation::put ? 1 : 0;
    const std::uint64_t heap = std::uint64_t{record.heap_length} * format::kHeapUnit;
    const format::ExtentCounts* room = &segments_.back().extent.counts;
    const bool fits = end_.fill.records < room->records && end_.fill.slots + slots <= room->slots &&
                      end_.fill.heap + heap <= room->heap_bytes;
    if (!fits) {
      if (Status status = open_extent(i, slot); !status) return status;
    }
    const format::ExtentGeometry& extent = segments_.back().extent;
    if (slots != 0) {
      record.offset =
          extent.vectors_offset + std::uint64_t{end_.fill.slots} * schema_.vector_stride();
    }
    if (heap != 0)
      record.heap_offset = static_cast<std::uint32_t>(end_.fill.heap / format::kHeapUnit);
    end_.fill.records += 1;
    end_.fill.slots += slots;
    end_.fill.heap += heap;
    slot += slots;
    segments_.back().count += 1;
    segments_.back().after = end_.fill;
  }
  return {};
}

// What is to come is taken to be like what came last: the rest of the group if it is large, else
// the extent that is full.
format::Demand Plan::demand(std::size_t index) const noexcept {
  constexpr std::uint64_t usual_heap = 4096;  // a small group with more is taken for an exception
  format::Demand out{0, 0, 0, 0, false};
  std::uint64_t heap = 0;
  for (std::size_t i = index; i < records_.size(); ++i) {
    out.records += 1;
    out.puts += operation_of(records_[i]) == Operation::put ? 1 : 0;
    heap += std::uint64_t{records_[i].heap_length} * format::kHeapUnit;
  }
  out.heap_per_record = (heap + out.records - 1) / out.records;
  const Fill& full = end_.fill;
  if (out.records <= full.records / 8) {
    const std::uint64_t usual = (full.heap + full.records - 1) / full.records;
    out.heap_per_record = std::max(usual, std::min(out.heap_per_record, usual_heap));
    // Hardly a put among them: made for a large delete, which says nothing of puts to come.
    const bool deletes = full.slots < full.records / 16;
    if (!deletes || operation_of(records_[index]) == Operation::remove) {
      out.records += full.records;
      out.puts += full.slots;
    }
  }
  out.first_heap = std::uint64_t{records_[index].heap_length} * format::kHeapUnit;
  out.begins_with_delete = operation_of(records_[index]) == Operation::remove;
  return out;
}

// The extent that begins with record number `index`.
Status Plan::open_extent(std::size_t index, std::uint32_t first_slot) {
  const Record& record = records_[index];
  const std::uint64_t file_end = segments_.back().extent.end();
  auto counts = format::next_extent(schema_, file_end, demand(index));
  counts.slots = std::min(counts.slots, kNoSlot - first_slot);
  const auto geometry = format::lay_out(schema_, file_end, counts);
  if (!geometry) {
    return {Code::no_space, text("the file cannot grow beyond ", file_end, " bytes")};
  }
  if (segments_.back().count == 0) segments_.pop_back();
  segments_.push_back({*geometry, index, 0, first_slot, {}, {}});
  new_extents_.push_back({*geometry, record.lsn, end_.epoch});
  end_.fill = {};
  return {};
}

}  // namespace jvdb::engine

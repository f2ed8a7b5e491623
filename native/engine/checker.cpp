#include "engine/checker.h"

#include <bit>

#include "base/hash.h"
#include "base/text.h"
#include "format/seal.h"

namespace jvdb::engine {

Status Checker::damaged(const Extent& extent, std::uint32_t index, bool doubted,
                        const char* what) const {
  if (Status status = intact(); !status) return status;  // zeros don't match either
  const std::uint64_t record =
      extent.geometry().records_offset() + std::uint64_t{index} * sizeof(format::Record);
  if (doubted && follower_) {
    return {Code::conflict, text(path_, ": ", what, " of the record at byte ", record,
                                 " is not what it was when it was taken in, and was not durable "
                                 "then: the history was rewritten; call refresh()")};
  }
  if (doubted) {
    return {Code::io, text(path_, ": ", what, " of the record at byte ", record,
                           " was written but never reached the disk, whose sync failed; "
                           "write it again to another file")};
  }
  return {Code::corrupt, text(path_, " is damaged: ", what, " of the record at byte ", record,
                              " does not match its checksum", advice_)};
}

Status Checker::check(Extent& extent, std::uint32_t slot, unsigned parts) const {
  const Doubt now = doubt();
  const SlotArrays& slots = extent.slots;
  const auto done = [&](Parts part, const BitSet& checked) {
    return (parts & part) == 0 || checked.test(slot);
  };
  if (done(Parts::vector, slots.vector_checked) && done(Parts::code, slots.code_checked) &&
      done(Parts::heap, slots.heap_checked) && !now.covers(extent, slot)) {
    return {};
  }
  return check_slowly(extent, slot, parts, now);
}

Status Checker::check_slowly(Extent& extent, std::uint32_t slot, unsigned parts,
                             const Doubt& doubt) const {
  const std::uint32_t index = extent.slots.record[slot];
  const format::Record& record = extent.record(index);
  const bool doubted = doubt.covers(extent, slot);
  const auto wrong = [&](const char* what) { return damaged(extent, index, doubted, what); };
  if (doubted) {
    const bool ours = record.record_crc == format::crc_of(record) &&
                      record.lsn == extent.base_lsn() + index && record.epoch == doubt.epoch;
    if (!ours) return wrong("what is known");
  }
  if ((parts & Parts::vector) != 0) {
    if (!extent.vector_matches(record, slot)) return wrong("the vector");
    extent.slots.vector_checked.set(slot);
  }
  if ((parts & Parts::code) != 0) {
    if (!extent.code_matches(record, slot)) return wrong("the code");
    extent.slots.code_checked.set(slot);
  }
  if ((parts & Parts::heap) != 0) {
    if (!heap_is_right(extent, record)) return wrong("the id and metadata");
    extent.slots.heap_checked.set(slot);
  }
  return {};
}

Status Checker::check_removal(const Extent& extent, std::uint32_t index, std::uint32_t slot) const {
  const Doubt now = doubt();
  const format::Record& record = extent.record(index);
  // Behind the last trusted put there may be trusted removals.
  const bool doubted =
      now.covers(extent, slot) && record.lsn > trusted_lsn_.load(std::memory_order_relaxed);
  if (record.record_crc != format::crc_of(record) || (doubted && record.epoch != now.epoch)) {
    return damaged(extent, index, doubted, "what is known");
  }
  if (!heap_is_right(extent, record)) return damaged(extent, index, doubted, "the id");
  return {};
}

Result<format::Record> Checker::whole_record(const Extent& extent, std::uint32_t index,
                                             format::Operation operation) const {
  const format::Record record = extent.record(index);
  if (record.record_crc == format::crc_of(record) && operation_of(record) == operation) {
    return record;
  }
  return damaged(extent, index, false, "what is known");
}

// Also that a string id is found by its hash.
bool Checker::heap_is_right(const Extent& extent, const format::Record& record) const noexcept {
  if (!extent.heap_matches(record)) return false;
  const auto entry = extent.heap_entry(record);
  return entry && (entry->id.empty() || hash_text(entry->id, id_hash_seed_) == record.id);
}

Status Checker::check_word(Extent& extent, std::uint32_t word, std::uint64_t slots,
                           Parts part) const {
  const BitSet& checked =
      part == Parts::code ? extent.slots.code_checked : extent.slots.vector_checked;
  std::uint64_t unchecked = slots & ~checked.word(word);
  const std::uint64_t last = std::uint64_t{word} * 64 + 63;
  if (doubt().covers(extent, last)) unchecked = slots;
  for (; unchecked != 0; unchecked &= unchecked - 1) {
    const auto slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(unchecked));
    if (Status status = check(extent, slot, part); !status) return status;
  }
  return {};
}

}  // namespace jvdb::engine

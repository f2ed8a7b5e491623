#include "engine/snapshot.h"

#include <algorithm>
#include <bit>

namespace jvdb::engine {

Result<Entry> read_entry(const Place& place, const Checker& checker, unsigned parts) {
  if (Status status = checker.check(*place.extent, place.slot, parts); !status) return status;
  const format::Record& record = place.record();
  Entry entry;
  entry.id.number = record.id;
  entry.vector = place.extent->vector(place.slot);
  entry.created_us = record.created_us;
  entry.updated_us = record.timestamp_us;
  if ((parts & Checker::heap) != 0) {
    if (const auto heap = place.extent->heap_entry(record)) {
      entry.id.text = heap->id;
      entry.metadata = heap->metadata;
    }
  }
  if (Status status = checker.intact(); !status) return status;
  return entry;
}

std::uint32_t Snapshot::count(std::size_t run) const noexcept {
  const std::uint32_t end = run + 1 < extents_.size()
                                ? std::min(extents_[run + 1]->first_slot(), point_.slot_end)
                                : point_.slot_end;
  const std::uint32_t first = extents_[run]->first_slot();
  return end > first ? end - first : 0;
}

std::size_t Snapshot::run_of(std::uint32_t slot) const noexcept {
  const auto after = std::upper_bound(
      extents_.begin(), extents_.end(), slot,
      [](std::uint32_t wanted, const Extent* extent) { return wanted < extent->first_slot(); });
  return static_cast<std::size_t>(after - extents_.begin()) - 1;
}

search::Run Snapshot::run(std::size_t index) const noexcept {
  const Extent& extent = *extents_[index];
  search::Run out;
  out.first_slot = extent.first_slot();
  out.count = count(index);
  out.vectors = extent.vectors();
  out.vector_stride = extent.vector_stride();
  out.norms = extent.slots.norm.data();
  if (!extent.has_codes()) return out;
  out.codes = reinterpret_cast<const std::uint8_t*>(extent.codes());
  out.code_stride = extent.code_stride();
  out.code_scales = extent.slots.code_scale.data();
  out.code_errors = extent.slots.code_error.data();
  return out;
}

std::uint64_t Snapshot::live_word(std::size_t run, std::uint32_t word) const noexcept {
  const Extent& extent = *extents_[run];
  const std::uint32_t in_word = std::min<std::uint32_t>(count(run) - word * 64, 64);
  const std::uint64_t all = in_word == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << in_word) - 1;
  std::uint64_t live = extent.slots.live.word(word) & all;
  // What died after the snapshot was taken still lives in it.
  for (std::uint64_t dead = all & ~live; dead != 0; dead &= dead - 1) {
    const std::uint32_t slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(dead));
    if (extent.slots.died[slot].load(std::memory_order_relaxed) > point_.lsn) live |= dead & -dead;
  }
  return live;
}

std::optional<std::uint32_t> Snapshot::next(std::uint32_t from) const noexcept {
  if (from >= point_.slot_end) return std::nullopt;
  for (std::size_t run = run_of(from); run < extents_.size(); ++run) {
    const std::uint32_t first = extents_[run]->first_slot();
    const std::uint32_t begin = std::max(from, first) - first;
    for (std::uint32_t word = begin / 64; word * 64 < count(run); ++word) {
      std::uint64_t live = live_word(run, word);
      if (word == begin / 64) live &= ~std::uint64_t{0} << (begin % 64);
      if (live != 0) return first + word * 64 + static_cast<std::uint32_t>(std::countr_zero(live));
    }
  }
  return std::nullopt;
}

std::uint64_t Snapshot::live_count() const noexcept {
  std::uint64_t live = 0;
  for (std::size_t run = 0; run < extents_.size(); ++run) {
    for (std::uint32_t word = 0; word * 64 < count(run); ++word) {
      live += static_cast<std::uint64_t>(std::popcount(live_word(run, word)));
    }
  }
  return live;
}

std::uint64_t Snapshot::time_at(std::uint64_t lsn) const noexcept {
  if (lsn == history_floor_.lsn) return history_floor_.time_us;
  std::size_t index = extents_.size() - 1;
  while (extents_[index]->base_lsn() > lsn) --index;
  const Extent& extent = *extents_[index];
  return extent.record(static_cast<std::uint32_t>(lsn - extent.base_lsn())).timestamp_us;
}

bool Snapshot::id_less(std::uint32_t a, std::uint32_t b) const {
  if (numbers_) {
    const Place first = place_of(a);
    const Place second = place_of(b);
    return first.extent->slots.id[first.slot] < second.extent->slots.id[second.slot];
  }
  const auto first = entry(a, Checker::heap);
  const auto second = entry(b, Checker::heap);
  if (!first || !second) {
    const std::scoped_lock lock(failure_mutex_);
    if (failure_) failure_ = !first ? first.status() : second.status();
    return false;
  }
  return first->id.text < second->id.text;  // char_traits<char> compares as unsigned bytes
}

}  // namespace jvdb::engine

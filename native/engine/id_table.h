// Maps the hash of an id to the latest slot of that id: open addressing over groups of eight 8-bit
// tags, 5 bytes a place. It knows neither ids nor records: the caller compares.
// Threads: one writer; readers call find() at any time. A place is never emptied, so a search that
// meets an empty tag has seen all it could. A new entry's slot is stored before its tag (release);
// a reader that sees the tag (acquire) sees the slot. A replacement stores the slot (release), and
// what the writer put into the new slot's arrays before is seen by a reader of it (acquire).
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/cpu.h"
#include "base/zeroed_array.h"

namespace jvdb::engine {

inline constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;

class IdTable {
 public:
  // Room for at least `entries` entries.
  explicit IdTable(std::size_t entries)
      : groups_(std::bit_ceil((entries * 8 / 7) / kGroup + 1)),
        tags_(groups_),
        slots_(groups_ * kGroup) {}

  std::size_t size() const noexcept { return size_; }  // writer only
  std::size_t capacity() const noexcept { return groups_ * kGroup / 8 * 7; }
  std::size_t bytes() const noexcept { return groups_ * kGroup * 5; }

  // A place whose tag fits `hash` and whose slot `matches` accepts, else nullopt.
  template <typename Matches>
  std::optional<std::size_t> find(std::uint64_t hash, Matches&& matches) const {
    const std::uint64_t wanted = tag_of(hash) * kOnes;
    for (std::size_t group = first_group(hash);; group = (group + 1) & (groups_ - 1)) {
      const std::uint64_t tags = tags_[group].load(std::memory_order_acquire);
      for (std::uint64_t hits = zero_bytes(tags ^ wanted); hits != 0; hits &= hits - 1) {
        const std::size_t place = group * kGroup + std::countr_zero(hits) / 8;
        if (matches(slots_[place].load(std::memory_order_acquire))) return place;
      }
      if (zero_bytes(tags) != 0) return std::nullopt;
    }
  }
  std::uint32_t slot_at(std::size_t place) const noexcept {
    return slots_[place].load(std::memory_order_acquire);
  }
  void prefetch(std::uint64_t hash) const noexcept {
    const std::size_t group = first_group(hash);
    jvdb::prefetch(&tags_[group]);
    jvdb::prefetch(&slots_[group * kGroup]);
  }

  // Writer only. insert() needs size() < capacity() and an id that find() doesn't.
  void insert(std::uint64_t hash, std::uint32_t slot) noexcept;
  void replace(std::size_t place, std::uint32_t slot) noexcept {
    slots_[place].store(slot, std::memory_order_release);
  }
  // Calls visit(slot) for each entry, in no order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t group = 0; group < groups_; ++group) {
      const std::uint64_t tags = tags_[group].load(std::memory_order_relaxed);
      for (std::size_t i = 0; i < kGroup; ++i) {
        if ((tags >> (8 * i) & 0xFF) != 0) visit(slot_at(group * kGroup + i));
      }
    }
  }

 private:
  static constexpr std::size_t kGroup = 8;
  static constexpr std::uint64_t kOnes = 0x0101010101010101U;

  static std::uint64_t tag_of(std::uint64_t hash) noexcept {
    const std::uint64_t tag = hash & 0xFF;
    return tag == 0 ? 1 : tag;  // 0 means empty
  }
  std::size_t first_group(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash >> 8) & (groups_ - 1);
  }
  // The top bit of exactly those bytes that are zero: the shorter form with a borrow would also
  // mark an empty tag next to a match.
  static std::uint64_t zero_bytes(std::uint64_t word) noexcept {
    constexpr std::uint64_t low_bits = kOnes * 0x7F;
    return ~(((word & low_bits) + low_bits) | word | low_bits);
  }

  std::size_t groups_;  // a power of two
  std::size_t size_ = 0;
  ZeroedArray<std::atomic<std::uint64_t>> tags_;
  ZeroedArray<std::atomic<std::uint32_t>> slots_;
};

inline void IdTable::insert(std::uint64_t hash, std::uint32_t slot) noexcept {
  for (std::size_t group = first_group(hash);; group = (group + 1) & (groups_ - 1)) {
    const std::uint64_t tags = tags_[group].load(std::memory_order_relaxed);
    const std::uint64_t empty = zero_bytes(tags);
    if (empty == 0) continue;
    const int shift = std::countr_zero(empty) / 8 * 8;
    slots_[group * kGroup + static_cast<std::size_t>(shift / 8)].store(slot,
                                                                       std::memory_order_relaxed);
    tags_[group].store(tags | tag_of(hash) << shift, std::memory_order_release);
    ++size_;
    return;
  }
}

}  // namespace jvdb::engine

// The point up to which everything may be read: {lsn, slot_end}, published as one pair after a
// whole group is applied.
// Threads: one writer stores, any number of readers load; nobody waits. The pair is one 64-bit
// word, slot_end above the low half of the LSN; the whole LSN is stored before it, so a reader that
// sees the word sees that LSN or a later one and takes the high half from there. (That holds while
// fewer than 2³² operations pass between a reader's two loads.)
#pragma once

#include <atomic>
#include <cstdint>

namespace jvdb::engine {

struct Point {
  std::uint64_t lsn = 0;       // of the last operation that counts
  std::uint32_t slot_end = 0;  // slots below it are in use
};

class Published {
 public:
  // Release: all that was written before it, slots, records, table and directory included, is
  // seen by a reader whose load() returns this point or a later one.
  void store(Point point) noexcept {
    lsn_.store(point.lsn, std::memory_order_relaxed);
    pair_.store(std::uint64_t{point.slot_end} << 32 | (point.lsn & 0xFFFFFFFFU),
                std::memory_order_release);
  }

  Point load() const noexcept {
    const std::uint64_t pair = pair_.load(std::memory_order_acquire);
    const std::uint64_t lsn = lsn_.load(std::memory_order_relaxed);
    const auto behind = static_cast<std::uint32_t>(lsn) - static_cast<std::uint32_t>(pair);
    return {lsn - behind, static_cast<std::uint32_t>(pair >> 32)};
  }

 private:
  std::atomic<std::uint64_t> lsn_{0};
  std::atomic<std::uint64_t> pair_{0};
};

}  // namespace jvdb::engine

// Compares stored bytes with their checksums, once after opening (rule 17); after a failed sync,
// at every read for what may never have reached the disk (rule 12).
// Threads: every call from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "engine/extent.h"

namespace jvdb::engine {

class Checker {
 public:
  enum Parts : unsigned { vector = 1, code = 2, heap = 4 };

  Checker(std::string path, std::string advice, std::uint64_t id_hash_seed)
      : path_(std::move(path)), advice_(std::move(advice)), id_hash_seed_(id_hash_seed) {}

  // `slot` counts from the extent's first. Code::corrupt, or io for what a failed sync lost.
  Status check(Extent& extent, std::uint32_t slot, unsigned parts) const;
  // The vectors of `slots`, bits of slots 64·word + i of the extent.
  Status check_vectors(Extent& extent, std::uint32_t word, std::uint64_t slots) const;
  // From now on, slots numbered `first_slot` and above are checked at every read; their records
  // carry `epoch`.
  void distrust(std::uint32_t first_slot, std::uint32_t epoch) noexcept {
    epoch_.store(epoch, std::memory_order_relaxed);
    first_distrusted_.store(first_slot, std::memory_order_release);
  }

 private:
  bool distrusted(const Extent& extent, std::uint32_t slot) const noexcept {
    return extent.first_slot() + slot >= first_distrusted_.load(std::memory_order_acquire);
  }
  Status check_record(const Extent& extent, std::uint32_t slot) const;
  Status check_slowly(Extent& extent, std::uint32_t slot, unsigned parts) const;
  bool heap_is_right(const Extent& extent, const format::Record& record) const noexcept;
  Status damaged(const Extent& extent, std::uint32_t slot, const char* what) const;

  const std::string path_;
  const std::string advice_;
  const std::uint64_t id_hash_seed_;
  std::atomic<std::uint32_t> first_distrusted_{0xFFFFFFFF};
  std::atomic<std::uint32_t> epoch_{0};
};

}  // namespace jvdb::engine

// Compares stored bytes with their checksums, once after opening (rule 17); at every read for what
// may never have reached the disk, before the first sync and after a failed one (rule 12) and in a
// follower (rule 18).
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

  // The file, whose mappings it compares, outlives it.
  Checker(const os::File& file, std::string advice, std::uint64_t id_hash_seed, bool follower)
      : file_(file),
        path_(file.path()),
        advice_(std::move(advice)),
        id_hash_seed_(id_hash_seed),
        follower_(follower) {}

  // `slot` counts from the extent's first. Code::corrupt, or io for what a failed sync lost.
  Status check(Extent& extent, std::uint32_t slot, unsigned parts) const;
  // A record that takes no slot, and its id; the next put's slot is `slot`.
  Status check_removal(const Extent& extent, std::uint32_t index, std::uint32_t slot) const;
  // A copy of a record that matches its checksum and is of this operation.
  Result<format::Record> whole_record(const Extent& extent, std::uint32_t index,
                                      format::Operation operation) const;
  // The vectors, or the codes, of `slots`: bits of slots 64·word + i of the extent.
  Status check_word(Extent& extent, std::uint32_t word, std::uint64_t slots, Parts part) const;
  // As of os::File: to be asked once what was read is used up.
  Status intact() const noexcept { return file_.intact(); }
  // From now on, slots numbered `first_slot` and above are checked at every read; their records
  // carry `epoch`, and all above `trusted_lsn` do.
  void distrust(std::uint32_t first_slot, std::uint32_t epoch, std::uint64_t trusted_lsn) noexcept {
    trusted_lsn_.store(trusted_lsn, std::memory_order_relaxed);
    doubt_.store(std::uint64_t{first_slot} << 32 | epoch, std::memory_order_release);
  }
  // The file is no longer another's to write to.
  void lead() noexcept {
    follower_ = false;
    trust();
  }
  // What was distrusted has become durable.
  void trust() noexcept { doubt_.store(kNoDoubt, std::memory_order_release); }
  bool distrusted(const Extent& extent, std::uint32_t slot) const noexcept {
    return doubt().covers(extent, slot);
  }

 private:
  static constexpr std::uint64_t kNoDoubt = ~std::uint64_t{0} << 32;

  // One word, so that a reader sees a first slot with its own epoch.
  struct Doubt {
    std::uint32_t first_slot;
    std::uint32_t epoch;
    bool covers(const Extent& extent, std::uint64_t slot) const noexcept {
      return extent.first_slot() + slot >= first_slot;
    }
  };
  Doubt doubt() const noexcept {
    const std::uint64_t word = doubt_.load(std::memory_order_acquire);
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  Status check_slowly(Extent& extent, std::uint32_t slot, unsigned parts, const Doubt& doubt) const;
  bool heap_is_right(const Extent& extent, const format::Record& record) const noexcept;
  Status damaged(const Extent& extent, std::uint32_t index, bool doubted, const char* what) const;

  const os::File& file_;
  const std::string path_;
  const std::string advice_;
  const std::uint64_t id_hash_seed_;
  bool follower_;
  std::atomic<std::uint64_t> trusted_lsn_{0};
  std::atomic<std::uint64_t> doubt_{kNoDoubt};
};

}  // namespace jvdb::engine

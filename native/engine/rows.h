// Records with what they stand for, one after the other, on their way to another file.
// Threads: one at a time for each object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "engine/changes.h"
#include "engine/snapshot.h"
#include "format/layout.h"

namespace jvdb::engine {

// All of it was compared with its checksums. What it points to stays until the rows are released.
struct Row {
  format::Record record;
  const std::byte* vector = nullptr;  // of a put; a whole stride, as the code
  const std::byte* code = nullptr;    // where the store has codes
  const std::byte* heap = nullptr;    // where the record has a heap entry
};

// What a row will take.
struct RowSize {
  bool put = false;
  std::uint64_t heap = 0;  // bytes
};

// In the order of their LSNs.
class Rows {
 public:
  virtual ~Rows() = default;
  Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // False at the end. Code::corrupt where something isn't what it was.
  virtual Result<bool> next(Row& out) = 0;
  // Looks ahead of next(), one row further at each call; nullopt at the end.
  virtual std::optional<RowSize> peek() = 0;
  // Lets peek() begin again where next() is.
  virtual void rewind() = 0;
  // What the rows so far point to is no longer needed.
  virtual void release() noexcept {}

 protected:
  Rows(Rows&&) = default;
};

// The puts that live in a snapshot.
class LiveRows final : public Rows {
 public:
  explicit LiveRows(const Snapshot& snapshot) noexcept : snapshot_(snapshot) {}
  Result<bool> next(Row& out) override;
  std::optional<RowSize> peek() override;
  void rewind() override { peeked_ = next_; }

 private:
  const Snapshot& snapshot_;
  std::uint32_t next_ = 0;  // slots
  std::uint32_t peeked_ = 0;
};

// What a snapshot's journal has above an LSN, up to another that ends a group.
class HistoryRows final : public Rows {
 public:
  // Code::not_found where a compaction dropped some of it, conflict where `since_lsn` is above the
  // last.
  static Result<HistoryRows> between(const Snapshot& snapshot, std::uint64_t since_lsn,
                                     std::uint64_t last_lsn);
  HistoryRows(HistoryRows&&) = default;
  Result<bool> next(Row& out) override;
  std::optional<RowSize> peek() override;
  void rewind() override;

 private:
  HistoryRows(const Snapshot& snapshot, const Changes& changes, std::uint64_t since_lsn,
              std::uint64_t last_lsn) noexcept
      : snapshot_(&snapshot),
        changes_(changes),
        peeked_(changes),
        last_lsn_(last_lsn),
        ended_(since_lsn >= last_lsn),
        peek_ended_(ended_) {}

  const Snapshot* snapshot_;
  Changes changes_;
  Changes peeked_;
  std::uint64_t last_lsn_;
  bool ended_;
  bool peek_ended_;
};

}  // namespace jvdb::engine

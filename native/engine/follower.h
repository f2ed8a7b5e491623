// A store opened for reading beside a writer: takes in what was written since (rule 18).
// Threads: refresh() one at a time under a mutex, beside any number of readers; the rest from any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/checker.h"
#include "engine/protocol.h"
#include "engine/recovery.h"
#include "format/parse.h"
#include "os/file.h"

namespace jvdb::engine {

class Follower {
 public:
  enum class Outcome {
    unchanged,
    advanced,
    // What was taken in is no longer the file's history: only opening it anew shows that.
    rewritten,
  };

  // `parsed` and `end` are what opening found. Code::conflict where the history was rewritten
  // meanwhile.
  static Result<std::unique_ptr<Follower>> begin(os::File& file, const Protocol& protocol,
                                                 const format::ParsedFile& parsed,
                                                 os::Advice access, Catalog& catalog,
                                                 Checker& checker, const HistoryEnd& end);

  // Takes in the whole groups that were written since. Readers see all of it at once, or nothing.
  Result<Outcome> refresh();

  // What was seen last.
  const format::ParsedFile& seen() const noexcept { return seen_; }
  const HistoryEnd& end() const noexcept { return end_; }

  std::uint64_t durable_lsn() const noexcept {
    return durable_lsn_.load(std::memory_order_acquire);
  }
  std::uint64_t durable_time_us() const noexcept { return durable_time_us_.load(); }

 private:
  Follower(os::File& file, const Protocol& protocol, const format::ParsedFile& parsed,
           os::Advice access, Catalog& catalog, Checker& checker);
  Result<bool> continues(const format::ParsedFile& now) const;
  Result<bool> take_in(const format::ParsedFile& now, const HistoryEnd& end);
  Result<bool> same_epoch(const format::ParsedFile& now) const;
  Result<format::Record> last_record(const Extent& extent, std::uint32_t records) const;

  os::File& file_;
  const Protocol protocol_;
  const os::Advice access_;
  Catalog& catalog_;
  Checker& checker_;

  std::mutex mutex_;  // all below but the atomics
  format::ParsedFile seen_;
  HistoryEnd end_;
  std::optional<format::Record> last_;  // the one that end_ lies behind
  bool broken_ = false;                 // the catalog can't be gone on with
  std::atomic<std::uint64_t> durable_lsn_{0};
  std::atomic<std::uint64_t> durable_time_us_{0};
};

}  // namespace jvdb::engine

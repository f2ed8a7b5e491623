// One open database: the engine behind every handle of a process to the same file.
// Threads: every call from any thread at the same time as any other, but for close(), which is the
// last one. Not in a child of fork(). Writers follow one another; readers and searches never wait
// for a writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/status.h"
#include "engine/catalog.h"
#include "engine/changes.h"
#include "engine/checker.h"
#include "engine/follower.h"
#include "engine/journal.h"
#include "engine/mutation.h"
#include "engine/protocol.h"
#include "engine/recovery.h"
#include "engine/snapshot.h"
#include "engine/writer.h"
#include "format/parse.h"
#include "os/file_system.h"
#include "os/process.h"
#include "search/pool.h"
#include "search/slot_set.h"
#include "search/top_k.h"

namespace jvdb::engine {

struct OpenOptions {
  bool read_only = false;
  os::Advice access = os::Advice::normal;
  Protocol protocol;
};

struct SearchOptions {
  std::size_t top_k = 10;
  std::size_t offset = 0;  // of the best, left out
  double min_score = -std::numeric_limits<double>::infinity();
  double max_distance = std::numeric_limits<double>::infinity();
  std::optional<std::vector<Id>> only;  // these ids, where they exist
  std::vector<Id> except;
  unsigned threads = 0;  // at most; 0: as many as can run at once here
  bool metadata = true;
  bool vectors = false;
};

// A search result; it owns what it says.
struct Hit {
  std::uint64_t id_number = 0;
  std::string id_text;
  double score = 0;     // grows with likeness
  double distance = 0;  // falls with it
  std::string metadata;
  std::vector<float> vector;
};

struct View {
  std::shared_ptr<const float> mapped;  // keeps the mapping
  const float* vector = nullptr;        // where it isn't mapped: to be copied
};

struct Stats {
  std::uint64_t live = 0;
  std::uint64_t dead = 0;  // replaced or deleted, their space not yet given back
  std::uint64_t capacity = 0;
  std::uint64_t extents = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t memory_bytes = 0;  // of the tables derived from the records
  std::uint64_t last_lsn = 0;
  std::uint64_t durable_lsn = 0;
  std::uint64_t durable_time_us = 0;
  std::uint64_t flushes = 0;
  RecoveryReport recovery;
};

// What a change gets through a handle that was opened for reading.
Status read_only_failure(const std::string& path);
// What a call gets whose file was removed by this process.
Status removed_failure(const std::string& path);
// What everything gets in a child that fork() made of the process, for as long as it does not exec.
Status forked_failure(const std::string& path) noexcept;

class Store {
 public:
  // Takes over an open file that holds a database; the caller has locked it unless it is read-only.
  // Then Code::conflict asks to try again: the writer rewrote it meanwhile.
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<os::File> file,
                                             const OpenOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const format::Schema& schema() const noexcept { return schema_; }
  const std::string& path() const noexcept { return file_->path(); }
  Result<os::FileInfo> file_info() const { return file_->info(); }
  bool read_only() const noexcept { return follower_ != nullptr; }
  os::Advice access() const noexcept { return access_; }
  std::uint64_t live() const { return catalog_.tail().live; }
  std::uint64_t last_lsn() const { return catalog_.point().lsn; }
  std::uint64_t durable_lsn() const {
    return follower_ ? follower_->durable_lsn() : journal_.durable_lsn();
  }
  std::uint64_t capacity() const;
  Result<Stats> stats() const;

  // Visible to every later call when it returns, and safe against the end of the process. All of
  // the group or, with a failure, nothing.
  Result<Appended> append(const Mutations& mutations);

  Result<bool> has(const Id& id) const;
  // The values of a vector, nullptr where the id is absent. They stay until the store is closed.
  Result<const float*> vector(const Id& id) const;
  // A vector that may be written to and outlives the store, without effect on either: in the mapped
  // file where that can be had, else a copy. nullptr where the id is absent.
  Result<View> view(const Id& id) const;
  // nullopt where the id is absent. `parts` (of Checker) are what will be read of it.
  Result<std::optional<Entry>> get(const Id& id, unsigned parts) const;
  std::unique_ptr<Snapshot> snapshot() const;
  // For Changes of its snapshots.
  const HistoryFloor& history_floor() const noexcept { return history_floor_; }

  // For each of one or more queries, of `dimension` finite values (Code::invalid_vector) one after
  // the other, the vectors most like it in one and the same snapshot. Best first; equal scores by
  // id. Code::aborted soon after `cancelled` became true.
  Result<std::vector<std::vector<Hit>>> search(std::span<const float> queries,
                                               const SearchOptions& options,
                                               const std::atomic<bool>& cancelled) const;

  // Read-only: takes in what the writer added. After a failure or Outcome::rewritten the store
  // shows what it showed before.
  Result<Follower::Outcome> refresh();

  // Its file has no name any more: flushing and closing have nothing to do.
  void mark_removed() noexcept { removed_.store(true, std::memory_order_release); }
  bool removed() const noexcept { return removed_.load(std::memory_order_acquire); }

  // Everything acknowledged before the call is durable when it returns.
  Status flush();
  // Makes operations up to `lsn` durable; callers at the same time share a sync.
  Status commit(std::uint64_t lsn);
  // Flushes, marks the file as closed in order and gives unused space back. The file stays open,
  // and locked, until the object is destroyed.
  Status close();

 private:
  Store(std::unique_ptr<os::File> file, const OpenOptions& options,
        const format::ParsedFile& parsed);
  // guarded(), but Code::forked in a child of the process that opened the store.
  template <typename Call>
  auto here(Call&& call) const noexcept -> decltype(call()) {
    if (os::process_generation() != process_) return forked_failure(path());
    return guarded(std::forward<Call>(call));
  }
  Status recover(const OpenOptions& options, const format::ParsedFile& parsed);
  Status check_queries(std::span<const float> queries) const;
  static Result<search::SlotSet> slots_of(const Catalog::Lookups& lookups,
                                          const std::vector<Id>& ids);
  Result<std::vector<Hit>> page(const Snapshot& snapshot, std::span<const search::Candidate> found,
                                const SearchOptions& options) const;
  Result<Hit> hit(const Snapshot& snapshot, const search::Candidate& candidate,
                  const SearchOptions& options) const;

  const std::uint32_t process_ = os::process_generation();
  std::atomic<bool> removed_{false};
  const std::shared_ptr<search::Pool> pool_ = search::Pool::shared();
  const std::unique_ptr<os::File> file_;
  const format::Schema schema_;
  const os::Advice access_;
  const HistoryFloor history_floor_;
  Checker checker_;
  mutable Catalog catalog_;
  Journal journal_;
  RecoveryReport recovery_;
  std::unique_ptr<Writer> writer_;      // of a store opened for writing
  std::unique_ptr<Follower> follower_;  // of one opened for reading
};

}  // namespace jvdb::engine

// One file of a database, open: all that goes with the file when a compaction replaces it.
// Threads: every call from any thread at the same time as any other, but for append() and
// promote(), which follow one another, and close(), which is the last one. Not in a child of
// fork(). Readers and searches never wait for a writer.
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
#include "engine/new_file.h"
#include "engine/protocol.h"
#include "engine/recovery.h"
#include "engine/snapshot.h"
#include "engine/verify.h"
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

// What everything gets in a child that fork() made of the process, for as long as it does not exec.
Status forked_failure(const std::string& path) noexcept;

class OpenFile : public std::enable_shared_from_this<OpenFile> {
 public:
  // Takes over an open file that holds a database; the caller has locked it unless it is read-only.
  // Then Code::conflict asks to try again: the writer rewrote it meanwhile.
  // `increment`: it is one of a backup, instead.
  static Result<std::shared_ptr<OpenFile>> open(std::shared_ptr<os::File> file,
                                                const OpenOptions& options, bool increment = false);
  // Only to be read, beside whoever writes to it.
  static Result<std::shared_ptr<OpenFile>> open_to_read(std::shared_ptr<os::File> file,
                                                        bool increment) {
    OpenOptions options;
    options.read_only = true;
    return open(std::move(file), options, increment);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  const format::Schema& schema() const noexcept { return schema_; }
  const std::string& path() const noexcept { return file_->path(); }
  Result<os::FileInfo> info() const { return file_->info(); }
  const os::FileId& id() const noexcept { return id_; }
  // As of os::File: to be asked once what a call points to was used.
  Status intact() const noexcept { return file_->intact(); }
  bool read_only() const noexcept { return follower_ != nullptr; }
  std::uint64_t live() const { return catalog_.tail().live; }
  std::uint64_t last_lsn() const { return catalog_.point().lsn; }
  std::uint64_t durable_lsn() const {
    return follower_ ? follower_->durable_lsn() : journal_->durable_lsn();
  }
  std::uint64_t capacity() const;
  Result<Stats> stats() const;

  // As of Store; open for writing.
  Result<Appended> append(const Mutations& mutations);
  Result<bool> has(const Id& id) const;
  Result<const float*> vector(const Id& id) const;
  Result<View> view(const Id& id) const;
  Result<std::optional<Entry>> get(const Id& id, unsigned parts) const;
  std::unique_ptr<Snapshot> snapshot() const;
  Result<std::vector<std::vector<Hit>>> search(std::span<const float> queries,
                                               const SearchOptions& options,
                                               const std::atomic<bool>& cancelled) const;
  Result<Follower::Outcome> refresh();
  // A file that was followed while it was being made, and is whole and durable now, is open for
  // writing from here on. Before other threads know it.
  Status promote(const Protocol& protocol);
  // Of a file opened for writing.
  Status writable() const { return journal_->writable(); }
  void refuse_writes(Status cause) noexcept { journal_->refuse(std::move(cause)); }
  Tail tail() const { return catalog_.tail(); }
  const os::File& os_file() const noexcept { return *file_; }
  // Its handle and lock, which then outlive the rest.
  std::shared_ptr<os::File> share_file() const noexcept { return file_; }
  // Whether a View still has a mapping of it.
  bool viewed() const;
  NewFile::Origin origin() const noexcept { return origin_; }

  Result<VerifyReport> verify(bool deep, Job& job) const;
  Status flush();
  Status commit(std::uint64_t lsn);
  Status close();

 private:
  OpenFile(std::shared_ptr<os::File> file, const OpenOptions& options,
           const format::ParsedFile& parsed);
  // guarded(), but Code::forked in a child of the process that opened the store.
  template <typename Call>
  auto unforked(Call&& call) const noexcept -> decltype(call()) {
    if (os::process_generation() != process_) return forked_failure(path());
    return guarded(std::forward<Call>(call));
  }
  // Also Code::io where the answer may be made of bytes that could not be had.
  template <typename Call>
  auto here(Call&& call) const noexcept -> decltype(call()) {
    auto answer = unforked(std::forward<Call>(call));
    if (Status status = intact(); !status) return status;
    return answer;
  }
  Status recover(const OpenOptions& options, const format::ParsedFile& parsed);
  void trust_all();
  void begin_writing(const Protocol& protocol, const format::ParsedFile& parsed,
                     const HistoryEnd& end);
  Status check_queries(std::span<const float> queries) const;
  static Result<search::SlotSet> slots_of(const Catalog::Lookups& lookups,
                                          const std::vector<Id>& ids);
  Result<std::vector<Hit>> page(const Snapshot& snapshot, std::span<const search::Candidate> found,
                                const SearchOptions& options) const;
  Result<Hit> hit(const Snapshot& snapshot, const search::Candidate& candidate,
                  const SearchOptions& options) const;

  const std::uint32_t process_ = os::process_generation();
  const std::shared_ptr<search::Pool> pool_ = search::Pool::shared();
  const std::shared_ptr<os::File> file_;
  const os::FileId id_;
  const format::Schema schema_;
  const os::Advice access_;
  const NewFile::Origin origin_;
  const HistoryFloor history_floor_;
  Checker checker_;
  mutable Catalog catalog_;
  RecoveryReport recovery_;
  std::unique_ptr<Journal> journal_;  // these two of a file opened for writing
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Follower> follower_;  // of one opened for reading
};

}  // namespace jvdb::engine

// One open database: the engine behind every handle of a process to the same file.
// Threads: every call from any thread at the same time as any other, but for close(), which is the
// last one. Not in a child of fork(). Writers follow one another; readers and searches never wait
// for a writer, nor for a compaction.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/backup.h"
#include "engine/compaction.h"
#include "engine/open_file.h"
#include "engine/reader_gate.h"

namespace jvdb::engine {

// What a change gets through a handle that was opened for reading.
Status read_only_failure(const std::string& path);
// What a call gets whose file was removed by this process.
Status removed_failure(const std::string& path);

struct CompactReport {
  bool compacted = false;  // else nothing was dead
  std::uint64_t live = 0;
  std::uint64_t dead = 0;          // whose space came back
  std::uint64_t bytes_before = 0;  // of disk
  std::uint64_t bytes_after = 0;
  std::uint64_t duration_us = 0;
};

class Store {
 public:
  // As OpenFile::open().
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<os::File> file,
                                             const OpenOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  const format::Schema& schema() const noexcept { return schema_; }
  const std::string& path() const noexcept { return path_; }
  const OpenOptions& options() const noexcept { return options_; }
  bool read_only() const noexcept { return options_.read_only; }
  os::Advice access() const noexcept { return options_.access; }
  // Code::io once a part of the file that was in use is gone.
  Status intact() const noexcept { return read().intact(); }
  std::uint64_t live() const { return read().file_->live(); }
  std::uint64_t last_lsn() const { return read().file_->last_lsn(); }
  std::uint64_t durable_lsn() const { return read().file_->durable_lsn(); }
  std::uint64_t capacity() const { return read().file_->capacity(); }
  Result<os::FileInfo> file_info() const { return file()->info(); }
  // Of the file that is open now.
  os::FileId file_id() const noexcept { return read().file_->id(); }
  Result<Stats> stats() const;

  // Visible to every later call when it returns, and safe against the end of the process. All of
  // the group or, with a failure, nothing.
  Result<Appended> append(const Mutations& mutations);

  // Reads what is there at each call. What a call points to stays for as long as the Reader, which
  // must be brief: a compaction gives nothing back meanwhile.
  class Reader {
   public:
    Result<bool> has(const Id& id) const { return file_->has(id); }
    // The values of a vector, nullptr where the id is absent.
    Result<const float*> vector(const Id& id) const { return file_->vector(id); }
    // A vector that may be written to and outlives the store, without effect on either: in the
    // mapped file where that can be had, else a copy. nullptr where the id is absent.
    Result<View> view(const Id& id) const { return file_->view(id); }
    // nullopt where the id is absent. `parts` (of Checker) are what will be read of it.
    Result<std::optional<Entry>> get(const Id& id, unsigned parts) const {
      return file_->get(id, parts);
    }
    // To be asked after what the others point to was copied: only then is that what was stored.
    Status intact() const noexcept { return file_->intact(); }

   private:
    friend class Store;
    explicit Reader(const Store& store) noexcept
        : pass_(store.gate_.enter()),
          file_(store.current_.load(std::memory_order_seq_cst)->get()) {}

    const ReaderGate::Pass pass_;
    const OpenFile* const file_;
  };
  Reader read() const noexcept { return Reader(*this); }

  std::unique_ptr<Snapshot> snapshot() const { return file()->snapshot(); }

  // For each of one or more queries, of `dimension` finite values (Code::invalid_vector) one after
  // the other, the vectors most like it in one and the same snapshot. Best first; equal scores by
  // id. Code::aborted soon after `cancelled` became true.
  Result<std::vector<std::vector<Hit>>> search(std::span<const float> queries,
                                               const SearchOptions& options,
                                               const std::atomic<bool>& cancelled) const {
    return file()->search(queries, options, cancelled);
  }

  // Read-only: takes in what the writer added. After a failure or Outcome::rewritten the store
  // shows what it showed before.
  Result<Follower::Outcome> refresh() { return file()->refresh(); }

  // What of it doesn't match its checksums, or contradicts itself. `deep`: vectors, codes, ids and
  // metadata too, not the records only.
  Result<VerifyReport> verify(bool deep, Job& job) const {
    auto report = file()->verify(deep, job);
    job.total = job.done.load();  // it was an estimate
    return report;
  }

  // Rewrites the file without what is dead, beside readers and writers; those wait for a moment at
  // its end. Snapshots, views and searches begun before stay as they are. Code::conflict while
  // another compaction is under way. `renaming` is given the new file's id and what gives it its
  // name, and calls that.
  using Renaming = std::function<Status(const os::FileId&, const std::function<Status()>&)>;
  Result<CompactReport> compact(os::FileSystem& files, const Renaming& renaming, Job& job);

  // As engine::backup(). What it holds is durable in this database too, unless that takes no more
  // writes: an increment may follow it.
  Result<BackupReport> backup(os::FileSystem& files, const std::string& path,
                              std::optional<std::uint64_t> since_lsn, Job& job);

  // Its file has no name any more: flushing and closing have nothing to do.
  void mark_removed() noexcept { removed_.store(true, std::memory_order_release); }
  bool removed() const noexcept { return removed_.load(std::memory_order_acquire); }

  // Everything acknowledged before the call is durable when it returns.
  Status flush() { return removed() ? Status() : file()->flush(); }
  // Makes operations up to `lsn` durable; callers at the same time share a sync.
  Status commit(std::uint64_t lsn) { return file()->commit(lsn); }
  // Flushes, marks the file as closed in order and gives unused space back. The file stays open,
  // and locked, until the object is destroyed.
  Status close() { return removed() ? Status() : file()->close(); }

 private:
  using FilePtr = std::shared_ptr<OpenFile>;
  using Current = Replacement::Current;

  Store(FilePtr file, const OpenOptions& options);
  FilePtr file() const;
  Status compact_file(Compaction& compaction, const Renaming& renaming);
  Current exchange(Current next) noexcept;

  const std::uint32_t process_ = os::process_generation();
  const format::Schema schema_;
  const std::string path_;
  const OpenOptions options_;
  std::atomic<bool> removed_{false};

  std::mutex append_mutex_;
  std::mutex compact_mutex_;
  mutable ReaderGate gate_;
  std::atomic<FilePtr*> current_;  // its own
};

}  // namespace jvdb::engine

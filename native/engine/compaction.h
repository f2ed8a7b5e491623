// Rewrites a database without what is dead into a new file beside it (rule 13).
// Threads: one call at a time, beside readers and, but for finish() and rename(), writers of the
// old file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "engine/job.h"
#include "engine/new_file.h"
#include "engine/open_file.h"
#include "engine/replacement.h"
#include "os/file_system.h"

namespace jvdb::engine {

class Compaction {
 public:
  Compaction(os::FileSystem& files, std::shared_ptr<OpenFile> from, const OpenOptions& options,
             Job& job)
      : files_(files), from_(std::move(from)), options_(options), job_(job) {}
  // Removes the new file unless it has been given the old one's name.
  ~Compaction();
  Compaction(const Compaction&) = delete;
  Compaction& operator=(const Compaction&) = delete;

  // Where the new file of a database lies until it has the name. What a crash leaves there is of no
  // use to anybody.
  static std::string temporary(const std::string& path) { return path + ".compacting"; }
  // Removes that, unless it is something else; the caller holds the lock of `database`.
  static Status remove_leftover(os::FileSystem& files, const std::string& path,
                                const os::File& database);

  // Makes the new file, locked, of what lives now. Code::conflict where the path no longer leads to
  // the old file, or other names do as well.
  Status begin(const std::string& path);
  // Takes in what was written since then. The number of operations.
  Result<std::uint64_t> catch_up();
  // Sets the disk to work, so that finish() has little left to wait for.
  Status sync();
  // The rest. The new file is durable then, and open for writing.
  Status finish();
  // As Replacement::run().
  Status rename(const Replacement::Exchange& exchange);
  // Frees the old file here rather than in a search that would be the last to hold it: that takes
  // the system a while. Gives up after two seconds. Writers need not wait for this.
  void let_go() noexcept;

  const os::FileId& file_id() const noexcept { return id_; }

 private:
  Status find_place(const std::string& path);
  Status make_file();
  Status write_floor(os::File& file);

  os::FileSystem& files_;
  std::shared_ptr<OpenFile> from_;
  const OpenOptions options_;
  Job& job_;

  std::string target_;  // the old file itself, links resolved
  os::FileId old_id_;
  std::string temporary_;
  os::FileId id_;
  os::File* file_ = nullptr;  // of to_
  std::unique_ptr<NewFile> made_;
  std::shared_ptr<OpenFile> to_;
  bool renamed_ = false;
  Replacement::Current old_;
};

}  // namespace jvdb::engine

// A file system in memory that knows what would survive a power cut and can make any call fail.
// What it models: between two syncs of a file each of its 512-byte sectors may keep any version it
// ever had, or the beginning of one and the end of another, and the file any size it ever had; a
// name is durable once its directory was synced, and may lead to any file it ever led to until
// then; after a failed sync the written bytes stay readable but are lost to the disk, and the next
// sync succeeds all the same.
// Threads: one at a time, except reads of mapped bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "sim_inode.h"

namespace jvdb::test {

// Hooks a test may set; all are optional.
struct SimHooks {
  // Called before anything on disk changes: a moment at which the power may fail.
  std::function<void()> before_change;
  // Called before bytes are read, but for those of a mapping.
  std::function<void(std::uint64_t offset)> before_read;
  // Whether this change to the disk fails, and does nothing; a write, a sync, a new size or name.
  std::function<bool()> fail_change;
  // Whether this call that changes nothing fails: opening, locking, asking of a file, reading,
  // mapping.
  std::function<bool()> fail_look;
  // Bytes of a write that reach the cache before it fails; nullopt lets it succeed.
  std::function<std::optional<std::size_t>(std::uint64_t offset, std::size_t size)> cut_write;
  // Whether this sync fails.
  std::function<bool()> fail_sync;
  // Runs while a sync is under way: after the moment that decides what it makes durable.
  std::function<void()> during_sync;
  // Called before a file is replaced, or isn't because it is in use.
  std::function<void()> before_replace;
  // Called before a lock is taken.
  std::function<void()> before_lock;

  Status change() const {
    if (before_change) before_change();
    return fail_change && fail_change() ? Status(Code::io, "injected: the disk fails") : Status();
  }
  Status look() const {
    return fail_look && fail_look() ? Status(Code::io, "injected: nothing can be seen") : Status();
  }
};

// What a file may not be that another is to replace.
enum class Unreplaceable { nothing, mapped, open };

class SimFileSystem final : public os::FileSystem {
 public:
  SimFileSystem();
  ~SimFileSystem() override;

  using FileSystem::open;
  Result<std::unique_ptr<os::File>> open(const std::string& path, os::Access access,
                                         os::Links links) override;
  Result<std::unique_ptr<os::File>> create(const std::string& path) override;
  Result<os::FileInfo> stat(const std::string& path) override;
  Status rename_new(const std::string& from, const std::string& to) override;
  Status replace(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;

  SimHooks& hooks() noexcept { return *hooks_; }
  // As Windows does, by its version and its file system.
  void refuse_to_replace(Unreplaceable what) noexcept { unreplaceable_ = what; }

  // What a power cut leaves, with nothing pending.
  std::unique_ptr<SimFileSystem> power_cut(const PowerCut& cut) const;
  void swap(SimFileSystem& other) noexcept { names_.swap(other.names_); }
  // Evicts what a failed sync lost from the cache, in a range.
  void forget_lost(const std::string& path, std::uint64_t offset, std::uint64_t size);
  // The bytes of a file as it is cached now.
  std::vector<std::byte> bytes(const std::string& path) const;
  // Overwrites bytes behind the engine's back, on disk and in the cache.
  void damage(const std::string& path, std::uint64_t offset, std::byte value);
  // Room for new blocks; a reservation beyond it fails. Writes into space that was not reserved
  // succeed, and the sync that must place them fails, as with delayed allocation.
  void set_free_bytes(std::uint64_t bytes) noexcept;

 private:
  friend class SimFile;

  std::shared_ptr<SimInode> find(const std::string& path) const;
  void set_name(const std::string& path, std::shared_ptr<SimInode> inode);

  std::shared_ptr<SimHooks> hooks_;
  std::shared_ptr<std::uint64_t> free_bytes_;
  // The durable file of each name and all since then, null where it had none.
  std::map<std::string, std::vector<std::shared_ptr<SimInode>>> names_;
  std::uint64_t next_inode_ = 1;
  Unreplaceable unreplaceable_ = Unreplaceable::nothing;
};

}  // namespace jvdb::test

// A file system in memory that knows which bytes would survive a power cut and can make any call
// fail. What it models: 512-byte sectors; between two syncs every sector may keep any version it
// ever had; after a failed sync the written bytes stay readable but are lost to the disk, and the
// next sync succeeds all the same.
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

namespace jvdb::test {

inline constexpr std::size_t kSector = 512;

class SimInode;

// Hooks a test may set; all are optional.
struct SimHooks {
  // Bytes of a write that reach the cache before it fails; nullopt lets it succeed.
  std::function<std::optional<std::size_t>(std::uint64_t offset, std::size_t size)> cut_write;
  // Whether this sync fails.
  std::function<bool()> fail_sync;
  // Runs while a sync is under way: after the moment that decides what it makes durable.
  std::function<void()> during_sync;
  // Called before a lock is taken.
  std::function<void()> before_lock;
};

class SimFileSystem final : public os::FileSystem {
 public:
  SimFileSystem();
  ~SimFileSystem() override;

  Result<std::unique_ptr<os::File>> open(const std::string& path, os::Access access) override;
  Result<std::unique_ptr<os::File>> create(const std::string& path) override;
  Result<os::FileInfo> stat(const std::string& path) override;
  Status rename_new(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;

  SimHooks& hooks() noexcept { return *hooks_; }

  // Chooses a version of a sector: 0 is the durable one, `newest` the last one written.
  using Choose = std::function<std::size_t(std::uint64_t sector, std::size_t newest)>;
  // What a power cut leaves: every file, with the sectors chosen, nothing pending.
  std::unique_ptr<SimFileSystem> power_cut(const Choose& choose) const;
  void swap(SimFileSystem& other) noexcept { names_.swap(other.names_); }
  // Evicts what a failed sync lost from the cache, in a range.
  void forget_lost(const std::string& path, std::uint64_t offset, std::uint64_t size);
  // Puts another file under the name, as a rename over it does.
  void replace(const std::string& path, const std::string& with);
  // The bytes of a file as it is cached now.
  std::vector<std::byte> bytes(const std::string& path) const;
  // Overwrites bytes behind the engine's back, on disk and in the cache.
  void damage(const std::string& path, std::uint64_t offset, std::byte value);
  // Room for new blocks; a reservation beyond it fails. Writes into space that was not reserved
  // succeed, and the sync that must place them fails, as with delayed allocation.
  void set_free_bytes(std::uint64_t bytes) noexcept;

 private:
  friend class SimFile;
  std::shared_ptr<SimHooks> hooks_;
  std::shared_ptr<std::uint64_t> free_bytes_;
  std::map<std::string, std::shared_ptr<SimInode>> names_;
  std::uint64_t next_inode_ = 1;
};

}  // namespace jvdb::test

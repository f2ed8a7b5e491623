// Files in anonymous memory, for stores that nothing outlives.
// Threads: every call from any thread, as os::FileSystem and os::File say.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "os/file_system.h"

namespace jvdb::os::memory {

class MemoryInode;

// A file's memory is given back once its name, its File objects and its mappings are gone; the file
// system itself may go before them. Syncs have nothing to do, mappings copied on write aren't
// there, and locks exclude nobody: no other process can know of a file.
class MemoryFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Access access, Links links) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<FileInfo> stat(const std::string& path) override;
  Status rename_new(const std::string& from, const std::string& to) override;
  Status replace(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string&) override { return {}; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryInode>> names_;
  std::uint64_t next_inode_ = 1;
};

}  // namespace jvdb::os::memory

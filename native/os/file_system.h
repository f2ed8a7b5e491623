// Files by name: open, create, rename, remove. Paths are UTF-8.
// Threads: every call from any thread.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "os/file.h"

namespace jvdb::os {

enum class Access { read_only, read_write };

// What to do where the last part of a path is a symbolic link.
enum class Links { follow, refuse };

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  // Opens an existing regular file; Code::not_found where there is none, invalid_argument where it
  // is a directory, pipe or device, unsupported_fs on a file system whose mappings can't be relied
  // on (network and FUSE) unless JVDB_ALLOW_UNSUPPORTED_FS=1.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Access access,
                                             Links links) = 0;
  Result<std::unique_ptr<File>> open(const std::string& path, Access access) {
    return open(path, access, Links::follow);
  }
  // Creates a file that must not exist (Code::exists), readable by its owner only.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  // Identity of the file a path leads to.
  virtual Result<FileInfo> stat(const std::string& path) = 0;
  // Gives `from` the name `to` in one step, never replacing another file: Code::exists.
  virtual Status rename_new(const std::string& from, const std::string& to) = 0;
  // Gives `from` the name `to` in one step, in the place of the file that has it. Code::conflict
  // where the system can't as long as somebody has that mapped, or open.
  virtual Status replace(const std::string& from, const std::string& to) = 0;
  // The path of the file itself, where `path` leads to it by symbolic links.
  virtual Result<std::string> resolve(const std::string& path) { return path; }
  virtual Status remove(const std::string& path) = 0;
  // Makes the names in the directory that holds `path` durable.
  virtual Status sync_directory(const std::string& path) = 0;
};

// The machine's own file systems.
FileSystem& disk() noexcept;

}  // namespace jvdb::os

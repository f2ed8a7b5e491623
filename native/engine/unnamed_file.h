// A file on its way to a name that nothing may have yet: written under a temporary one, verified,
// synced, and named in one step.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "engine/job.h"
#include "engine/new_file.h"
#include "os/file_system.h"

namespace jvdb::engine {

// What was made.
struct FinishedFile {
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC32C of all of them
  std::uint64_t live = 0;
};

class UnnamedFile {
 public:
  // Code::exists where something has the name.
  static Result<UnnamedFile> create(os::FileSystem& files, const std::string& path);
  UnnamedFile(UnnamedFile&& other) noexcept;
  UnnamedFile& operator=(const UnnamedFile&) = delete;
  // Removes the file unless it was named, for good.
  ~UnnamedFile();

  os::File& file() noexcept { return *file_; }
  // Verifies every byte, then names the file. Code::corrupt where something isn't whole.
  Result<FinishedFile> finish(NewFile& made, bool increment, Job& job);

 private:
  UnnamedFile(os::FileSystem& files, std::string path, std::string temporary,
              std::unique_ptr<os::File> file) noexcept
      : files_(files),
        path_(std::move(path)),
        temporary_(std::move(temporary)),
        file_(std::move(file)) {}
  Result<NewFile::Counts> verify(bool increment, Job& job);

  os::FileSystem& files_;
  std::string path_;
  std::string temporary_;  // empty once the file's name is durable
  std::unique_ptr<os::File> file_;
};

}  // namespace jvdb::engine

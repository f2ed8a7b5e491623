// A file of Windows: positioned reads and writes, FlushFileBuffers, a locked byte, mapped views.
// Views and writes show each other's bytes: both are the cache's own pages, as long as a handle is
// buffered and the file local.
// Threads: as os::File says. The system lets one call at a time use a handle: that is why sync()
// has one of its own, and writes don't wait for it.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>

#include "os/file.h"
#include "os/win32/handle.h"

namespace jvdb::os::win32 {

class Win32File final : public File {
 public:
  // `sync_handle` is another handle of the same file, empty where it is only read.
  Win32File(Handle handle, Handle sync_handle, const FileId& id, std::string path) noexcept
      : File(std::move(path)),
        handle_(std::move(handle)),
        sync_handle_(std::move(sync_handle)),
        id_(id) {}
  ~Win32File() override;

  Result<FileInfo> info() const override;
  Status read(std::uint64_t offset, void* to, std::size_t size) const override;
  Status write(std::uint64_t offset, std::span<const Slice> slices) override;
  using File::write;
  Status resize(std::uint64_t size) override;
  Status reserve(std::uint64_t offset, std::uint64_t size) override;
  void punch(std::uint64_t offset, std::uint64_t size) noexcept override;
  Status sync() override;
  void start_writeback(std::uint64_t offset, std::uint64_t size) noexcept override;
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::size_t size,
                                       Sharing sharing) const override;
  Result<bool> try_lock() override;

 private:
  Status write_one(std::uint64_t offset, const void* data, std::size_t size);
  Status write_zeros(std::uint64_t offset, std::uint64_t size);

  const Handle handle_;
  const Handle sync_handle_;
  const FileId id_;  // Wine 8 forgets the device of an open file that is renamed
  std::atomic<bool> locked_ = false;
};

}  // namespace jvdb::os::win32

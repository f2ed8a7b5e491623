// One file in anonymous memory. Threads: as os::File says.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/zeroed_array.h"
#include "os/file.h"

namespace jvdb::os::memory {

// Bytes that never move: each growth is a piece of its own, whose untouched pages cost nothing.
class MemoryInode {
 public:
  explicit MemoryInode(std::uint64_t number) noexcept : number_(number) {}

  FileInfo info() const;
  // May throw bad_alloc.
  void resize(std::uint64_t size);
  // To at least this size.
  void grow(std::uint64_t size);

  // The bytes from `offset` on, and what keeps them: all up to the end of their piece. Nothing
  // where the file ends before.
  struct Range {
    std::shared_ptr<void> keep;
    std::byte* data = nullptr;
    std::size_t size = 0;
  };
  Range range(std::uint64_t offset) const;

 private:
  struct Piece {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::shared_ptr<ZeroedArray<std::byte>> bytes;  // aligned_ lies inside
    std::byte* aligned = nullptr;
  };

  void resize_locked(std::uint64_t size);

  const std::uint64_t number_;
  mutable std::mutex mutex_;  // all below
  std::uint64_t size_ = 0;
  std::vector<Piece> pieces_;
};

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryInode> inode, std::string path) noexcept
      : File(std::move(path)), inode_(std::move(inode)) {}

  Result<FileInfo> info() const override { return inode_->info(); }
  Status read(std::uint64_t offset, void* to, std::size_t size) const override;
  Status write(std::uint64_t offset, std::span<const Slice> slices) override;
  using File::write;
  Status resize(std::uint64_t size) override;
  Status reserve(std::uint64_t offset, std::uint64_t size) override;
  // Its pages may be shared with a neighbour's: they stay until the file goes.
  void punch(std::uint64_t, std::uint64_t) noexcept override {}
  Status sync() override { return {}; }
  void start_writeback(std::uint64_t, std::uint64_t) noexcept override {}
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::size_t size,
                                       Sharing sharing) const override;
  Result<bool> try_lock() override { return true; }

 private:
  const std::shared_ptr<MemoryInode> inode_;
};

}  // namespace jvdb::os::memory

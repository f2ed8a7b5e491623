// A file of a POSIX system: positioned reads and writes, fdatasync, flock, shared mappings.
// Threads: as os::File says; but for the lock, the object never changes after it is made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "os/file.h"
#include "os/posix/mapping_faults.h"

namespace jvdb::os::posix {

class PosixFile final : public File {
 public:
  // May throw bad_alloc; then the descriptor is not its own.
  PosixFile(int descriptor, std::string path) : File(std::move(path)), descriptor_(descriptor) {}
  ~PosixFile() override;

  Result<FileInfo> info() const override;
  Status read(std::uint64_t offset, void* to, std::size_t size) const override;
  Status write(std::uint64_t offset, std::span<const Slice> slices) override;
  using File::write;
  Status copy(const File& from, std::uint64_t from_offset, std::uint64_t offset,
              std::uint64_t size) override;
  void share_like(const File& other) noexcept override;
  Status resize(std::uint64_t size) override;
  Status reserve(std::uint64_t offset, std::uint64_t size) override;
  void punch(std::uint64_t offset, std::uint64_t size) noexcept override;
  Status sync() override;
  void start_writeback(std::uint64_t offset, std::uint64_t size) noexcept override;
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::size_t size,
                                       Sharing sharing) const override;
  bool faulted() const noexcept override;
  Result<bool> try_lock() override;

 private:
  Status write_zeros(std::uint64_t offset, std::uint64_t size);

  const FaultFlag fault_ = std::make_shared<std::atomic<bool>>(false);
  int descriptor_;
  // The generation of the process that took the lock.
  std::optional<std::uint32_t> locked_by_;
};

}  // namespace jvdb::os::posix

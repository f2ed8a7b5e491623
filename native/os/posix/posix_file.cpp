#include "os/posix/posix_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/text.h"
#include "os/posix/error.h"
#include "os/posix/interrupted.h"
#include "os/process.h"

namespace jvdb::os::posix {
namespace {

constexpr std::size_t kMaxSlices = 1024;  // IOV_MAX of Linux and macOS

// Unmapped when destroyed.
struct Pages {
  Pages(void* at, std::size_t bytes) noexcept : address(at), size(bytes) {}
  Pages(Pages&& other) noexcept
      : address(std::exchange(other.address, nullptr)), size(other.size) {}
  ~Pages() {
    if (address != nullptr) ::munmap(address, size);
  }
  Pages& operator=(const Pages&) = delete;

  void* address;
  std::size_t size;
};

class PosixMapping final : public Mapping {
 public:
  PosixMapping(Pages pages, bool writable, FaultFlag fault)
      : Mapping(static_cast<const std::byte*>(pages.address), pages.size),
        pages_(std::move(pages)),
        guard_(data(), size(), writable, std::move(fault)) {}

  void advise(std::size_t offset, std::size_t size, Advice advice) noexcept override {
    const int hint = advice == Advice::random       ? MADV_RANDOM
                     : advice == Advice::sequential ? MADV_SEQUENTIAL
                                                    : MADV_NORMAL;
    hint_pages(offset, size, hint);
  }

 private:
  void hint_pages(std::size_t offset, std::size_t size, int hint) noexcept {
    const std::size_t from = offset / page_size() * page_size();
    ::madvise(static_cast<std::byte*>(pages_.address) + from, size + (offset - from), hint);
  }

  const Pages pages_;
  const FaultGuard guard_;  // goes first
};

}  // namespace

PosixFile::~PosixFile() {
  // A child of fork() that lives on shares the lock, and closing alone would leave it to it. The
  // child must not give the parent's back.
  if (locked_by_ == process_generation()) (void)::flock(descriptor_, LOCK_UN);
  ::close(descriptor_);
}

Result<FileInfo> PosixFile::info() const {
  struct ::stat found{};
  if (::fstat(descriptor_, &found) != 0) return error(errno, "read the size of", path());
  return FileInfo{
      {static_cast<std::uint64_t>(found.st_dev), static_cast<std::uint64_t>(found.st_ino)},
      static_cast<std::uint64_t>(found.st_size),
      static_cast<std::uint64_t>(found.st_blocks) * 512,
      static_cast<std::uint64_t>(found.st_nlink)};
}

Status PosixFile::read(std::uint64_t offset, void* to, std::size_t size) const {
  auto* at = static_cast<std::byte*>(to);
  while (size > 0) {
    const ssize_t got =
        uninterrupted([&] { return ::pread(descriptor_, at, size, static_cast<off_t>(offset)); });
    if (got < 0) return error(errno, "read", path());
    if (got == 0) {
      return {Code::corrupt,
              text(path(), " ends at byte ", offset, " where ", size, " more bytes belong")};
    }
    at += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

Status PosixFile::write(std::uint64_t offset, std::span<const Slice> slices) {
  std::array<::iovec, kMaxSlices> vectors;
  std::size_t next = 0;  // the first slice that isn't wholly written
  std::size_t done = 0;  // bytes of it that are
  const auto skip_finished = [&] {
    while (next < slices.size() && done >= slices[next].size) done -= slices[next++].size;
  };
  skip_finished();
  while (next < slices.size()) {
    const std::size_t count = std::min(slices.size() - next, kMaxSlices);
    for (std::size_t i = 0; i < count; ++i) {
      const Slice& slice = slices[next + i];
      const std::size_t skip = i == 0 ? done : 0;
      vectors[i].iov_base =
          const_cast<std::byte*>(static_cast<const std::byte*>(slice.data)) + skip;
      vectors[i].iov_len = slice.size - skip;
    }
    const ssize_t wrote = uninterrupted([&] {
      const auto at = static_cast<off_t>(offset);
      // The plain call costs the kernel less.
      if (count == 1) return ::pwrite(descriptor_, vectors[0].iov_base, vectors[0].iov_len, at);
      return ::pwritev(descriptor_, vectors.data(), static_cast<int>(count), at);
    });
    if (wrote <= 0) return error(wrote < 0 ? errno : EIO, "write to", path());
    offset += static_cast<std::uint64_t>(wrote);
    done += static_cast<std::size_t>(wrote);
    skip_finished();
  }
  return {};
}

Status PosixFile::copy(const File& from, std::uint64_t from_offset, std::uint64_t offset,
                       std::uint64_t size) {
#if defined(__linux__)
  // Shares the blocks on btrfs and XFS, and elsewhere spares a copy through this process.
  if (const auto* source = dynamic_cast<const PosixFile*>(&from)) {
    while (size > 0) {
      auto in = static_cast<off_t>(from_offset);
      auto out = static_cast<off_t>(offset);
      const std::size_t most = std::min<std::uint64_t>(size, std::size_t{1} << 30);
      const ssize_t done = uninterrupted(
          [&] { return ::copy_file_range(source->descriptor_, &in, descriptor_, &out, most, 0); });
      if (done <= 0) break;  // not between these two; or an error, which write() will name
      from_offset += static_cast<std::uint64_t>(done);
      offset += static_cast<std::uint64_t>(done);
      size -= static_cast<std::uint64_t>(done);
    }
  }
#endif
  return File::copy(from, from_offset, offset, size);
}

void PosixFile::share_like(const File& other) noexcept {
  const auto* like = dynamic_cast<const PosixFile*>(&other);
  struct ::stat found{};
  if (like == nullptr || ::fstat(like->descriptor_, &found) != 0) return;
  // Only root may give a file to another; whoever can't owns both as a rule.
  if (::fchown(descriptor_, found.st_uid, found.st_gid) == 0 || found.st_uid == ::geteuid()) {
    (void)::fchmod(descriptor_, found.st_mode & 07777);
  }
}

Status PosixFile::resize(std::uint64_t size) {
  if (uninterrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0) {
    return error(errno, "change the size of", path());
  }
  return {};
}

Status PosixFile::reserve(std::uint64_t offset, std::uint64_t size) {
#if defined(__linux__)
  if (uninterrupted([&] {
        return ::fallocate(descriptor_, 0, static_cast<off_t>(offset), static_cast<off_t>(size));
      }) == 0) {
    return {};
  }
  if (errno != EOPNOTSUPP) return error(errno, text("reserve ", size, " bytes in"), path());
#endif
  return write_zeros(offset, size);
}

Status PosixFile::write_zeros(std::uint64_t offset, std::uint64_t size) {
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(size, 1U << 20));
  while (size > 0) {
    const std::size_t piece = std::min<std::uint64_t>(size, zeros.size());
    if (Status status = File::write(offset, zeros.data(), piece); !status) return status;
    offset += piece;
    size -= piece;
  }
  return {};
}

void PosixFile::punch(std::uint64_t offset, std::uint64_t size) noexcept {
#if defined(__linux__)
  (void)::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(offset), static_cast<off_t>(size));
#else
  (void)offset;
  (void)size;
#endif
}

Status PosixFile::sync() {
#if defined(__APPLE__)
  // fsync there leaves the data in the drive's cache.
  const int result = ::fcntl(descriptor_, F_FULLFSYNC);
#else
  const int result = uninterrupted([&] { return ::fdatasync(descriptor_); });
#endif
  if (result != 0) return error(errno, "sync", path());
  return {};
}

void PosixFile::start_writeback(std::uint64_t offset, std::uint64_t size) noexcept {
#if defined(__linux__)
  (void)::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                          SYNC_FILE_RANGE_WRITE);
#else
  (void)offset;
  (void)size;
#endif
}

Result<std::unique_ptr<Mapping>> PosixFile::map(std::uint64_t offset, std::size_t size,
                                                Sharing sharing) const {
  const bool own = sharing == Sharing::copy_on_write;
  // No swap is set aside for what may never be written.
  void* address = ::mmap(nullptr, size, own ? PROT_READ | PROT_WRITE : PROT_READ,
                         own ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED, descriptor_,
                         static_cast<off_t>(offset));
  if (address == MAP_FAILED) return error(errno, text("map ", size, " bytes of"), path());
  Pages pages(address, size);
#if defined(__linux__)
  // A child of fork() has no business with it, and would keep a removed file's space.
  if (!own) (void)::madvise(address, size, MADV_DONTFORK);
#endif
  return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(std::move(pages), own, fault_));
}

bool PosixFile::faulted() const noexcept {
#if !defined(__SANITIZE_THREAD__)  // gcc's doesn't know fences
  // The bytes of the mapping were read before the flag is.
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  return fault_->load(std::memory_order_acquire);
}

Result<bool> PosixFile::try_lock() {
  if (uninterrupted([&] { return ::flock(descriptor_, LOCK_EX | LOCK_NB); }) == 0) {
    locked_by_ = process_generation();
    return true;
  }
  if (errno == EWOULDBLOCK) return false;
  return error(errno, "lock", path());
}

}  // namespace jvdb::os::posix

namespace jvdb::os {

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace jvdb::os

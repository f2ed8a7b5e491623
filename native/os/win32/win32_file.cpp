#include "os/win32/win32_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "os/win32/error.h"
#include "os/win32/file_info.h"

namespace jvdb::os::win32 {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;      // a call takes less than 4 GiB
constexpr std::uint64_t kLockedByte = std::uint64_t{1} << 62;  // behind every byte of a file

class Win32Mapping final : public Mapping {
 public:
  Win32Mapping(const void* address, std::size_t size) noexcept
      : Mapping(static_cast<const std::byte*>(address), size) {}
  ~Win32Mapping() override { ::UnmapViewOfFile(data()); }

  // Windows takes no such advice: it only knows how to read a range at once, whatever its size.
  void advise(std::size_t, std::size_t, Advice) noexcept override {}
};

OVERLAPPED at(std::uint64_t offset) noexcept {
  OVERLAPPED out{};
  out.Offset = static_cast<DWORD>(offset);
  out.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return out;
}

}  // namespace

Win32File::~Win32File() {
  if (!locked_) return;
  // Closing gives a lock back too, but Windows doesn't say when.
  OVERLAPPED byte = at(kLockedByte);
  ::UnlockFileEx(handle_.get(), 0, 1, 0, &byte);
}

Result<FileInfo> Win32File::info() const {
  auto found = info_of(handle_.get(), path());
  if (found) found->id = id_;
  return found;
}

Status Win32File::read(std::uint64_t offset, void* to, std::size_t size) const {
  auto* next = static_cast<std::byte*>(to);
  while (size > 0) {
    OVERLAPPED where = at(offset);
    DWORD got = 0;
    const auto most = static_cast<DWORD>(std::min(size, kMostAtOnce));
    if (::ReadFile(handle_.get(), next, most, &got, &where) == 0) {
      const DWORD number = ::GetLastError();
      if (number != ERROR_HANDLE_EOF) return error(number, "read", path());
      got = 0;
    }
    if (got == 0) {
      return {Code::corrupt,
              text(path(), " ends at byte ", offset, " where ", size, " more bytes belong")};
    }
    next += got;
    offset += got;
    size -= got;
  }
  return {};
}

// Windows writes many slices at once only past its cache. Small ones are put together here: a copy
// costs less than a call. Large ones go as they are.
Status Win32File::write(std::uint64_t offset, std::span<const Slice> slices) {
  if (slices.size() == 1) return write_one(offset, slices[0].data, slices[0].size);
  constexpr std::size_t few = std::size_t{16} << 10;
  std::array<std::byte, 4 * few> gathered;
  std::size_t held = 0;
  const auto write_gathered = [&] {
    Status status = write_one(offset, gathered.data(), held);
    offset += std::exchange(held, 0);
    return status;
  };
  for (const Slice& slice : slices) {
    if (slice.size > gathered.size() - held) {
      if (Status status = write_gathered(); !status) return status;
    }
    if (slice.size <= few) {
      std::copy_n(static_cast<const std::byte*>(slice.data), slice.size, gathered.data() + held);
      held += slice.size;
      continue;
    }
    if (Status status = write_gathered(); !status) return status;
    if (Status status = write_one(offset, slice.data, slice.size); !status) return status;
    offset += slice.size;
  }
  return write_gathered();
}

Status Win32File::write_one(std::uint64_t offset, const void* data, std::size_t size) {
  const auto* next = static_cast<const std::byte*>(data);
  while (size > 0) {
    OVERLAPPED where = at(offset);
    DWORD wrote = 0;
    const auto most = static_cast<DWORD>(std::min(size, kMostAtOnce));
    const bool failed = ::WriteFile(handle_.get(), next, most, &wrote, &where) == 0;
    if (failed || wrote == 0) {
      return error(failed ? ::GetLastError() : ERROR_WRITE_FAULT, "write to", path());
    }
    next += wrote;
    offset += wrote;
    size -= wrote;
  }
  return {};
}

// Fails where it would cut off what any process has mapped.
Status Win32File::resize(std::uint64_t size) {
  FILE_END_OF_FILE_INFO end{};
  end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
  if (::SetFileInformationByHandle(handle_.get(), FileEndOfFileInfo, &end, sizeof end) == 0) {
    return error(::GetLastError(), "change the size of", path());
  }
  return {};
}

// NTFS takes clusters as soon as a file that is neither sparse nor compressed gets longer, so they
// are there up to its end. Where that isn't so, less is allocated than the size says: zeros are
// written.
Status Win32File::reserve(std::uint64_t offset, std::uint64_t size) {
  auto before = info();
  if (!before) return before.status();
  if (before->size < offset + size) {
    if (Status status = resize(offset + size); !status) return status;
  }
  auto after = info();
  if (!after) return after.status();
  return after->allocated >= after->size ? Status() : write_zeros(offset, size);
}

Status Win32File::write_zeros(std::uint64_t offset, std::uint64_t size) {
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(size, 1U << 20));
  while (size > 0) {
    const std::size_t piece = std::min<std::uint64_t>(size, zeros.size());
    if (Status status = write_one(offset, zeros.data(), piece); !status) return status;
    offset += piece;
    size -= piece;
  }
  return {};
}

// Only a sparse file can have holes, and being sparse is for good: writing to it could run out of
// space ever after, which reserve() promises it can't.
void Win32File::punch(std::uint64_t, std::uint64_t) noexcept {}

Status Win32File::sync() {
  // Unlike FlushViewOfFile it also empties the cache of the drive.
  if (::FlushFileBuffers(sync_handle_.get()) == 0) return error(::GetLastError(), "sync", path());
  return {};
}

// Windows begins to write within a second, and has no call to begin earlier without waiting.
void Win32File::start_writeback(std::uint64_t, std::uint64_t) noexcept {}

Result<std::unique_ptr<Mapping>> Win32File::map(std::uint64_t offset, std::size_t size,
                                                Sharing sharing) const {
  // Memory for all of a mapping of one's own is set aside at once: it may be refused.
  const bool own = sharing == Sharing::copy_on_write;
  const std::uint64_t end = offset + size;
  const Handle section(
      ::CreateFileMappingW(handle_.get(), nullptr, own ? PAGE_WRITECOPY : PAGE_READONLY,
                           static_cast<DWORD>(end >> 32), static_cast<DWORD>(end), nullptr));
  const auto failed = [&] {
    return error(::GetLastError(), text("map ", size, " bytes of"), path());
  };
  if (!section) return failed();
  const void* address =
      ::MapViewOfFile(section.get(), own ? FILE_MAP_COPY : FILE_MAP_READ,
                      static_cast<DWORD>(offset >> 32), static_cast<DWORD>(offset), size);
  if (address == nullptr) return failed();
  return std::unique_ptr<Mapping>(std::make_unique<Win32Mapping>(address, size));
}

Result<bool> Win32File::try_lock() {
  OVERLAPPED byte = at(kLockedByte);
  constexpr DWORD how = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
  if (::LockFileEx(handle_.get(), how, 0, 1, 0, &byte) != 0) {
    locked_ = true;
    return true;
  }
  const DWORD number = ::GetLastError();
  if (number == ERROR_LOCK_VIOLATION || number == ERROR_IO_PENDING) return false;
  return error(number, "lock", path());
}

}  // namespace jvdb::os::win32

namespace jvdb::os {

std::size_t page_size() noexcept {
  static const std::size_t size = [] {
    SYSTEM_INFO info{};
    ::GetSystemInfo(&info);
    return std::size_t{info.dwPageSize};
  }();
  return size;
}

}  // namespace jvdb::os

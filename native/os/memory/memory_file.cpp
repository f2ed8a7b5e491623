#include "os/memory/memory_file.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/guarded.h"
#include "base/text.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace jvdb::os::memory {
namespace {

constexpr std::size_t kLargePiece = std::size_t{32} << 20;
constexpr std::size_t kAlignment = 64;  // what the kernels and the format rely on

class MemoryMapping final : public Mapping {
 public:
  MemoryMapping(MemoryInode::Range range, std::size_t size) noexcept
      : Mapping(range.data, size), keep_(std::move(range.keep)) {}
  void advise(std::size_t, std::size_t, Advice) noexcept override {}

 private:
  const std::shared_ptr<void> keep_;
};

// Fewer faults where much is written at once, fewer translations where much is read. Not for small
// pieces: the first byte written would take a whole large page.
void prefer_large_pages(std::byte* data, std::size_t size) noexcept {
  if (size < kLargePiece) return;
#if defined(__linux__)
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::size_t skip = align_up(address, page_size()) - address;
  if (skip < size)
    (void)::madvise(data + skip, (size - skip) / page_size() * page_size(), MADV_HUGEPAGE);
#else
  (void)data;
  (void)size;
#endif
}

}  // namespace

FileInfo MemoryInode::info() const {
  const std::scoped_lock lock(mutex_);
  return {{0, number_}, size_, size_};
}

void MemoryInode::resize(std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  resize_locked(size);
}

void MemoryInode::grow(std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  if (size > size_) resize_locked(size);
}

void MemoryInode::resize_locked(std::uint64_t size) {
  while (!pieces_.empty() && pieces_.back().begin >= size) pieces_.pop_back();
  const std::uint64_t held = pieces_.empty() ? 0 : pieces_.back().end;
  if (size > held) {
    Piece piece{held, size, nullptr, nullptr};
    piece.bytes = std::make_shared<ZeroedArray<std::byte>>(size - held + kAlignment);
    const auto address = reinterpret_cast<std::uintptr_t>(piece.bytes->data());
    piece.aligned = piece.bytes->data() + (align_up(address, kAlignment) - address);
    prefer_large_pages(piece.aligned, size - held);
    pieces_.push_back(std::move(piece));
  } else if (size < std::min(size_, held)) {
    // What a later growth uncovers reads as zeros.
    const Piece& last = pieces_.back();
    std::memset(last.aligned + (size - last.begin), 0, std::min(size_, held) - size);
  }
  size_ = size;
}

MemoryInode::Range MemoryInode::range(std::uint64_t offset) const {
  const std::scoped_lock lock(mutex_);
  if (offset >= size_) return {};
  const auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                      [](std::uint64_t at, const Piece& p) { return at < p.end; });
  return {piece->bytes, piece->aligned + (offset - piece->begin),
          std::min(piece->end, size_) - offset};
}

Status MemoryFile::read(std::uint64_t offset, void* to, std::size_t size) const {
  auto* at = static_cast<std::byte*>(to);
  while (size > 0) {
    const MemoryInode::Range range = inode_->range(offset);
    if (range.size == 0) {
      return {Code::corrupt,
              text(path(), " ends at byte ", offset, " where ", size, " more bytes belong")};
    }
    const std::size_t count = std::min(size, range.size);
    std::memcpy(at, range.data, count);
    at += count;
    offset += count;
    size -= count;
  }
  return {};
}

Status MemoryFile::write(std::uint64_t offset, std::span<const Slice> slices) {
  std::uint64_t end = offset;
  for (const Slice& slice : slices) end += slice.size;
  if (Status status = reserve(offset, end - offset); !status) return status;
  MemoryInode::Range range;
  for (const Slice& slice : slices) {
    const auto* from = static_cast<const std::byte*>(slice.data);
    std::size_t left = slice.size;
    while (left > 0) {
      if (range.size == 0) range = inode_->range(offset);
      const std::size_t count = std::min(left, range.size);
      std::memcpy(range.data, from, count);
      range.data += count;
      range.size -= count;
      from += count;
      offset += count;
      left -= count;
    }
  }
  return {};
}

Status MemoryFile::resize(std::uint64_t size) {
  return guarded([&]() -> Status {
    inode_->resize(size);
    return {};
  });
}

Status MemoryFile::reserve(std::uint64_t offset, std::uint64_t size) {
  return guarded([&]() -> Status {
    inode_->grow(offset + size);
    return {};
  });
}

Result<std::unique_ptr<Mapping>> MemoryFile::map(std::uint64_t offset, std::size_t size,
                                                 Sharing sharing) const {
  MemoryInode::Range range = inode_->range(offset);
  if (sharing != Sharing::shared || range.size < size) {
    return Status(Code::io, text("cannot map ", size, " bytes of ", path(),
                                 ": memory is mapped in the pieces it grew by, and not copied on "
                                 "write"));
  }
  return std::unique_ptr<Mapping>(std::make_unique<MemoryMapping>(std::move(range), size));
}

}  // namespace jvdb::os::memory

#include "os/file.h"

#include <algorithm>

#include "base/guarded.h"
#include "base/text.h"

namespace jvdb::os {

void add_slice(std::vector<Slice>& slices, const std::byte* data, std::size_t size) {
  const bool next_to_last =
      !slices.empty() &&
      static_cast<const std::byte*>(slices.back().data) + slices.back().size == data;
  if (next_to_last) {
    slices.back().size += size;
  } else {
    slices.push_back({data, size});
  }
}

Status File::copy(const File& from, std::uint64_t from_offset, std::uint64_t offset,
                  std::uint64_t size) {
  std::vector<std::byte> buffer(std::min<std::uint64_t>(size, 1U << 20));
  while (size > 0) {
    const std::size_t piece = std::min<std::uint64_t>(size, buffer.size());
    Status status = from.read(from_offset, buffer.data(), piece);
    if (status) status = write(offset, buffer.data(), piece);
    if (!status) return status;
    from_offset += piece;
    offset += piece;
    size -= piece;
  }
  return {};
}

Status File::has_bytes(std::uint64_t size) const {
  auto found = info();
  if (!found) return found.status();
  return found->size < size ? fault_failure() : Status();
}

Status File::fault_failure() const noexcept {
  return guarded([&]() -> Status {
    return {Code::io,
            text(path(),
                 " was cut short by another process while it was open, or the disk failed to read "
                 "it: what was read of it can't be trusted; close it, and restore a backup, or "
                 "salvage what is whole from a copy")};
  });
}

}  // namespace jvdb::os

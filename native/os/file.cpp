#include "os/file.h"

#include <algorithm>
#include <vector>

namespace jvdb::os {

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

}  // namespace jvdb::os

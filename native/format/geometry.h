// Where the parts of an extent lie: header page | records | columns | heap. A pure function of its
// counts, so a header read from a file is right only if it says exactly what this computes.
// Threads: plain data and free functions.
#pragma once

#include <cstdint>
#include <optional>

#include "format/schema.h"

namespace jvdb::format {

struct ExtentCounts {
  std::uint32_t records = 0;     // R
  std::uint32_t slots = 0;       // S
  std::uint64_t heap_bytes = 0;  // H, a multiple of kHeapUnit
};

struct ExtentGeometry {
  std::uint64_t offset = 0;  // of the header page in the file, as are all offsets here
  ExtentCounts counts;
  std::uint64_t vectors_offset = 0;
  std::uint64_t codes_offset = 0;  // 0 without the int8 column
  std::uint64_t heap_offset = 0;
  std::uint64_t length = 0;  // a multiple of kExtentAlignment

  std::uint64_t records_offset() const noexcept { return offset + kExtentHeaderPage; }
  std::uint64_t end() const noexcept { return offset + length; }
};

// nullopt where the counts are out of range or an offset would pass 2^63.
std::optional<ExtentGeometry> lay_out(const Schema& schema, std::uint64_t offset,
                                      ExtentCounts counts) noexcept;

// Records for `slots` slots: deletes take a record but no slot.
constexpr std::uint64_t records_for(std::uint64_t slots) noexcept {
  return slots + slots / 8 + 64;
}

// The extent that grows a file of `file_size` bytes: as large as the file up to 64 MiB, then
// 12.5 % of it, at most 1 GiB, but never too small for `needed_heap` bytes in one entry.
// `mean_heap` is the mean bytes of heap a slot.
ExtentCounts next_extent(const Schema& schema, std::uint64_t file_size, std::uint64_t mean_heap,
                         std::uint64_t needed_heap) noexcept;

// The extent a database begins with.
ExtentCounts first_extent(std::uint32_t slots) noexcept;

}  // namespace jvdb::format

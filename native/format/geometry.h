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
  bool operator==(const ExtentCounts&) const = default;
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
  bool operator==(const ExtentGeometry&) const = default;
};

// nullopt where the counts are out of range or an offset would pass 2^62.
std::optional<ExtentGeometry> lay_out(const Schema& schema, std::uint64_t offset,
                                      ExtentCounts counts) noexcept;

// Records for `slots` slots: deletes take a record but no slot.
constexpr std::uint64_t records_for(std::uint64_t slots) noexcept {
  return slots + slots / 8 + 64;
}

// What is expected of an extent.
struct Demand {
  std::uint64_t records = 1;
  std::uint64_t puts = 1;             // of these; the others are deletes
  std::uint64_t heap_per_record = 0;  // bytes
  std::uint64_t first_heap = 0;       // bytes for the record it begins with
  bool begins_with_delete = false;
};

// The extent that grows a file of `file_size` bytes: as large as the file up to 64 MiB, then
// 12.5 % of it, at most 1 GiB; a sixteenth of that where a delete asks for it, which may be meant
// to make room. Its records, slots and heap are in proportion to the demand.
ExtentCounts next_extent(const Schema& schema, std::uint64_t file_size,
                         const Demand& demand) noexcept;

// The extent a database begins with.
ExtentCounts first_extent(std::uint32_t slots) noexcept;

}  // namespace jvdb::format

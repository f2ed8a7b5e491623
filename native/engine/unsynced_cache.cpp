#include "engine/unsynced_cache.h"

#include <algorithm>
#include <array>

#include "engine/fill.h"

namespace jvdb::engine {
namespace {

using format::Record;

// The kernel drops a large folio only as a whole, and one that holds the tail begins before it.
// What else it holds is read again from the disk.
constexpr std::uint64_t kLargestFolio = std::uint64_t{2} << 20;

// How much the first `records` records of an extent use, from the last put and the last heap entry
// among them.
Result<Fill> fill_of(const os::File& file, const format::Schema& schema,
                     const format::ExtentGeometry& extent, std::uint32_t records) {
  Fill fill{records, 0, 0};
  bool slots_known = false;
  bool heap_known = false;
  std::array<Record, 64> block;
  for (std::uint32_t end = records; end > 0 && !(slots_known && heap_known);) {
    const auto count = std::min<std::uint32_t>(end, block.size());
    end -= count;
    const std::uint64_t at = extent.records_offset() + std::uint64_t{end} * sizeof(Record);
    if (Status status = file.read(at, block.data(), count * sizeof(Record)); !status) return status;
    for (std::uint32_t i = count; i-- > 0;) {
      const Record& record = block[i];
      if (!slots_known && record.offset >= extent.vectors_offset) {
        const std::uint64_t slot = (record.offset - extent.vectors_offset) / schema.vector_stride();
        fill.slots =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(slot + 1, extent.counts.slots));
        slots_known = true;
      }
      if (!heap_known && record.heap_length != 0) {
        const std::uint64_t heap_end =
            (std::uint64_t{record.heap_offset} + record.heap_length) * format::kHeapUnit;
        fill.heap = std::min(heap_end, extent.counts.heap_bytes);
        heap_known = true;
      }
    }
  }
  return fill;
}

void drop_behind(os::File& file, const format::Schema& schema, const format::ExtentGeometry& extent,
                 const Fill& fill) noexcept {
  for_unused(extent, schema, fill, [&](std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t from = begin / kLargestFolio * kLargestFolio;
    file.drop_cache(from, end - from);
  });
}

}  // namespace

Status drop_unsynced_cache(os::File& file, const format::ParsedFile& parsed) {
  const std::uint64_t next_lsn = parsed.superblock.durable_lsn + 1;
  std::uint64_t floor_records = parsed.superblock.floor_records;
  for (std::size_t index = 0; index < parsed.extents.size(); ++index) {
    const format::ParsedExtent& extent = parsed.extents[index];
    if (floor_records > 0) {  // a compaction synced them
      floor_records -= std::min<std::uint64_t>(floor_records, extent.geometry.counts.records);
      continue;
    }
    const bool all_durable =
        index + 1 < parsed.extents.size() && parsed.extents[index + 1].base_lsn <= next_lsn;
    if (all_durable) continue;
    const std::uint64_t durable = next_lsn - std::min(extent.base_lsn, next_lsn);
    const auto records = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(durable, extent.geometry.counts.records));
    auto fill = fill_of(file, parsed.schema, extent.geometry, records);
    if (!fill) return fill.status();
    drop_behind(file, parsed.schema, extent.geometry, *fill);
  }
  return {};
}

}  // namespace jvdb::engine

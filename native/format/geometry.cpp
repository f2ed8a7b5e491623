#include "format/geometry.h"

#include <algorithm>

namespace jvdb::format {
namespace {

constexpr std::uint64_t kHeapAlignment = 4096;
constexpr std::uint64_t kMaxHeapBytes = (std::uint64_t{1} << 32) * kHeapUnit;  // u32 in heap units
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 62;  // the Windows lock lies there
constexpr std::uint64_t kFullGrowth = std::uint64_t{64} << 20;
constexpr std::uint64_t kLargestExtent = std::uint64_t{1} << 30;
constexpr std::uint64_t kFirstHeapPerSlot = 64;

}  // namespace

std::optional<ExtentGeometry> lay_out(const Schema& schema, std::uint64_t offset,
                                      ExtentCounts counts) noexcept {
  if (counts.records == 0 || counts.heap_bytes > kMaxHeapBytes ||
      counts.heap_bytes % kHeapUnit != 0 || offset % kExtentAlignment != 0) {
    return std::nullopt;
  }
  const auto after = [](Checked at, std::uint64_t count, std::uint64_t stride) {
    return at + Checked(count) * Checked(stride);
  };
  const Checked records = Checked(offset) + Checked(kExtentHeaderPage);
  const Checked vectors = after(records, counts.records, sizeof(Record)).aligned(kExtentAlignment);
  const Checked vectors_end = after(vectors, counts.slots, schema.vector_stride());
  const Checked codes = vectors_end.aligned(kExtentAlignment);
  const Checked columns_end =
      schema.has_codes ? after(codes, counts.slots, schema.code_stride()) : vectors_end;
  const Checked heap = columns_end.aligned(kHeapAlignment);
  const Checked end = (heap + Checked(counts.heap_bytes)).aligned(kExtentAlignment);
  if (!end.valid() || end.value() > kMaxFileBytes) return std::nullopt;

  ExtentGeometry out;
  out.offset = offset;
  out.counts = counts;
  out.vectors_offset = vectors.value();
  out.codes_offset = schema.has_codes ? codes.value() : 0;
  out.heap_offset = heap.value();
  out.length = end.value() - offset;
  return out;
}

ExtentCounts next_extent(const Schema& schema, std::uint64_t file_size,
                         const Demand& demand) noexcept {
  std::uint64_t target =
      file_size <= kFullGrowth ? file_size : std::clamp(file_size / 8, kFullGrowth, kLargestExtent);
  if (demand.begins_with_delete) target /= 16;
  // Of 256 records, rounded up: a few puts among many deletes must not run out of slots at once.
  const std::uint64_t puts = (256 * demand.puts + demand.records - 1) / demand.records;
  const std::uint64_t heap = align_up(demand.heap_per_record, kHeapUnit);
  const std::uint64_t slot_bytes = schema.vector_stride() + schema.code_stride();
  const std::uint64_t record_bytes =
      sizeof(Record) + sizeof(Record) / 8 + heap + slot_bytes * puts / 256;
  const std::uint64_t count = std::max<std::uint64_t>(target / record_bytes, 1);
  const std::uint64_t slots = (count * puts + 255) / 256;
  return {static_cast<std::uint32_t>(records_for(count)), static_cast<std::uint32_t>(slots),
          std::max(count * heap, align_up(demand.first_heap, kHeapUnit))};
}

ExtentCounts first_extent(std::uint32_t slots) noexcept {
  return {static_cast<std::uint32_t>(records_for(slots)), slots, slots * kFirstHeapPerSlot};
}

}  // namespace jvdb::format

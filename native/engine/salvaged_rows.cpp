#include "engine/salvaged_rows.h"

#include <algorithm>
#include <cmath>

#include "base/crc32c.h"
#include "simd/kernels.h"

namespace jvdb::engine {

using format::Operation;
using format::Record;

bool Payload::placed(const Found& found) const noexcept {
  const format::ExtentGeometry& extent = scanned_.extents[found.extent].extent.geometry;
  const format::Schema& schema = scanned_.schema;
  const Record& record = found.record;
  std::uint32_t slot = 0;
  if (format::operation_of(record) == Operation::put) {
    if (record.offset < extent.vectors_offset) return false;
    const std::uint64_t number = (record.offset - extent.vectors_offset) / schema.vector_stride();
    if (number >= extent.counts.slots) return false;
    slot = static_cast<std::uint32_t>(number);
  }
  const std::uint64_t heap =
      std::min(std::uint64_t{record.heap_offset} * format::kHeapUnit, extent.counts.heap_bytes);
  return format::record_fits(record, schema, extent, slot, heap);
}

bool Payload::vector(const Found& found, std::byte* to) const {
  const std::uint32_t size = scanned_.schema.vector_bytes();
  return file_.read(found.record.offset, to, size).ok() &&
         crc32c(to, size) == found.record.vector_crc;
}

bool Payload::heap(const Found& found, Bytes& to) const {
  const format::ExtentGeometry& extent = scanned_.extents[found.extent].extent.geometry;
  to.resize(std::uint64_t{found.record.heap_length} * format::kHeapUnit);
  if (to.empty()) return true;
  const std::uint64_t at =
      extent.heap_offset + std::uint64_t{found.record.heap_offset} * format::kHeapUnit;
  return file_.read(at, to.data(), to.size()).ok() &&
         crc32c(to.data(), to.size()) == found.record.heap_crc;
}

Result<bool> SalvagedRows::next(Row& out) {
  if (next_ == found_.size()) return false;
  const Found& found = found_[next_++];
  out = Row{};
  out.record = found.record;
  std::byte* vector = room(schema_.vector_stride());
  Bytes heap;
  if (!payload_.vector(found, vector) || !payload_.heap(found, heap)) {
    return Status(Code::io, "what was read of a damaged file changes from one time to the next");
  }
  out.vector = vector;
  if (!heap.empty()) out.heap = buffers_.emplace_back(std::move(heap)).data();
  if (!schema_.has_codes) return true;
  // Made anew, whether the old one is whole or not.
  std::byte* code = room(schema_.code_stride());
  const simd::Encoded encoded =
      simd::kernels().encode(reinterpret_cast<const float*>(vector), schema_.dimension,
                             reinterpret_cast<std::uint8_t*>(code), schema_.code_stride());
  out.code = code;
  out.record.norm = static_cast<float>(std::sqrt(encoded.squared_norm));
  out.record.code_scale = encoded.scale;
  out.record.code_error = encoded.error;
  out.record.code_crc = crc32c(code, schema_.code_stride());
  return true;
}

}  // namespace jvdb::engine

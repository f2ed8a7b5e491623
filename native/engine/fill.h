// How much of an extent is in use. Threads: plain data and free functions.
#pragma once

#include <cstdint>

#include "format/geometry.h"
#include "format/layout.h"

namespace jvdb::engine {

struct Fill {
  std::uint32_t records = 0;
  std::uint32_t slots = 0;
  std::uint64_t heap = 0;  // bytes
};

// The unused bytes of an extent, part by part: visit(begin, end).
template <typename Visit>
void for_unused(const format::ExtentGeometry& extent, const format::Schema& schema,
                const Fill& fill, Visit&& visit) {
  visit(extent.records_offset() + std::uint64_t{fill.records} * sizeof(format::Record),
        extent.vectors_offset);
  visit(extent.vectors_offset + std::uint64_t{fill.slots} * schema.vector_stride(),
        schema.has_codes ? extent.codes_offset : extent.heap_offset);
  if (schema.has_codes) {
    visit(extent.codes_offset + std::uint64_t{fill.slots} * schema.code_stride(),
          extent.heap_offset);
  }
  visit(extent.heap_offset + fill.heap, extent.end());
}

}  // namespace jvdb::engine

#include "engine/extent.h"

#include "base/checked.h"
#include "base/crc32c.h"

namespace jvdb::engine {

Result<std::unique_ptr<Extent>> Extent::map(const os::File& file,
                                            const format::ParsedExtent& parsed,
                                            const format::Schema& schema, os::Advice access,
                                            std::uint32_t first_slot) {
  auto mapping = file.map(parsed.geometry.offset, parsed.geometry.length);
  if (!mapping) return mapping.status();
  if (access != os::Advice::normal) {
    const std::uint64_t vectors = parsed.geometry.vectors_offset - parsed.geometry.offset;
    const std::uint64_t heap = parsed.geometry.heap_offset - parsed.geometry.offset;
    (*mapping)->advise(vectors, heap - vectors, access);
  }
  return std::unique_ptr<Extent>(new Extent(parsed, schema, first_slot, std::move(*mapping)));
}

std::shared_ptr<const float> Extent::view(const os::File& file, std::uint32_t slot,
                                          std::uint32_t used) {
  const std::uint64_t stride = schema_.vector_stride();
  const std::uint64_t begin = slot * stride;
  const std::uint64_t last_page_end = align_up(begin + schema_.vector_bytes(), os::page_size());
  const std::uint32_t count = geometry_.counts.slots;
  if (used < count && last_page_end > used * stride) return nullptr;
  const std::scoped_lock lock(views_mutex_);
  if (!views_ && !views_refused_) {
    auto mapping = file.map(geometry_.vectors_offset, count * stride, os::Sharing::copy_on_write);
    views_refused_ = !mapping;
    if (mapping) views_ = std::move(*mapping);
  }
  if (!views_) return nullptr;
  return {views_, reinterpret_cast<const float*>(views_->data() + begin)};
}

bool Extent::viewed() {
  const std::scoped_lock lock(views_mutex_);
  return views_.use_count() > 1;
}

bool Extent::vector_matches(const format::Record& record, std::uint32_t slot) const noexcept {
  return crc32c(vector(slot), schema_.vector_bytes()) == record.vector_crc;
}

bool Extent::code_matches(const format::Record& record, std::uint32_t slot) const noexcept {
  return !schema_.has_codes || crc32c(code(slot), schema_.code_stride()) == record.code_crc;
}

bool Extent::heap_matches(const format::Record& record) const noexcept {
  if (record.heap_length == 0) return true;
  const std::uint64_t begin = std::uint64_t{record.heap_offset} * format::kHeapUnit;
  const std::uint64_t size = std::uint64_t{record.heap_length} * format::kHeapUnit;
  if (begin > geometry_.counts.heap_bytes || size > geometry_.counts.heap_bytes - begin)
    return false;
  return crc32c(at(geometry_.heap_offset) + begin, size) == record.heap_crc;
}

}  // namespace jvdb::engine

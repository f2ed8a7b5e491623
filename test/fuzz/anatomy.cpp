#include "anatomy.h"

#include <algorithm>
#include <cmath>

#include "base/crc32c.h"
#include "base/hash.h"
#include "format/parse.h"
#include "format/seal.h"
#include "simd/kernels.h"

namespace jvdb::fuzz {
namespace {

using format::ExtentGeometry;
using format::ExtentHeader;
using format::Head;
using format::Record;
using format::Superblock;

constexpr std::size_t kMostRecords = 256;

format::Schema schema_of(const Head& head) noexcept {
  format::Schema out;
  out.dimension = std::clamp(head.header.dimension, 1U, format::kMaxDimension);
  out.metric = static_cast<format::Metric>(head.identity.metric % 3);
  out.id_type = static_cast<format::IdType>(head.identity.id_type % 2);
  out.allow_non_finite = head.identity.allow_non_finite != 0;
  out.has_codes = head.identity.column_count == 2;
  return out;
}

Superblock newest_superblock(const Image& image) noexcept {
  const auto a = read<Superblock>(image, format::kSuperblockOffsets[0]);
  const auto b = read<Superblock>(image, format::kSuperblockOffsets[1]);
  return a.generation > b.generation ? a : b;
}

template <typename T>
void seal(Image& image, std::uint64_t offset) noexcept {
  T value = read<T>(image, offset);
  value.crc = format::crc_of(value);
  write(image, offset, value);
}

bool inside(const Image& image, std::uint64_t offset, std::uint64_t size) noexcept {
  return offset <= image.size() && size <= image.size() - offset;
}

class Mending {
 public:
  Mending(Image& image, const Repair& repair)
      : image_(image), repair_(repair), block_(newest_superblock(image)), anatomy_(image) {}

  void run() {
    for (std::size_t index = 0; index < anatomy_.extents.size(); ++index) mend_extent(index);
    for (const std::uint64_t offset : format::kSuperblockOffsets) seal<Superblock>(image_, offset);
    mend_head();
  }

 private:
  void mend_head() {
    auto head = read<Head>(image_, 0);
    if (repair_.geometry && !anatomy_.extents.empty()) {
      const ExtentGeometry& first = anatomy_.extents.front();
      head.header.index_offset = first.records_offset();
      head.header.data_offset = first.vectors_offset;
      head.identity.columns[0].stride = anatomy_.schema.vector_stride();
      if (anatomy_.schema.has_codes)
        head.identity.columns[1].stride = anatomy_.schema.code_stride();
    }
    head.header.header_crc = format::crc_of(head);
    write(image_, 0, head);
    auto copy = repair_.head_copy ? head : read<Head>(image_, format::kHeadCopyOffset);
    copy.header.header_crc = format::crc_of(copy);
    write(image_, format::kHeadCopyOffset, copy);
  }

  void mend_extent(std::size_t index) {
    const ExtentGeometry& extent = anatomy_.extents[index];
    auto header = read<ExtentHeader>(image_, extent.offset);
    if (repair_.geometry) {
      const auto head = read<Head>(image_, 0);
      header = format::make_extent_header(extent, anatomy_.schema, head.header.uuid,
                                          static_cast<std::uint32_t>(index + 1), header.base_lsn,
                                          header.epoch);
    }
    header.crc = format::crc_of(header);
    write(image_, extent.offset, header);
    heap_ = 0;
    std::uint64_t lsn = header.base_lsn;
    for (const FoundRecord& found : anatomy_.records) {
      if (found.extent == index) mend_record(found, extent, lsn++);
    }
  }

  void mend_record(const FoundRecord& found, const ExtentGeometry& extent, std::uint64_t lsn) {
    auto record = read<Record>(image_, found.offset);
    if (repair_.sequence) put_in_place(record, found, extent, lsn);
    if (format::operation_of(record) == format::Operation::put) mend_columns(record, found, extent);
    const std::uint64_t heap_at =
        extent.heap_offset + std::uint64_t{record.heap_offset} * format::kHeapUnit;
    const std::uint64_t heap_size = std::uint64_t{record.heap_length} * format::kHeapUnit;
    if (inside(image_, heap_at, heap_size)) {
      record.heap_crc = crc32c(image_.data() + heap_at, heap_size);
      if (repair_.hashes) mend_hash(record, extent);
    }
    record.record_crc = format::crc_of(record);
    write(image_, found.offset, record);
  }

  // As the next of its extent. Those below a history floor have LSNs with gaps.
  void put_in_place(Record& record, const FoundRecord& found, const ExtentGeometry& extent,
                    std::uint64_t lsn) {
    const bool of_floor = index_++ < block_.floor_records;
    if (!of_floor) record.lsn = lsn;
    if (record.lsn >= block_.epoch_start_lsn) record.epoch = block_.epoch;
    const bool put = format::operation_of(record) == format::Operation::put;
    record.offset =
        put ? extent.vectors_offset + std::uint64_t{found.slot} * anatomy_.schema.vector_stride()
            : 0;
    record.size = put ? anatomy_.schema.vector_bytes() : 0;
    record.heap_offset =
        record.heap_length == 0 ? 0 : static_cast<std::uint32_t>(heap_ / format::kHeapUnit);
    heap_ += std::uint64_t{record.heap_length} * format::kHeapUnit;
  }

  void mend_columns(Record& record, const FoundRecord& found, const ExtentGeometry& extent) {
    const format::Schema& schema = anatomy_.schema;
    if (!inside(image_, record.offset, schema.vector_bytes())) return;
    const std::byte* const vector = image_.data() + record.offset;
    record.vector_crc = crc32c(vector, schema.vector_bytes());
    const std::uint64_t code_at =
        extent.codes_offset + std::uint64_t{found.slot} * schema.code_stride();
    if (!inside(image_, code_at, schema.code_stride())) return;
    if (repair_.codes) mend_code(record, vector, image_.data() + code_at);
    if (schema.has_codes) record.code_crc = crc32c(image_.data() + code_at, schema.code_stride());
  }

  void mend_code(Record& record, const std::byte* vector, std::byte* code) {
    const std::uint32_t dimension = anatomy_.schema.dimension;
    std::vector<float> values(dimension);
    std::memcpy(values.data(), vector, anatomy_.schema.vector_bytes());
    double squared_norm = 0;
    if (anatomy_.schema.has_codes) {
      const auto encoded =
          simd::kernels().encode(values.data(), dimension, reinterpret_cast<std::uint8_t*>(code),
                                 anatomy_.schema.code_stride());
      squared_norm = encoded.squared_norm;
      record.code_scale = encoded.scale;
      record.code_error = encoded.error;
    } else {
      squared_norm = simd::kernels().dot_exact(values.data(), values.data(), dimension);
    }
    record.norm = static_cast<float>(std::sqrt(squared_norm));
  }

  void mend_hash(Record& record, const ExtentGeometry& extent) {
    if (anatomy_.schema.id_type != format::IdType::string) return;
    if (!inside(image_, extent.heap_offset, extent.counts.heap_bytes)) return;
    const auto entry =
        format::heap_entry(record, format::IdType::string, image_.data() + extent.heap_offset,
                           extent.counts.heap_bytes);
    if (!entry) return;
    record.id = hash_text(entry->id, read<Head>(image_, 0).identity.id_hash_seed);
  }

  Image& image_;
  const Repair& repair_;
  const Superblock block_;
  const Anatomy anatomy_;
  std::uint64_t index_ = 0;  // of the record, in the file
  std::uint64_t heap_ = 0;   // bytes used of the extent's
};

}  // namespace

Anatomy::Anatomy(const Image& image) : schema(schema_of(read<Head>(image, 0))) {
  std::uint64_t offset = format::kFirstExtentOffset;
  while (holds<ExtentHeader>(image, offset)) {
    const auto header = read<ExtentHeader>(image, offset);
    const auto extent =
        format::lay_out(schema, offset, {header.records, header.slots, header.heap_bytes});
    if (header.magic != format::kExtentMagic || !extent) return;
    const auto number = static_cast<std::uint32_t>(extents.size());
    extents.push_back(*extent);
    std::uint32_t slot = 0;
    for (std::uint32_t i = 0; i < header.records && records.size() < kMostRecords; ++i) {
      const std::uint64_t at = extent->records_offset() + i * sizeof(Record);
      const auto record = read<Record>(image, at);
      if (record.lsn == 0) break;
      records.push_back({at, slot, number});
      if (format::operation_of(record) == format::Operation::put) ++slot;
    }
    offset = extent->end();
  }
}

void mend(Image& image, const Repair& repair) {
  Mending(image, repair).run();
}

}  // namespace jvdb::fuzz

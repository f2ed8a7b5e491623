#include "format/seal.h"

#include <cstring>

#include "base/crc32c.h"
#include "os/random.h"

namespace jvdb::format {

std::uint32_t crc_of(const Head& head) noexcept {
  constexpr std::size_t count_at = offsetof(FileHeader, vector_count);
  constexpr std::size_t count_end = count_at + sizeof(FileHeader::vector_count);
  constexpr std::size_t crc_at = offsetof(FileHeader, header_crc);
  const auto* bytes = reinterpret_cast<const unsigned char*>(&head);
  std::uint32_t crc = crc32c(bytes, count_at);
  crc = crc32c(bytes + count_end, crc_at - count_end, crc);
  return crc32c(bytes + sizeof(FileHeader), sizeof(Identity), crc);
}

std::uint32_t crc_of(const Superblock& block) noexcept {
  return crc32c(&block, offsetof(Superblock, crc));
}

std::uint32_t crc_of(const ExtentHeader& header) noexcept {
  return crc32c(&header, offsetof(ExtentHeader, crc));
}

std::uint32_t crc_of(const Record& record) noexcept {
  return crc32c(&record, offsetof(Record, record_crc));
}

Uuid random_uuid() {
  Uuid uuid;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t bits = os::random_u64();
    std::memcpy(uuid.data() + 8 * half, &bits, sizeof bits);
  }
  // RFC 9562: version 4, variant 1.
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0F) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3F) | 0x80);
  return uuid;
}

Head make_head(const Schema& schema, const ExtentGeometry& first, const Uuid& uuid,
               std::uint64_t created_us, std::uint64_t id_hash_seed,
               std::uint32_t feature_incompat) noexcept {
  Head head{};
  head.header.magic = kMagic;
  head.header.version = kVersion;
  head.header.dimension = schema.dimension;
  head.header.index_offset = first.records_offset();
  head.header.data_offset = first.vectors_offset;
  head.header.uuid = uuid;
  head.header.feature_incompat = feature_incompat;
  Identity& identity = head.identity;
  identity.metric = static_cast<std::uint32_t>(schema.metric);
  identity.id_type = static_cast<std::uint32_t>(schema.id_type);
  identity.index_type = static_cast<std::uint32_t>(schema.index_type);
  identity.allow_non_finite = schema.allow_non_finite ? 1 : 0;
  identity.created_us = created_us;
  identity.id_hash_seed = id_hash_seed;
  identity.columns[0] = {static_cast<std::uint32_t>(ColumnKind::vector), schema.vector_stride()};
  identity.column_count = 1;
  if (schema.has_codes) {
    identity.columns[1] = {static_cast<std::uint32_t>(ColumnKind::code), schema.code_stride()};
    identity.column_count = 2;
  }
  head.header.header_crc = crc_of(head);
  return head;
}

ExtentHeader make_extent_header(const ExtentGeometry& geometry, const Schema& schema,
                                const Uuid& uuid, std::uint32_t seq, std::uint64_t base_lsn,
                                std::uint32_t epoch) noexcept {
  ExtentHeader header{};
  header.magic = kExtentMagic;
  header.seq = seq;
  header.base_lsn = base_lsn;
  header.epoch = epoch;
  header.records = geometry.counts.records;
  header.slots = geometry.counts.slots;
  header.heap_offset = geometry.heap_offset;
  header.heap_bytes = geometry.counts.heap_bytes;
  header.length = geometry.length;
  header.uuid = uuid;
  header.columns[0] = {static_cast<std::uint32_t>(ColumnKind::vector), schema.vector_stride(),
                       geometry.vectors_offset};
  header.column_count = 1;
  if (schema.has_codes) {
    header.columns[1] = {static_cast<std::uint32_t>(ColumnKind::code), schema.code_stride(),
                         geometry.codes_offset};
    header.column_count = 2;
  }
  header.crc = crc_of(header);
  return header;
}

}  // namespace jvdb::format

// The bytes of a .jvdb file: every structure as it lies on disk, little-endian, packed as in
// docs/format.md. Nothing here allocates or checks; parse.h does.
// Threads: plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace jvdb::format {

enum class Metric : std::uint32_t { cosine = 0, dot = 1, euclidean = 2 };
enum class IdType : std::uint32_t { int64 = 0, string = 1 };
enum class IndexType : std::uint32_t { flat = 0, hnsw = 1 };
enum class ColumnKind : std::uint32_t { none = 0, vector = 1, code = 2 };
enum class Operation : std::uint32_t { put = 1, remove = 2 };

inline constexpr std::uint32_t kMagic = 0x4A564442;        // "JVDB" read as a number
inline constexpr std::uint32_t kExtentMagic = 0x4A564558;  // "JVEX"
inline constexpr std::uint32_t kVersion = 1;
// An increment of a backup: no database, but what follows one.
inline constexpr std::uint32_t kIncrementFeature = 1;

inline constexpr std::uint32_t kMaxDimension = 65536;
inline constexpr std::uint64_t kMaxLsn = (std::uint64_t{1} << 53) - 1;  // safe in JavaScript
inline constexpr std::uint64_t kMaxGeneration = (std::uint64_t{1} << 63) - 1;
inline constexpr std::uint64_t kMaxTimestampUs = (std::uint64_t{1} << 63) - 1;
inline constexpr std::uint64_t kMaxIdNumber = (std::uint64_t{1} << 63) - 1;
inline constexpr std::size_t kMaxIdBytes = 1024;
inline constexpr std::size_t kMaxMetadataBytes = 1U << 20;

// Where things lie.
inline constexpr std::uint64_t kHeadBytes = 512;  // header and identity: one sector
inline constexpr std::uint64_t kSuperblockOffsets[2] = {4096, 8192};  // even, odd generation
inline constexpr std::uint64_t kHeadCopyOffset = 12288;
inline constexpr std::uint64_t kFirstExtentOffset = 65536;
inline constexpr std::uint64_t kExtentAlignment = 65536;
inline constexpr std::uint64_t kExtentHeaderPage = 4096;
inline constexpr std::uint32_t kVectorAlignment = 64;
inline constexpr std::uint32_t kHeapUnit = 8;

inline constexpr std::uint32_t kOperationMask = 0xFF;
inline constexpr std::uint32_t kMoreFlag = 0x100;  // the next record belongs to the same group

using Uuid = std::array<std::uint8_t, 16>;

#pragma pack(push, 1)  // vector_count lies at 12
struct FileHeader {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t dimension;
  std::uint64_t vector_count;  // for other readers; the engine never reads it
  std::uint64_t index_offset;
  std::uint64_t data_offset;
  Uuid uuid;
  std::uint32_t feature_compat;
  std::uint32_t feature_incompat;
  std::uint32_t header_crc;  // of all of Head but vector_count and itself
};
#pragma pack(pop)
static_assert(sizeof(FileHeader) == 64);
static_assert(offsetof(FileHeader, magic) == 0);
static_assert(offsetof(FileHeader, version) == 4);
static_assert(offsetof(FileHeader, dimension) == 8);
static_assert(offsetof(FileHeader, vector_count) == 12);
static_assert(offsetof(FileHeader, index_offset) == 20);
static_assert(offsetof(FileHeader, data_offset) == 28);
static_assert(offsetof(FileHeader, uuid) == 36);
static_assert(offsetof(FileHeader, feature_compat) == 52);
static_assert(offsetof(FileHeader, feature_incompat) == 56);
static_assert(offsetof(FileHeader, header_crc) == 60);

struct ColumnStride {
  std::uint32_t kind;    // ColumnKind
  std::uint32_t stride;  // bytes from one slot to the next
};

inline constexpr std::size_t kMaxColumns = 8;

// Written once. Vector column first, code column second where there is one.
struct Identity {
  std::uint32_t metric;
  std::uint32_t id_type;
  std::uint32_t index_type;
  std::uint32_t allow_non_finite;
  std::uint64_t created_us;
  std::uint64_t id_hash_seed;
  std::uint32_t column_count;
  std::uint32_t reserved;
  std::array<ColumnStride, kMaxColumns> columns;
  std::array<std::uint8_t, 344> zeros;
};
static_assert(sizeof(Identity) == kHeadBytes - sizeof(FileHeader));
static_assert(offsetof(Identity, metric) == 0);
static_assert(offsetof(Identity, id_type) == 4);
static_assert(offsetof(Identity, index_type) == 8);
static_assert(offsetof(Identity, allow_non_finite) == 12);
static_assert(offsetof(Identity, created_us) == 16);
static_assert(offsetof(Identity, id_hash_seed) == 24);
static_assert(offsetof(Identity, column_count) == 32);
static_assert(offsetof(Identity, columns) == 40);
static_assert(offsetof(Identity, zeros) == 104);

struct Head {
  FileHeader header;
  Identity identity;
};
static_assert(sizeof(Head) == kHeadBytes);

struct Superblock {
  std::uint64_t generation;
  std::uint64_t durable_lsn;
  std::uint64_t epoch_start_lsn;
  std::uint32_t epoch;
  std::uint32_t extent_count;
  std::uint64_t live_count;
  std::uint64_t dead_count;
  std::uint64_t history_floor_lsn;
  std::uint64_t floor_records;
  std::uint64_t durable_time_us;
  std::uint8_t clean;
  std::array<std::uint8_t, 7> zeros;
  std::uint64_t history_floor_time_us;  // of the operation at the floor
  std::array<std::uint8_t, 36> more_zeros;
  std::uint32_t crc;
};
static_assert(sizeof(Superblock) == 128);
static_assert(offsetof(Superblock, generation) == 0);
static_assert(offsetof(Superblock, durable_lsn) == 8);
static_assert(offsetof(Superblock, epoch_start_lsn) == 16);
static_assert(offsetof(Superblock, epoch) == 24);
static_assert(offsetof(Superblock, extent_count) == 28);
static_assert(offsetof(Superblock, live_count) == 32);
static_assert(offsetof(Superblock, dead_count) == 40);
static_assert(offsetof(Superblock, history_floor_lsn) == 48);
static_assert(offsetof(Superblock, floor_records) == 56);
static_assert(offsetof(Superblock, durable_time_us) == 64);
static_assert(offsetof(Superblock, clean) == 72);
static_assert(offsetof(Superblock, history_floor_time_us) == 80);
static_assert(offsetof(Superblock, crc) == 124);

struct ExtentColumn {
  std::uint32_t kind;
  std::uint32_t stride;
  std::uint64_t offset;  // in the file
};

struct ExtentHeader {
  std::uint32_t magic;
  std::uint32_t seq;       // 1, 2, …
  std::uint64_t base_lsn;  // of its first record
  std::uint32_t epoch;
  std::uint32_t records;  // R
  std::uint32_t slots;    // S
  std::uint32_t column_count;
  std::uint64_t heap_offset;  // in the file
  std::uint64_t heap_bytes;   // H
  std::uint64_t length;
  Uuid uuid;
  std::array<ExtentColumn, kMaxColumns> columns;
  std::uint32_t reserved;
  std::uint32_t crc;
};
static_assert(sizeof(ExtentHeader) == 208);
static_assert(offsetof(ExtentHeader, magic) == 0);
static_assert(offsetof(ExtentHeader, seq) == 4);
static_assert(offsetof(ExtentHeader, base_lsn) == 8);
static_assert(offsetof(ExtentHeader, epoch) == 16);
static_assert(offsetof(ExtentHeader, records) == 20);
static_assert(offsetof(ExtentHeader, slots) == 24);
static_assert(offsetof(ExtentHeader, column_count) == 28);
static_assert(offsetof(ExtentHeader, heap_offset) == 32);
static_assert(offsetof(ExtentHeader, heap_bytes) == 40);
static_assert(offsetof(ExtentHeader, length) == 48);
static_assert(offsetof(ExtentHeader, uuid) == 56);
static_assert(offsetof(ExtentHeader, columns) == 72);
static_assert(offsetof(ExtentHeader, crc) == 204);

struct Record {
  std::uint64_t id;           // the int64 id, or the seeded hash of a string id
  std::uint64_t offset;       // of the vector in the file, 0 for none
  std::uint32_t size;         // vector bytes
  std::uint32_t flags;        // operation in the low byte, kMoreFlag
  std::uint32_t heap_offset;  // in kHeapUnit from the extent's heap
  std::uint32_t heap_length;  // in kHeapUnit
  std::uint64_t lsn;
  std::uint64_t timestamp_us;
  std::uint32_t epoch;
  std::uint32_t vector_crc;
  float norm;
  float code_scale;
  float code_error;
  std::uint32_t code_crc;
  std::uint64_t created_us;
  std::uint32_t heap_crc;
  std::array<std::uint32_t, 2> zeros;
  std::uint32_t record_crc;
};
static_assert(sizeof(Record) == 96);
static_assert(offsetof(Record, id) == 0);
static_assert(offsetof(Record, offset) == 8);
static_assert(offsetof(Record, size) == 16);
static_assert(offsetof(Record, flags) == 20);
static_assert(offsetof(Record, heap_offset) == 24);
static_assert(offsetof(Record, heap_length) == 28);
static_assert(offsetof(Record, lsn) == 32);
static_assert(offsetof(Record, timestamp_us) == 40);
static_assert(offsetof(Record, epoch) == 48);
static_assert(offsetof(Record, vector_crc) == 52);
static_assert(offsetof(Record, norm) == 56);
static_assert(offsetof(Record, code_scale) == 60);
static_assert(offsetof(Record, code_error) == 64);
static_assert(offsetof(Record, code_crc) == 68);
static_assert(offsetof(Record, created_us) == 72);
static_assert(offsetof(Record, heap_crc) == 80);
static_assert(offsetof(Record, record_crc) == 92);

// Before the id and metadata bytes of a heap entry.
struct HeapPrefix {
  std::uint32_t id_length;
  std::uint32_t metadata_length;
};
static_assert(sizeof(HeapPrefix) == 8);

inline Operation operation_of(const Record& record) noexcept {
  return static_cast<Operation>(record.flags & kOperationMask);
}
inline bool more_follows(const Record& record) noexcept {
  return (record.flags & kMoreFlag) != 0;
}

}  // namespace jvdb::format

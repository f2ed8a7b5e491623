#include "format/parse.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/text.h"
#include "format/seal.h"

namespace jvdb::format {
namespace {

enum class HeadState { whole, damaged, other_version, foreign };

HeadState examine(const Head& head) noexcept {
  if (head.header.magic != kMagic) return HeadState::foreign;
  if (head.header.header_crc == crc_of(head)) {
    return head.header.version == kVersion ? HeadState::whole : HeadState::other_version;
  }
  // Another version may keep its checksum elsewhere.
  return head.header.version == kVersion ? HeadState::damaged : HeadState::other_version;
}

Status corrupt(const os::File& file, std::string_view what) {
  return {Code::corrupt, text(file.path(), " is damaged: ", what)};
}

Status read_head(const os::File& file, ParsedFile& out) {
  Head first;
  Head copy;
  if (out.file_size < kFirstExtentOffset) {
    return {Code::corrupt, text(file.path(), " is not a jvdb file, or was cut short: it has ",
                                out.file_size, " bytes, a database at least ", kFirstExtentOffset,
                                "; give another path, or restore a backup")};
  }
  if (Status status = file.read(0, &first, sizeof first); !status) return status;
  out.head = first;
  const HeadState first_state = examine(first);
  if (first_state == HeadState::whole) return {};
  if (Status status = file.read(kHeadCopyOffset, &copy, sizeof copy); !status) return status;
  const HeadState copy_state = examine(copy);
  if (copy_state == HeadState::whole) {
    out.head = copy;
    out.head_from_copy = true;
    return {};
  }
  if (first_state == HeadState::other_version && copy_state == HeadState::other_version) {
    return {Code::version, text(file.path(), " has format version ", first.header.version,
                                ", this release reads version ", kVersion)};
  }
  if (first_state == HeadState::foreign && copy_state == HeadState::foreign) {
    return {
        Code::corrupt,
        text(file.path(), " is not a jvdb file: it begins with other bytes; give another path")};
  }
  return corrupt(file, "neither its header nor the copy of it matches its checksum");
}

Status check_features(const os::File& file, std::uint32_t features, bool increment) {
  if (features == (increment ? kIncrementFeature : 0U)) return {};
  if (features == kIncrementFeature) {
    return {Code::invalid_argument,
            text(file.path(),
                 " is an increment of a backup, no database; restore it with the "
                 "full backup that it follows")};
  }
  if (features == 0) {
    return {Code::invalid_argument, text(file.path(), " is a database, no increment of a backup")};
  }
  return {Code::version, text(file.path(), " uses features (bits ", features,
                              ") that this release doesn't know; open it with a newer one")};
}

Status read_schema(const os::File& file, const ParseOptions& options, ParsedFile& out) {
  const FileHeader& header = out.head.header;
  const Identity& identity = out.head.identity;
  Status known_features = check_features(file, header.feature_incompat, options.increment);
  if (!known_features) return known_features;
  Schema& schema = out.schema;
  schema.dimension = header.dimension;
  schema.metric = static_cast<Metric>(identity.metric);
  schema.id_type = static_cast<IdType>(identity.id_type);
  schema.index_type = static_cast<IndexType>(identity.index_type);
  schema.allow_non_finite = identity.allow_non_finite != 0;
  schema.has_codes = identity.column_count == 2;
  const bool known = header.dimension >= 1 && header.dimension <= kMaxDimension &&
                     identity.metric <= 2 && identity.id_type <= 1 && identity.index_type <= 1 &&
                     identity.allow_non_finite <= 1 && identity.column_count >= 1 &&
                     identity.column_count <= 2;
  if (!known) return corrupt(file, "its identity has values out of range");
  const auto column_is = [&](std::size_t index, ColumnKind kind, std::uint32_t stride) {
    const ColumnStride& column = identity.columns[index];
    return column.kind == static_cast<std::uint32_t>(kind) && column.stride == stride;
  };
  if (!column_is(0, ColumnKind::vector, schema.vector_stride()) ||
      (schema.has_codes && !column_is(1, ColumnKind::code, schema.code_stride()))) {
    return corrupt(file, "its columns do not fit its dimension");
  }
  return {};
}

// nullopt where neither is whole.
Result<std::optional<Superblock>> newer_superblock(const os::File& file) {
  std::optional<Superblock> newer;
  for (const std::uint64_t offset : kSuperblockOffsets) {
    Superblock block;
    if (Status status = file.read(offset, &block, sizeof block); !status) return status;
    if (block.crc != crc_of(block)) continue;
    if (!newer || block.generation > newer->generation) newer = block;
  }
  return newer;
}

Status take_superblock(const os::File& file, const ParseOptions& options, ParsedFile& out) {
  auto found = read_superblock(file, options);
  if (!found) return found.status();
  out.superblock = *found;
  // Only now: a writer may have grown the file before it wrote what was just read.
  auto info = file.info();
  if (!info) return info.status();
  out.file_size = info->size;
  const Superblock& block = out.superblock;
  const bool sound = block.generation <= kMaxGeneration && block.durable_lsn <= kMaxLsn &&
                     block.epoch != 0 && block.epoch_start_lsn <= block.durable_lsn + 1 &&
                     block.history_floor_lsn <= block.durable_lsn &&
                     block.floor_records <= block.history_floor_lsn &&
                     block.history_floor_time_us <= kMaxTimestampUs && block.extent_count >= 1 &&
                     block.extent_count <= out.file_size / kExtentAlignment;
  if (!sound) return corrupt(file, "its superblock contradicts itself or the file's size");
  return {};
}

// The extent whose header lies at `offset`, nullopt where there is none. It may reach past the end
// of the file.
Result<std::optional<ScannedExtent>> scan_extent(const os::File& file, const Head& head,
                                                 const Schema& schema, std::uint64_t offset) {
  const std::optional<ScannedExtent> none;
  ExtentHeader header;
  if (Status status = file.read(offset, &header, sizeof header); !status) return status;
  const std::uint32_t seq = header.seq;
  if (header.magic != kExtentMagic || header.crc != crc_of(header) || seq == 0 ||
      header.uuid != head.header.uuid) {
    return none;
  }
  const auto geometry = lay_out(schema, offset, {header.records, header.slots, header.heap_bytes});
  if (!geometry) return none;
  const ExtentHeader expected =
      make_extent_header(*geometry, schema, head.header.uuid, seq, header.base_lsn, header.epoch);
  if (std::memcmp(&expected, &header, sizeof header) != 0 || header.base_lsn > kMaxLsn) return none;
  return std::optional(ScannedExtent{{*geometry, header.base_lsn, header.epoch}, seq});
}

// The same, of the extent number `seq` and inside the file.
Result<std::optional<ParsedExtent>> read_extent(const os::File& file, const ParsedFile& parsed,
                                                std::uint32_t seq, std::uint64_t offset) {
  const std::optional<ParsedExtent> none;
  if (offset + kExtentAlignment > parsed.file_size) return none;
  auto found = scan_extent(file, parsed.head, parsed.schema, offset);
  if (!found) return found.status();
  const bool fits =
      *found && (*found)->seq == seq && (*found)->extent.geometry.end() <= parsed.file_size;
  return fits ? std::optional((*found)->extent) : none;
}

Status read_extents(const os::File& file, ParsedFile& out, bool check_epoch) {
  std::uint64_t offset = kFirstExtentOffset;
  std::uint64_t base_lsn = 0;
  for (std::uint32_t seq = 1;; ++seq) {
    auto extent = read_extent(file, out, seq, offset);
    if (!extent) return extent.status();
    const bool counted = seq <= out.superblock.extent_count;
    const bool valid = extent->has_value() && (*extent)->base_lsn >= base_lsn &&
                       (counted || !check_epoch || (*extent)->epoch == out.superblock.epoch);
    if (!valid) {
      if (!counted) return {};
      return corrupt(file, text("the header of extent ", seq, " at byte ", offset,
                                " is missing, wrong or reaches past the end of the file (",
                                out.file_size, " bytes)"));
    }
    out.extents.push_back(**extent);
    offset = (*extent)->geometry.end();
    base_lsn = (*extent)->base_lsn;
  }
}

// What the header tells other readers, which may read no more than it.
Status check_first_places(const os::File& file, const ParsedFile& parsed) {
  const ExtentGeometry& first = parsed.extents.front().geometry;
  const FileHeader& header = parsed.head.header;
  if (header.index_offset == first.records_offset() && header.data_offset == first.vectors_offset) {
    return {};
  }
  return corrupt(file,
                 "its header names other places for the first records and vectors than the "
                 "first extent has");
}

}  // namespace

Result<Superblock> read_superblock(const os::File& file, const ParseOptions& options) {
  constexpr std::chrono::milliseconds patience{100};
  constexpr std::chrono::milliseconds pause{1};
  const std::uint64_t least = options.followed_from.value_or(0);
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    auto newer = newer_superblock(file);
    if (!newer) return newer.status();
    if (*newer && (*newer)->generation >= least) return **newer;
    if (!options.followed_from || std::chrono::steady_clock::now() - began >= patience) {
      // An older one is what a writer went on from that opened the file after a failed sync.
      if (*newer) return **newer;
      return corrupt(file, "neither superblock matches its checksum");
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<ParsedFile> parse_file(const os::File& file, const ParseOptions& options) {
  auto info = file.info();
  if (!info) return info.status();
  ParsedFile out{};
  out.file_size = info->size;
  out.file_id = info->id;
  if (Status status = read_head(file, out); !status) return status;
  if (Status status = read_schema(file, options, out); !status) return status;
  if (Status status = take_superblock(file, options, out); !status) return status;
  if (Status status = read_extents(file, out, options.check_extent_epoch); !status) return status;
  if (Status status = check_first_places(file, out); !status) return status;
  return out;
}

Result<ScannedFile> scan_file(const os::File& file) {
  auto info = file.info();
  if (!info) return info.status();
  ParsedFile parsed{};
  parsed.file_size = info->size;
  if (Status status = read_head(file, parsed); !status) return status;
  if (Status status = read_schema(file, {}, parsed); !status) return status;
  auto block = newer_superblock(file);
  if (!block) return block.status();
  ScannedFile out{parsed.head, parsed.schema, *block, {}, info->size};
  for (std::uint64_t offset = kFirstExtentOffset; offset + kExtentAlignment <= out.file_size;) {
    auto found = scan_extent(file, parsed.head, parsed.schema, offset);
    if (!found) return found.status();
    offset += *found ? (*found)->extent.geometry.length : kExtentAlignment;
    if (!*found) continue;
    const bool follows =
        out.extents.empty() || ((*found)->seq > out.extents.back().seq &&
                                (*found)->extent.base_lsn >= out.extents.back().extent.base_lsn);
    const bool stale = *block && (*found)->seq > (*block)->extent_count &&
                       (*found)->extent.epoch != (*block)->epoch;
    if (follows && !stale) out.extents.push_back(**found);
  }
  return out;
}

namespace {

// What the engine would never write: ids out of range, a string id that isn't there, a time whose
// successor would wrap.
bool values_fit(const Record& record, const Schema& schema) noexcept {
  const bool id_fits =
      schema.id_type == IdType::int64 ? record.id <= kMaxIdNumber : record.heap_length != 0;
  return id_fits && record.timestamp_us <= kMaxTimestampUs;
}

}  // namespace

bool record_fits(const Record& record, const Schema& schema, const ExtentGeometry& extent,
                 std::uint32_t next_slot, std::uint64_t next_heap) noexcept {
  const std::uint64_t heap_begin = std::uint64_t{record.heap_offset} * kHeapUnit;
  const std::uint64_t heap_size = std::uint64_t{record.heap_length} * kHeapUnit;
  const bool heap_fits =
      heap_size == 0 ? record.heap_offset == 0
                     : heap_begin == next_heap && heap_size <= extent.counts.heap_bytes - next_heap;
  if (!heap_fits || !values_fit(record, schema)) return false;
  switch (operation_of(record)) {
    case Operation::put:
      return next_slot < extent.counts.slots && record.size == schema.vector_bytes() &&
             record.offset ==
                 extent.vectors_offset + std::uint64_t{next_slot} * schema.vector_stride();
    case Operation::remove:
      return record.offset == 0 && record.size == 0;
  }
  return false;
}

std::optional<HeapEntry> heap_entry(const Record& record, IdType id_type, const std::byte* heap,
                                    std::uint64_t heap_bytes) noexcept {
  if (record.heap_length == 0) return HeapEntry{};
  const std::uint64_t begin = std::uint64_t{record.heap_offset} * kHeapUnit;
  const std::uint64_t size = std::uint64_t{record.heap_length} * kHeapUnit;
  if (begin > heap_bytes || size > heap_bytes - begin) return std::nullopt;
  HeapPrefix prefix;
  std::memcpy(&prefix, heap + begin, sizeof prefix);
  const bool has_id = prefix.id_length != 0;
  if (has_id != (id_type == IdType::string) || prefix.id_length > kMaxIdBytes ||
      prefix.metadata_length > kMaxMetadataBytes ||
      heap_entry_bytes(prefix.id_length, prefix.metadata_length) != size) {
    return std::nullopt;
  }
  const char* bytes = reinterpret_cast<const char*>(heap + begin + sizeof prefix);
  return HeapEntry{{bytes, prefix.id_length}, {bytes + prefix.id_length, prefix.metadata_length}};
}

}  // namespace jvdb::format

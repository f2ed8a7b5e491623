// The one place that reads raw numbers of an untrusted file (rule 16): it checks them against the
// file's size and against each other before anything is allocated or mapped for them. What it
// returns can be relied on; what mapped records and heap entries say is checked here too.
// Threads: free functions, no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "format/geometry.h"
#include "format/layout.h"
#include "format/schema.h"
#include "os/file.h"

namespace jvdb::format {

struct ParsedExtent {
  ExtentGeometry geometry;
  std::uint64_t base_lsn = 0;
  std::uint32_t epoch = 0;
  bool operator==(const ParsedExtent&) const = default;
};

struct ParsedFile {
  Head head;
  bool head_from_copy = false;  // the first one is damaged
  Schema schema;
  Superblock superblock;
  std::vector<ParsedExtent> extents;  // extent k is element k − 1
  os::FileId file_id;
  std::uint64_t file_size = 0;
};

struct ParseOptions {
  // False: extents that the superblock doesn't count are taken whatever their epoch (a protocol
  // mutant, for tests).
  bool check_extent_epoch = true;
  // A follower's: the superblocks may be being written. Where none is whole, or none has at least
  // this generation, they are read again for 100 ms.
  std::optional<std::uint64_t> followed_from;
  // Whether the file is an increment of a backup, instead of a database.
  bool increment = false;
};

// Code::corrupt, version, or the failure to read.
Result<ParsedFile> parse_file(const os::File& file, const ParseOptions& options = {});

struct ScannedExtent {
  ParsedExtent extent;
  std::uint32_t seq = 0;
};

// What can be told of a damaged file.
struct ScannedFile {
  Head head;
  Schema schema;
  std::optional<Superblock> superblock;  // where one is whole
  std::vector<ScannedExtent> extents;    // some may be missing, or reach past the file's end
  std::uint64_t file_size = 0;
};

// Looks for extents wherever one may begin. Code::corrupt where neither head is whole.
Result<ScannedFile> scan_file(const os::File& file);

// The newer whole superblock; parse_file() also checks it against the file.
Result<Superblock> read_superblock(const os::File& file, const ParseOptions& options);

// Whether a record's places lie inside its extent and are the next ones of each kind, slot
// `next_slot` of the extent and `next_heap` bytes into its heap, and its values are in range. Its
// checksum is the caller's affair.
bool record_fits(const Record& record, const Schema& schema, const ExtentGeometry& extent,
                 std::uint32_t next_slot, std::uint64_t next_heap) noexcept;

struct HeapEntry {
  std::string_view id;        // empty for int64 ids
  std::string_view metadata;  // empty for none
};

// The heap entry of a record, nullopt where it would leave the heap, doesn't fit its own length, or
// has no id where there must be one, or one where there mustn't. `heap` is the extent's heap of
// `heap_bytes` bytes.
std::optional<HeapEntry> heap_entry(const Record& record, IdType id_type, const std::byte* heap,
                                    std::uint64_t heap_bytes) noexcept;

// Bytes of heap that an entry takes; 0 where there is nothing to keep.
constexpr std::uint64_t heap_entry_bytes(std::size_t id, std::size_t metadata) noexcept {
  return id + metadata == 0 ? 0 : align_up(sizeof(HeapPrefix) + id + metadata, kHeapUnit);
}

}  // namespace jvdb::format

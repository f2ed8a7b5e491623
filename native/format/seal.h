// Builds the structures of a file and computes their checksums. Threads: free functions.
#pragma once

#include <cstdint>

#include "format/geometry.h"
#include "format/layout.h"
#include "format/schema.h"

namespace jvdb::format {

// The checksum each structure should carry.
std::uint32_t crc_of(const Head& head) noexcept;
std::uint32_t crc_of(const Superblock& block) noexcept;
std::uint32_t crc_of(const ExtentHeader& header) noexcept;
std::uint32_t crc_of(const Record& record) noexcept;

// Of a new database: random, version 4 of RFC 9562.
Uuid random_uuid();

Head make_head(const Schema& schema, const ExtentGeometry& first, const Uuid& uuid,
               std::uint64_t created_us, std::uint64_t id_hash_seed,
               std::uint32_t feature_incompat = 0) noexcept;

ExtentHeader make_extent_header(const ExtentGeometry& geometry, const Schema& schema,
                                const Uuid& uuid, std::uint32_t seq, std::uint64_t base_lsn,
                                std::uint32_t epoch) noexcept;

}  // namespace jvdb::format

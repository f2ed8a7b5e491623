// What a database says of itself, without opening it. Threads: free function.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "format/schema.h"
#include "os/file_system.h"

namespace jvdb::engine {

struct Inspection {
  format::Schema schema;
  std::uint64_t created_us = 0;
  // As of the last flush.
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
  std::uint64_t durable_lsn = 0;
  std::uint64_t durable_time_us = 0;
  // As of now.
  std::uint64_t file_bytes = 0;
  std::uint64_t allocated_bytes = 0;
};

// Reads a few pages of the file, beside its writer too; nothing is mapped, locked or recovered. A
// link is not followed.
Result<Inspection> inspect(os::FileSystem& files, const std::string& path);

}  // namespace jvdb::engine

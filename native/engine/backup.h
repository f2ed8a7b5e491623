// Copies of a database's state, whole or of what followed another copy.
// Threads: free functions; beside readers and writers of the database.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/job.h"
#include "engine/open_file.h"
#include "os/file_system.h"

namespace jvdb::engine {

struct BackupReport {
  bool increment = false;
  format::Uuid uuid{};
  std::uint64_t since_lsn = 0;  // an increment follows it; of a whole copy, the history's floor
  std::uint64_t since_time_us = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t last_time_us = 0;
  std::uint64_t live = 0;  // vectors in the database then
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC32C of the file
  std::uint64_t duration_us = 0;
};

// Writes what `from` holds now to a new file at `path`, verified and durable when it returns. With
// `since_lsn` an increment: what followed that. Code::exists; not_found where a compaction dropped
// some of that; conflict where the LSN is above the last; corrupt where something is damaged.
Result<BackupReport> backup(const OpenFile& from, os::FileSystem& files, const std::string& path,
                            std::optional<std::uint64_t> since_lsn, Job& job);

// Up to where to restore; all there is without either.
struct RestorePoint {
  std::optional<std::uint64_t> lsn;
  std::optional<std::uint64_t> time_us;
};

struct RestoreReport {
  std::uint64_t last_lsn = 0;
  std::uint64_t last_time_us = 0;
  std::uint64_t live = 0;
  std::uint64_t bytes = 0;
  std::uint64_t duration_us = 0;
};

// Makes a new database at `to` of a whole copy, or a database that is closed, and the increments
// that follow it one by one, up to the last group that ends at or before the point. Nothing is
// written but the new file. Code::conflict where an increment doesn't follow what is before it,
// not_found where the point lies outside of what they hold.
Result<RestoreReport> restore(os::FileSystem& files, const std::vector<std::string>& from,
                              const std::string& to, const RestorePoint& point, Job& job);

}  // namespace jvdb::engine

// Verifies a file that need not be open: a database, or a part of a backup.
// Threads: free function.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "engine/job.h"
#include "engine/verify.h"
#include "os/file_system.h"

namespace jvdb::engine {

struct FileReport {
  VerifyReport report;
  std::uint64_t bytes = 0;  // of the file
  std::uint32_t crc = 0;    // CRC32C of all of them
};

// Where the file can't be opened, the report says why. Beside a writer: what it has written so far.
Result<FileReport> verify_file(os::FileSystem& files, const std::string& path, bool increment,
                               Job& job);

// CRC32C of a file's bytes, and how many there are.
Result<FileReport> measure_file(const os::File& file, Job& job);

}  // namespace jvdb::engine

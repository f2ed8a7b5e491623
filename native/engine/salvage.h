// Copies what is whole out of a damaged file.
// Threads: free function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/job.h"
#include "engine/verify.h"
#include "os/file_system.h"

namespace jvdb::engine {

struct SalvageReport : VerifyErrors {
  static constexpr std::size_t kMostNamed = 100;

  std::uint64_t live = 0;             // vectors that were copied
  std::uint64_t lost = 0;             // ids whose last vector or metadata are damaged
  std::vector<std::string> lost_ids;  // the first of them
  // Operations that can't be read at all. What they changed is unknown: an id that they removed or
  // replaced is back as it was before.
  std::uint64_t unreadable = 0;
  std::uint64_t last_lsn = 0;  // of what was read
  std::uint64_t bytes = 0;     // of the new file
  std::uint64_t duration_us = 0;
};

// Reads `from`, which may be damaged anywhere but in both copies of its head, and makes a new
// database at `to` of the vectors whose every byte matches its checksum; their LSNs and times stay.
// `from` is only read. Code::corrupt where nothing can be told of it, exists.
Result<SalvageReport> salvage(os::FileSystem& files, const std::string& from, const std::string& to,
                              Job& job);

}  // namespace jvdb::engine

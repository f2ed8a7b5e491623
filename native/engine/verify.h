// Compares a database with its checksums and with itself. Threads: free functions; beside readers
// and writers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/job.h"
#include "engine/new_file.h"
#include "engine/snapshot.h"
#include "os/file.h"

namespace jvdb::engine {

struct VerifyError {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t lsn = 0;     // of the operation, 0 where it isn't about one
  std::string message;
};

// All are counted, the first of them kept.
struct VerifyErrors {
  static constexpr std::size_t kMostErrors = 100;
  std::uint64_t error_count = 0;
  std::vector<VerifyError> errors;
  void wrong(std::uint64_t offset, std::uint64_t lsn, std::string message);
};

struct VerifyReport : VerifyErrors {
  std::uint64_t live = 0;     // vectors of the snapshot
  std::uint64_t records = 0;  // compared
  std::uint64_t bytes = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t duration_us = 0;
};

struct VerifyInput {
  const os::File& file;
  const NewFile::Origin& origin;
  const Catalog& catalog;
  const Snapshot& snapshot;
};

// Headers, superblocks, every record of the snapshot and the way from each live id to its vector;
// `deep`: all that the records stand for too. A failure is one to look; what is wrong is in the
// report.
Result<VerifyReport> verify(const VerifyInput& input, bool deep, Job& job);

}  // namespace jvdb::engine

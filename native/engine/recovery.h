// Rebuilds the catalog from the records of a file, and finds where its history ends (rule 9).
// Threads: runs before anybody else knows the store.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/fill.h"
#include "engine/protocol.h"
#include "format/parse.h"
#include "os/file.h"

namespace jvdb::engine {

struct RecoveryReport {
  bool clean = false;                 // the file was closed in order
  std::uint64_t durable_lsn = 0;      // what the superblock promised
  std::uint64_t recovered_lsn = 0;    // what was found
  std::uint64_t dropped_records = 0;  // of an unfinished group behind that
  std::uint64_t duration_us = 0;
};

struct Recovered {
  RecoveryReport report;
  Fill fill;  // of the last extent
  std::uint64_t last_timestamp_us = 0;
};

// Fills `catalog` and publishes the tail. Code::corrupt where the history ends before what the
// superblock promised: then the file is damaged, not torn, and nothing was touched. `for_writing`:
// what is above the durable LSN is read from the disk, not from a cache that a failed sync left.
Result<Recovered> recover(os::File& file, const Protocol& protocol,
                          const format::ParsedFile& parsed, os::Advice access, bool for_writing,
                          Catalog& catalog);

}  // namespace jvdb::engine

// Rebuilds the catalog from the records of a file, and finds where its history ends (rule 9).
// Threads: as the catalog's writer.
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

// Where the history ends that was taken in: behind a whole group.
struct HistoryEnd {
  std::uint64_t lsn = 0;
  std::uint64_t timestamp_us = 0;
  Fill fill;  // of the last extent
  // The first slot that an operation above the superblock's durable LSN wrote, else the next.
  std::uint32_t first_unsynced_slot = 0;
};

struct Recovered {
  RecoveryReport report;
  HistoryEnd end;
};

struct RecoveryInput {
  os::File& file;
  const Protocol& protocol;
  const format::ParsedFile& parsed;
  os::Advice access;
  Catalog& catalog;  // takes what is found
};

// Fills the catalog and publishes the end. Code::corrupt where the history ends before what the
// superblock promised: then the file is damaged, not torn, and nothing was touched.
Result<Recovered> recover(const RecoveryInput& input);

// Goes on behind `from`, beside readers of the catalog, and does not publish. After a failure the
// catalog can be read, but not gone on with.
Result<HistoryEnd> recover_more(const RecoveryInput& input, const HistoryEnd& from);

}  // namespace jvdb::engine

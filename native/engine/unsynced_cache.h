// Makes recovery read what the disk has (rule 12). After a failed sync the kernel may hold cached
// pages that it believes written and the disk never got; pages that a killed process left dirty are
// not touched.
// Threads: free function; before the file is mapped, for a mapped page can't be dropped.
#pragma once

#include "base/status.h"
#include "format/parse.h"
#include "os/file.h"

namespace jvdb::engine {

// Drops the cached pages of records and payloads above the superblock's durable LSN.
Status drop_unsynced_cache(os::File& file, const format::ParsedFile& parsed);

}  // namespace jvdb::engine

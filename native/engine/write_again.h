// Writes again what recovery found above the durable LSN (rule 7). After a failed sync the kernel
// may hold pages that it believes written and the disk never got; a sync would pass them over and
// say that all is well. Dropping them from the cache is not certain: not while anybody maps them,
// as a reader in another process does. Threads: free function; before anything is appended.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "engine/catalog.h"
#include "format/schema.h"
#include "os/file.h"

namespace jvdb::engine {

// Code::io where what was found is no longer there.
Status write_again(os::File& file, const Catalog& catalog, const format::Schema& schema,
                   std::uint64_t durable_lsn);

}  // namespace jvdb::engine

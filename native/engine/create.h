// Makes a new database file. Threads: free function.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "format/schema.h"
#include "os/file_system.h"

namespace jvdb::engine {

// Writes an empty database under a temporary name, syncs it, and gives it its name in one step: a
// crash leaves no half-made file under `path`. Room for `initial_capacity` vectors is laid out;
// its disk blocks are taken at the first write. Code::exists where something has the name.
Status create_file(os::FileSystem& files, const std::string& path, const format::Schema& schema,
                   std::uint32_t initial_capacity);

}  // namespace jvdb::engine

// Stores that no file holds. Threads: free function.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/registry.h"

namespace jvdb::engine {

// A new store over anonymous memory, of what `request` says; gone when its last handle goes. `name`
// is for messages.
Result<Registry::Handle> open_in_memory(const std::string& name, const OpenRequest& request);

}  // namespace jvdb::engine

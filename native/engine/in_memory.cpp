#include "engine/in_memory.h"

#include "os/memory/memory_file_system.h"

namespace jvdb::engine {

Result<Registry::Handle> open_in_memory(const std::string& name, const OpenRequest& request) {
  // Both may go before the store: it has its file, and nobody else can find that.
  os::memory::MemoryFileSystem files;
  return Registry(files).open(name, request);
}

}  // namespace jvdb::engine

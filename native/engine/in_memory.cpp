#include "engine/in_memory.h"

#include <memory>

#include "os/memory/memory_file_system.h"

namespace jvdb::engine {

namespace {

struct Alone {
  os::memory::MemoryFileSystem files;
  Registry registry{files};
};

}  // namespace

Result<Registry::Handle> open_in_memory(const std::string& name, const OpenRequest& request) {
  const auto alone = std::make_shared<Alone>();
  return Registry::open_alone({alone, &alone->registry}, name, request);
}

}  // namespace jvdb::engine

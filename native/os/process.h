// Which process this is. Threads: any.
#pragma once

#include <cstdint>

namespace jvdb::os {

// Rises in the child of a fork() that goes on without exec: files, locks and threads of the parent
// are not its own. Known to be so only after the first call.
std::uint32_t process_generation() noexcept;

}  // namespace jvdb::os

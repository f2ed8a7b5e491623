#include "os/process.h"

namespace jvdb::os {

// Windows has no fork().
std::uint32_t process_generation() noexcept {
  return 0;
}

}  // namespace jvdb::os

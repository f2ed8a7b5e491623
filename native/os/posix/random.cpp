#include "os/random.h"

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace jvdb::os {

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  if (::getentropy(&value, sizeof value) != 0) {
    throw std::system_error(errno, std::generic_category(), "getentropy");
  }
  return value;
}

}  // namespace jvdb::os

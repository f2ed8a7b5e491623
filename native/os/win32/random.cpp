#define _CRT_RAND_S  // rand_s(): the system's generator, in every C library of Windows
#include "os/random.h"

#include <cstdlib>
#include <system_error>

namespace jvdb::os {

std::uint64_t random_u64() {
  unsigned int high = 0;
  unsigned int low = 0;
  int error = ::rand_s(&high);
  if (error == 0) error = ::rand_s(&low);
  if (error != 0) throw std::system_error(error, std::generic_category(), "rand_s");
  return static_cast<std::uint64_t>(high) << 32 | low;
}

}  // namespace jvdb::os

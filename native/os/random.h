// Random numbers that nobody can predict: uuids, epochs, seeds. From the system's own call:
// std::random_device may open a file for it, and a process may have no descriptor left.
// Threads: free functions.
#pragma once

#include <cstdint>

namespace jvdb::os {

// Throws std::system_error where the system has none, such as under a seccomp filter.
std::uint64_t random_u64();

inline std::uint32_t random_nonzero_u32() {
  for (;;) {
    if (const auto value = static_cast<std::uint32_t>(random_u64()); value != 0) return value;
  }
}

}  // namespace jvdb::os

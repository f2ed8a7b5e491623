// Random numbers that nobody can predict: uuids, epochs, seeds. Threads: free functions.
#pragma once

#include <cstdint>
#include <random>

namespace jvdb {

inline std::uint64_t random_u64() {
  std::random_device source;
  return static_cast<std::uint64_t>(source()) << 32 | source();
}

inline std::uint32_t random_nonzero_u32() {
  for (;;) {
    if (const auto value = static_cast<std::uint32_t>(random_u64()); value != 0) return value;
  }
}

}  // namespace jvdb

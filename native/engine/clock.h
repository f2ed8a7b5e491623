// Wall-clock time. Threads: free functions.
#pragma once

#include <chrono>
#include <cstdint>

namespace jvdb::engine {

// Microseconds since 1970. It may jump; LSNs order things, times do not.
inline std::uint64_t now_us() noexcept {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace jvdb::engine

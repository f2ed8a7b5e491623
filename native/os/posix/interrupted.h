// Calls that a signal may interrupt. Threads: free function, no state.
#pragma once

#include <cerrno>

namespace jvdb::os::posix {

// Runs a call again for as long as a signal interrupts it.
template <typename Call>
auto uninterrupted(Call call) noexcept {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace jvdb::os::posix

// GetLastError() as a Status. Threads: free function, no state.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace jvdb::os::win32 {

// "cannot <action> <path>: <reason>" with what the caller can do about it.
Status error(unsigned long number, std::string_view action, const std::string& path);

}  // namespace jvdb::os::win32

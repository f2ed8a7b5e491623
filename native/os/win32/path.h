// Paths as the system calls want them. Threads: free functions, no state.
#pragma once

#include <string>

#include "base/status.h"

namespace jvdb::os::win32 {

// The path in the one form that every call takes, however long it is: absolute, in UTF-16, after
// "\\?\". Refused are what would not lead to a file of that name: devices (NUL, COM1, "\\.\…"),
// which Windows finds in every directory, and streams of a file ("a.jvdb:b"), which share its
// identity.
Result<std::wstring> system_path(const std::string& path);

// The directory that holds what a system path names.
std::wstring parent_of(const std::wstring& system_path);

}  // namespace jvdb::os::win32

// What Windows knows of an open file. Threads: free functions, no state.
#pragma once

#include <windows.h>

#include <string>

#include "base/status.h"
#include "os/file.h"

namespace jvdb::os::win32 {

Result<FileInfo> info_of(HANDLE file, const std::string& path);

// Whether it lies on another machine: on a share, or a drive that stands for one.
bool is_remote(HANDLE file, const std::wstring& system_path);

}  // namespace jvdb::os::win32

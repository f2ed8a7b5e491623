// Texts between UTF-8, which the core speaks, and UTF-16, which Windows does.
// Threads: free functions, no state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jvdb::os::win32 {

// nullopt where the text is not UTF-8.
std::optional<std::wstring> to_utf16(std::string_view text);
// Unpaired surrogates become U+FFFD.
std::string to_utf8(std::wstring_view text);

}  // namespace jvdb::os::win32

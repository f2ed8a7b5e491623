#include "os/win32/utf16.h"

#include <windows.h>

namespace jvdb::os::win32 {

std::optional<std::wstring> to_utf16(std::string_view text) {
  if (text.empty()) return std::wstring();
  const char* from = text.data();
  const int size = static_cast<int>(text.size());
  const int needed = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, from, size, nullptr, 0);
  if (needed <= 0) return std::nullopt;
  std::wstring out(static_cast<std::size_t>(needed), L'\0');
  ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, from, size, out.data(), needed);
  return out;
}

std::string to_utf8(std::wstring_view text) {
  if (text.empty()) return {};
  const wchar_t* from = text.data();
  const int size = static_cast<int>(text.size());
  const int needed = ::WideCharToMultiByte(CP_UTF8, 0, from, size, nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<std::size_t>(needed), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, from, size, out.data(), needed, nullptr, nullptr);
  return out;
}

}  // namespace jvdb::os::win32
